package plot

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// scale is how many pixels a point has.
const scale = 2

// picture is an image of a figure.
type picture struct {
	image *image.RGBA
	clip  image.Rectangle
}

func newPicture(f Figure) picture {
	bounds := image.Rect(0, 0, int(scale*width), int(scale*f.height))
	return picture{image.NewRGBA(bounds), bounds}
}

func (p picture) fill(c color.NRGBA, corners ...point) {
	p.paint(c, [][]point{corners})
}

// stroke draws each piece of a line as a rectangle, and a disc where two meet. They are drawn together, so that a line
// is not darker where they overlap.
func (p picture) stroke(with pen, through ...point) {
	var shapes [][]point
	r := with.width / 2
	for _, stroke := range dashed(through, with.dashes) {
		for i, to := range stroke[1:] {
			from := stroke[i]
			d := math.Hypot(to.x-from.x, to.y-from.y)
			if d == 0 {
				continue
			}
			x, y := (to.x-from.x)/d*r, (to.y-from.y)/d*r
			shapes = append(shapes, []point{{from.x + y, from.y - x}, {to.x + y, to.y - x}, {to.x - y, to.y + x}, {from.x - y, from.y + x}})
			if i > 0 {
				shapes = append(shapes, disc(from, r))
			}
		}
	}
	p.paint(with.colour, shapes)
}

func (p picture) write(l letters, at point, text string) {
	mask, from := p.mask(l, text)
	x := int(math.Round(scale*at.x - float64(l.align)*float64(mask.Bounds().Dx())))
	p.stamp(l, mask, image.Pt(x, int(math.Round(scale*at.y))-from))
}

func (p picture) upwards(l letters, at point, text string) {
	mask, from := p.mask(l, text)
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	turned := image.NewAlpha(image.Rect(0, 0, h, w))
	for x := range w {
		for y := range h {
			turned.SetAlpha(y, w-1-x, mask.AlphaAt(x, y))
		}
	}
	y := int(math.Round(scale*at.y - float64(1-l.align)*float64(w)))
	p.stamp(l, turned, image.Pt(int(math.Round(scale*at.x))-from, y))
}

func (p picture) within(b box, draw func(canvas)) {
	p.clip = image.Rect(int(math.Floor(scale*b.left)), int(math.Floor(scale*b.top)), int(math.Ceil(scale*b.right)), int(math.Ceil(scale*b.bottom)))
	draw(p)
}

// mask returns a text's shape, and how far its baseline is below the top.
func (p picture) mask(l letters, text string) (mask *image.Alpha, from int) {
	face := l.face(scale)
	m := face.Metrics()
	from = m.Ascent.Ceil()
	mask = image.NewAlpha(image.Rect(0, 0, font.MeasureString(face, text).Ceil(), from+m.Descent.Ceil()))
	d := font.Drawer{Dst: mask, Src: image.Opaque, Face: face, Dot: fixed.P(0, from)}
	d.DrawString(text)
	return mask, from
}

func (p picture) stamp(l letters, mask *image.Alpha, at image.Point) {
	r := mask.Bounds().Add(at)
	draw.DrawMask(p.image, r, image.NewUniform(l.colour), image.Point{}, mask, image.Point{}, draw.Over)
}

// paint fills polygons. Only the part of the picture that they may reach is looked at.
func (p picture) paint(c color.NRGBA, shapes [][]point) {
	reach := p.clip.Intersect(bounds(shapes))
	if reach.Empty() {
		return
	}
	v := vector.NewRasterizer(reach.Dx(), reach.Dy())
	for _, corners := range shapes {
		for i, at := range corners {
			x, y := float32(scale*at.x-float64(reach.Min.X)), float32(scale*at.y-float64(reach.Min.Y))
			if i == 0 {
				v.MoveTo(x, y)
			} else {
				v.LineTo(x, y)
			}
		}
		v.ClosePath()
	}
	v.Draw(p.image, reach, image.NewUniform(c), image.Point{})
}

// bounds are the pixels that polygons may reach.
func bounds(shapes [][]point) image.Rectangle {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, corners := range shapes {
		for _, c := range corners {
			left, top, right, bottom = min(left, c.x), min(top, c.y), max(right, c.x), max(bottom, c.y)
		}
	}
	if left > right {
		return image.Rectangle{}
	}
	return image.Rect(int(math.Floor(scale*left)), int(math.Floor(scale*top)), int(math.Ceil(scale*right)), int(math.Ceil(scale*bottom)))
}

// dashed cuts a line into its strokes.
func dashed(line []point, dashes []float64) [][]point {
	if len(line) < 2 {
		return nil
	}
	if len(dashes) == 0 {
		return [][]point{line}
	}
	var strokes [][]point
	which, left := 0, dashes[0]
	current := []point{line[0]}
	for i, to := range line[1:] {
		from := line[i]
		d := math.Hypot(to.x-from.x, to.y-from.y)
		done := 0.0
		for d-done > left {
			done += left
			at := point{from.x + (to.x-from.x)*done/d, from.y + (to.y-from.y)*done/d}
			if which%2 == 0 {
				strokes = append(strokes, append(current, at))
			}
			which++
			left, current = dashes[which%len(dashes)], []point{at}
		}
		left -= d - done
		current = append(current, to)
	}
	if which%2 == 0 {
		strokes = append(strokes, current)
	}
	return strokes
}
