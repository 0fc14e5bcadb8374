package plot

import (
	"image/color"

	xfont "golang.org/x/image/font"
	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The greys of everything that is no variant.
var (
	ink   = color.NRGBA{0x1f, 0x23, 0x2b, 0xff}
	faint = color.NRGBA{0x5a, 0x60, 0x70, 0xff}
	rule  = color.NRGBA{0xd9, 0xdb, 0xe1, 0xff}
)

// colours can be distinguished by most people with a colour vision deficiency (Okabe and Ito, "Color universal design",
// 2008), and dashes without seeing colours at all. The two have different numbers, so pairs of them repeat late.
var (
	colours = []color.NRGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xb0, 0x53, 0x90, 0xff},
		{0x2f, 0x8f, 0xc4, 0xff}, {0xb8, 0x7a, 0x00, 0xff}, {0x1f, 0x23, 0x2b, 0xff},
	}
	dashes = [][]vg.Length{nil, {7, 3}, {2, 2}, {9, 3, 2, 3}, {14, 4}, {5, 2, 2, 2, 2, 2}}
)

// lineOf is the line of the i-th variant.
func lineOf(i int, w vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: colours[i%len(colours)], Width: w, Dashes: dashes[i%len(dashes)]}
}

// veil is the colour of the i-th variant's band, under which others can be seen.
func veil(i int) color.Color {
	c := colours[i%len(colours)]
	c.A = 0x24
	return c
}

func plain(size vg.Length) draw.TextStyle {
	return text.Style{Color: ink, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}, Handler: gonum.DefaultTextHandler}
}

func dim(size vg.Length) draw.TextStyle {
	s := plain(size)
	s.Color = faint
	return s
}

func bold(size vg.Length) draw.TextStyle {
	s := plain(size)
	s.Font.Weight = xfont.WeightBold
	return s
}

// axis gives an axis the figures' fonts and lines.
func axis(a *gonum.Axis, label string) {
	a.Label.Text = label
	a.Label.TextStyle = restyled(a.Label.TextStyle, dim(10))
	a.Label.Padding = 4
	a.Tick.Label = restyled(a.Tick.Label, plain(9.5))
	a.Tick.LineStyle = draw.LineStyle{Color: faint, Width: 0.5}
	a.LineStyle = draw.LineStyle{Color: faint, Width: 0.5}
	a.Padding = 0
}

// restyled is s with the font and colour of another style.
func restyled(s, as draw.TextStyle) draw.TextStyle {
	s.Font, s.Color = as.Font, as.Color
	return s
}

// drawer is a plotter that is a function.
type drawer func(draw.Canvas, *gonum.Plot)

func (d drawer) Plot(c draw.Canvas, p *gonum.Plot) { d(c, p) }
