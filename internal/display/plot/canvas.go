package plot

import "image/color"

// point is a place on a figure, in points of 1/72 inch from its upper left corner.
type point struct{ x, y float64 }

// box is a part of a figure.
type box struct{ left, top, right, bottom float64 }

// canvas is what a figure is drawn on: a document or a picture.
type canvas interface {
	// fill fills a polygon.
	fill(c color.NRGBA, corners ...point)
	// stroke draws a line through points.
	stroke(p pen, through ...point)
	// write writes a text at a point of its baseline.
	write(l letters, at point, text string)
	// upwards writes a text from the bottom to the top, whose baseline is to the right of it.
	upwards(l letters, at point, text string)
	// within clips a drawing to a box.
	within(b box, draw func(canvas))
}

// pen is how a line looks. Dashes are lengths of strokes and gaps, in turn.
type pen struct {
	colour color.NRGBA
	width  float64
	dashes []float64
}

// align says which part of a text is at its point.
type align float64

const (
	start  align = 0
	middle align = 0.5
	end    align = 1
)

// letters are how a text looks.
type letters struct {
	colour color.NRGBA
	size   float64
	bold   bool
	align  align
}

func (l letters) at(a align) letters {
	l.align = a
	return l
}

// Heights above the baseline as parts of the size, in Liberation Sans, Arial and Helvetica.
const (
	ascent    = 0.905 // of the highest letters
	capHeight = 0.716
)

// below is the baseline of a text whose top is at y, and centred the one of a text whose middle is.
func (l letters) below(y float64) float64   { return y + ascent*l.size }
func (l letters) centred(y float64) float64 { return y + capHeight/2*l.size }
