// Package plot draws a report on an experiment: its confidence sequence over the units, and a forest plot of its
// metrics. Figures are legible without colour.
package plot

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"
	"time"
	"unicode"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/report"
)

// width of every figure, and the margin around it.
const (
	width  = 720 * vg.Length(1)
	margin = 14 * vg.Length(1)
)

// dpi of the PNG: figures are 1440 pixels wide.
const dpi = 144

// Figure is a drawing that can be written in two forms. The same figure is the same bytes.
type Figure struct {
	// Title names the subject, and Text describes the figure for readers who do not see it.
	Title, Text string

	subtitle string
	height   vg.Length
	body     func(draw.Canvas) // below the titles
}

// Size returns the width and height in points, of 1/72 inch.
func (f Figure) Size() (w, h float64) { return width.Points(), f.height.Points() }

// SVG returns the figure as an SVG document. It needs no font of its own: a browser has one that fits.
func (f Figure) SVG() ([]byte, error) {
	c := vgsvg.New(width, f.height)
	f.draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	doc := strings.ReplaceAll(b.String(), "font-family:Liberation Sans;", "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
	head, rest, ok := strings.Cut(doc, "<svg ")
	open, rest, ok2 := strings.Cut(rest, ">")
	if !ok || !ok2 {
		return nil, fmt.Errorf("verdict: the drawing is not an SVG document")
	}
	return fmt.Appendf(nil, "%s<svg role=\"img\" %s>\n<title>%s</title>\n<desc>%s</desc>%s", head, open, escape(f.Title), escape(f.Text), rest), nil
}

// PNG returns the figure as a PNG image, 1440 pixels wide.
func (f Figure) PNG() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(width, f.height), vgimg.UseDPI(dpi))
	f.draw(draw.New(c))
	var b bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(&b)
	return b.Bytes(), err
}

func (f Figure) draw(c draw.Canvas) {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	c = draw.Crop(c, margin, -margin, margin, -margin)
	top := c.Max.Y
	for _, line := range []struct {
		text  string
		style draw.TextStyle
	}{{f.Title, bold(13)}, {f.subtitle, dim(10)}} {
		line.style.YAlign = draw.YTop
		c.FillText(line.style, vg.Point{X: c.Min.X, Y: top}, fit(line.text, line.style, c.Max.X-c.Min.X))
		top -= line.style.Font.Size * 1.45
	}
	c.Max.Y = top - 6
	f.body(c)
}

// message is a body that says why there is nothing to draw.
func message(text string) func(draw.Canvas) {
	return func(c draw.Canvas) {
		s := plain(11)
		s.XAlign, s.YAlign = draw.XCenter, draw.YCenter
		c.FillText(s, c.Center(), fit(text, s, c.Max.X-c.Min.X))
	}
}

// heading is the title of an experiment's figure.
func heading(e report.Experiment) string {
	t := clip(e.Name) + ", version " + clip(e.Version)
	if e.Primary != "" {
		t += ": " + clip(e.Primary)
	}
	return t
}

// against says what the axis shows.
func against(e report.Experiment, lift bool, asOf time.Time) string {
	what := "difference to "
	if lift {
		what = "lift over "
	}
	return fmt.Sprintf("%s%s with its %s interval, which holds at every look; as of %s",
		what, clip(e.Control), level(e), asOf.UTC().Format(time.DateTime+" MST"))
}

// level is the level of the intervals, in percent.
func level(e report.Experiment) string {
	return fmt.Sprintf("%.4g%%", 100*e.Level)
}

// maxName is how many characters of a name are shown.
const maxName = 40

// clip shortens a name, and removes characters that a drawing cannot show.
func clip(name string) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= 0xFFFE && r <= 0xFFFF || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, name))
	if len(runes) > maxName {
		return string(runes[:maxName-1]) + "…"
	}
	return string(runes)
}

// fit shortens a text to a width.
func fit(text string, s draw.TextStyle, w vg.Length) string {
	if s.Width(text) <= w {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && s.Width(string(runes)+"…") > w {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// better says which way is.
func better(d experiments.Direction) string {
	if d == experiments.Lower {
		return "lower is better"
	}
	return "higher is better"
}
