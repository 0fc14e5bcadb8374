// Package plot draws a report on an experiment: its confidence sequence over the units, and a forest plot of its
// metrics. Figures are legible without colour.
package plot

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"time"
	"unicode"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
)

// width of every figure, and the margin around it, in points.
const (
	width  = 720.0
	margin = 14.0
)

// Figure is a drawing that can be written in two forms. The same figure is the same bytes.
type Figure struct {
	// Title names the subject, and Text describes the figure for readers who do not see it.
	Title, Text string

	subtitle string
	height   float64
	body     func(canvas, box) // below the titles
}

// Size returns the width and height in points, of 1/72 inch.
func (f Figure) Size() (w, h float64) { return width, f.height }

// SVG returns the figure as an SVG document.
func (f Figure) SVG() ([]byte, error) {
	s := newSVG(f)
	f.draw(s)
	return s.close(), nil
}

// PNG returns the figure as a PNG image, 1440 pixels wide.
func (f Figure) PNG() ([]byte, error) {
	p := newPicture(f)
	f.draw(p)
	var b bytes.Buffer
	err := png.Encode(&b, p.image)
	return b.Bytes(), err
}

func (f Figure) draw(c canvas) {
	c.fill(paper, point{0, 0}, point{width, 0}, point{width, f.height}, point{0, f.height})
	area := box{margin, margin, width - margin, f.height - margin}
	for _, line := range []struct {
		text string
		letters
	}{{f.Title, bold(13)}, {f.subtitle, dim(10)}} {
		c.write(line.letters, point{area.left, line.below(area.top)}, line.fit(line.text, area.right-area.left))
		area.top += line.size * 1.45
	}
	area.top += 6
	f.body(c, area)
}

// message is a body that says why there is nothing to draw.
func message(text string) func(canvas, box) {
	return func(c canvas, b box) {
		l := plain(11).at(middle)
		c.write(l, point{(b.left + b.right) / 2, l.centred((b.top + b.bottom) / 2)}, l.fit(text, b.right-b.left))
	}
}

// heading is the title of an experiment's figure.
func heading(e results.Experiment) string {
	t := clip(e.Name) + ", version " + clip(e.Version)
	if e.Primary != "" {
		t += ": " + clip(e.Primary)
	}
	return t
}

// against says what the axis shows.
func against(e results.Experiment, lift bool, asOf time.Time) string {
	what := "difference to "
	if lift {
		what = "lift over "
	}
	return fmt.Sprintf("%s%s with its %s interval, which holds at every look; as of %s",
		what, clip(e.Control), level(e), asOf.UTC().Format(time.DateTime+" MST"))
}

// level is the level of the intervals, in percent.
func level(e results.Experiment) string {
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

// better says which way is.
func better(d experiments.Direction) string {
	if d == experiments.Lower {
		return "lower is better"
	}
	return "higher is better"
}
