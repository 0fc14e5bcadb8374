package plot

import (
	"fmt"
	"image/color"
	"math"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

// The greys of everything that is no variant.
var (
	ink   = color.NRGBA{0x1f, 0x23, 0x2b, 0xff}
	faint = color.NRGBA{0x5a, 0x60, 0x70, 0xff}
	rule  = color.NRGBA{0xd9, 0xdb, 0xe1, 0xff}
	paper = color.NRGBA{0xff, 0xff, 0xff, 0xff}
)

// colours can be distinguished by most people with a colour vision deficiency (Okabe and Ito, "Color universal design",
// 2008), and dashes without seeing colours at all. The two have different numbers, so pairs of them repeat late.
var (
	colours = []color.NRGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xb0, 0x53, 0x90, 0xff},
		{0x2f, 0x8f, 0xc4, 0xff}, {0xb8, 0x7a, 0x00, 0xff}, {0x1f, 0x23, 0x2b, 0xff},
	}
	dashes = [][]float64{nil, {7, 3}, {2, 2}, {9, 3, 2, 3}, {14, 4}, {5, 2, 2, 2, 2, 2}}
)

// lineOf is the line of the i-th variant.
func lineOf(i int, w float64) pen {
	return pen{colours[i%len(colours)], w, dashes[i%len(dashes)]}
}

// veil is the colour of the i-th variant's band, under which others can be seen.
func veil(i int) color.NRGBA {
	c := colours[i%len(colours)]
	c.A = 0x24
	return c
}

func plain(size float64) letters { return letters{colour: ink, size: size} }
func dim(size float64) letters   { return letters{colour: faint, size: size} }
func bold(size float64) letters  { return letters{colour: ink, size: size, bold: true} }

// fonts are Liberation Sans, regular and bold, which is as wide as Arial and Helvetica.
var fonts = sync.OnceValue(func() (read [2]*opentype.Font) {
	for i, ttf := range [][]byte{liberationsansregular.TTF, liberationsansbold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			panic(fmt.Sprintf("verdict: the font of figures: %v", err)) // it is a constant
		}
		read[i] = f
	}
	return read
})

// face returns the font in a size, whose glyphs it keeps. It is for one goroutine.
func (l letters) face(scale float64) font.Face {
	f := fonts()[0]
	if l.bold {
		f = fonts()[1]
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: scale * l.size, DPI: 72})
	if err != nil {
		panic(fmt.Sprintf("verdict: the font of figures: %v", err)) // it has no such case
	}
	return face
}

// width is how wide a text is.
func (l letters) width(text string) float64 {
	const fine = 16 // widths are in 64ths
	return float64(font.MeasureString(l.face(fine), text)) / 64 / fine
}

// fit shortens a text to a width.
func (l letters) fit(text string, w float64) string {
	if l.width(text) <= w {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && l.width(string(runes)+"…") > w {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// disc is a circle as a polygon.
func disc(at point, r float64) (corners []point) {
	const n = 24
	for i := range n {
		s, c := math.Sincos(2 * math.Pi * float64(i) / n)
		corners = append(corners, point{at.x + r*c, at.y + r*s})
	}
	return corners
}
