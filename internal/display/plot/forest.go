package plot

import (
	"fmt"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
)

// The parts of a forest plot, from the top: titles, and for each panel a heading, its rows and its axis.
const (
	titles   = 52.0
	headRoom = 18.0
	rowRoom  = 19.0
	axisRoom = 46.0
)

// Forest draws each metric's panel: how much every variant differs from the control, which is at 0.
func Forest(e results.Experiment, asOf time.Time) Figure {
	panels := display.PanelsOf(e)
	f := Figure{Title: heading(e), height: titles + 2*margin}
	if len(panels) == 0 {
		f.height += 2 * axisRoom
		f.subtitle = "as of " + asOf.UTC().Format(time.DateTime+" MST")
		f.Text = "There is nothing to draw: " + e.Decision
		f.body = message(strings.TrimPrefix(e.Decision, "no decision: "))
		return f
	}
	f.subtitle = fmt.Sprintf("each variant against %s, with %s intervals, which hold at every look; as of %s",
		clip(e.Control), level(e), asOf.UTC().Format(time.DateTime+" MST"))
	f.Text = fmt.Sprintf("Each variant against %s, with %s intervals.", clip(e.Control), level(e))
	for _, p := range panels {
		f.height += room(p)
		f.Text += fmt.Sprintf(" %s.", panelHeading(p))
		for _, effect := range p.Effects {
			f.Text += fmt.Sprintf(" %s: %s.", clip(effect.Variant), effect)
		}
	}
	f.body = func(c canvas, b box) { drawForest(c, b, panels, e.Control) }
	return f
}

func room(p display.Panel) float64 {
	return headRoom + rowRoom*float64(len(p.Effects)) + axisRoom
}

// panelHeading names the metric of a panel.
func panelHeading(p display.Panel) string {
	what := "difference"
	if p.Lift {
		what = "lift"
	}
	role := p.Role
	if role == "engine" {
		role = "known of every run"
	}
	return fmt.Sprintf("%s: %s, %s", clip(p.Metric), role, what)
}

func drawForest(c canvas, b box, panels []display.Panel, control string) {
	left, right := 0.0, 0.0
	for _, p := range panels {
		for _, e := range p.Effects {
			left, right = max(left, rowLetters.width(clip(e.Variant))), max(right, rowLetters.width(e.String()))
		}
	}
	left, right = min(left+26, width/4), min(right+12, width/3)
	for _, p := range panels {
		head := bold(10.5)
		c.write(head, point{b.left, head.below(b.top)}, head.fit(panelHeading(p), b.right-b.left))
		drawPanel(c, box{b.left, b.top + headRoom, b.right, b.top + room(p)}, p, control, left, right)
		b.top += room(p)
	}
}

// rowLetters write the name and the numbers of a row.
var rowLetters = plain(10)

// drawPanel draws the rows of a metric between the names on the left and the numbers on the right.
func drawPanel(c canvas, b box, panel display.Panel, control string, left, right float64) {
	title := "difference to " + clip(control) + "; " + better(panel.Direction)
	if panel.Lift {
		title = "lift over " + clip(control) + ", %; " + better(panel.Direction)
	}
	lo, hi := reach(panel)
	x := newAxis(lo, hi, b.left+left, b.right-right)
	bottom := b.top + rowRoom*float64(len(panel.Effects))
	for _, t := range x.ticks() {
		if t.label != "" {
			c.stroke(pen{colour: rule, width: 0.5}, point{t.at, b.top}, point{t.at, bottom})
		}
	}
	c.stroke(pen{colour: ink, width: 1}, point{x.place(0), b.top}, point{x.place(0), bottom})
	for i, e := range panel.Effects {
		y := b.top + rowRoom*(float64(i)+0.5)
		value := rowLetters
		if e.Interval == nil {
			value.colour = faint
		} else {
			drawEffect(c, x, y, e)
		}
		c.write(rowLetters, point{b.left + 10, rowLetters.centred(y)}, rowLetters.fit(clip(e.Variant), left-16))
		c.write(value, point{b.right - right + 12, value.centred(y)}, value.fit(e.String(), right))
	}
	x.drawBelow(c, bottom, title)
}

// drawEffect draws an interval with its ends, and its value.
func drawEffect(c canvas, x axis, y float64, e display.Effect) {
	const tip, half = 4, 3
	lo, hi, at := x.place(e.Interval.Lo*unit(e.Lift)), x.place(e.Interval.Hi*unit(e.Lift)), x.place(e.Value*unit(e.Lift))
	line := pen{colour: colours[0], width: 1.6}
	c.stroke(line, point{lo, y}, point{hi, y})
	c.stroke(line, point{lo, y - tip}, point{lo, y + tip})
	c.stroke(line, point{hi, y - tip}, point{hi, y + tip})
	c.fill(line.colour, point{at - half, y - half}, point{at + half, y - half}, point{at + half, y + half}, point{at - half, y + half})
}

// reach is the range of a panel's axis.
func reach(p display.Panel) (lo, hi float64) {
	for _, e := range p.Effects {
		if e.Interval != nil {
			lo, hi = min(lo, e.Interval.Lo), max(hi, e.Interval.Hi)
		}
	}
	if lo == hi {
		return -1, 1
	}
	pad := (hi - lo) * 0.05
	return (lo - pad) * unit(p.Lift), (hi + pad) * unit(p.Lift)
}
