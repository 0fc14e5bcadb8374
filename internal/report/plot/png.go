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
	v := p.rasterizer()
	polygon(v, corners...)
	p.paint(v, c)
}

// stroke draws each piece of a line as a rectangle, and a disc where two meet. They are drawn together, so that a line
// is not darker where they overlap.
func (p picture) stroke(with pen, through ...point) {
	v, r := p.rasterizer(), with.width/2
	for _, stroke := range dashed(through, with.dashes) {
		for i, to := range stroke[1:] {
			from := stroke[i]
			d := math.Hypot(to.x-from.x, to.y-from.y)
			if d == 0 {
				continue
			}
			x, y := (to.x-from.x)/d*r, (to.y-from.y)/d*r
			polygon(v, point{from.x + y, from.y - x}, point{to.x + y, to.y - x}, point{to.x - y, to.y + x}, point{from.x - y, from.y + x})
			if i > 0 {
				polygon(v, disc(from, r)...)
			}
		}
	}
	p.paint(v, with.colour)
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

func (p picture) rasterizer() *vector.Rasterizer {
	return vector.NewRasterizer(p.image.Bounds().Dx(), p.image.Bounds().Dy())
}

func (p picture) paint(v *vector.Rasterizer, c color.NRGBA) {
	mask := image.NewAlpha(p.image.Bounds())
	v.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(p.image, p.clip, image.NewUniform(c), image.Point{}, mask, p.clip.Min, draw.Over)
}

func polygon(v *vector.Rasterizer, corners ...point) {
	for i, c := range corners {
		x, y := float32(scale*c.x), float32(scale*c.y)
		if i == 0 {
			v.MoveTo(x, y)
		} else {
			v.LineTo(x, y)
		}
	}
	v.ClosePath()
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
