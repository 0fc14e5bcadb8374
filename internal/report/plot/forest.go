package plot

import (
	"fmt"
	"strings"
	"time"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/verdict-dev/verdict/internal/report"
)

// The parts of a forest plot, from the top: titles, and for each panel a heading, its rows and its axis.
const (
	titles   = 52 * vg.Length(1)
	headRoom = 18 * vg.Length(1)
	rowRoom  = 19 * vg.Length(1)
	axisRoom = 46 * vg.Length(1)
)

// Forest draws each metric's panel: how much every variant differs from the control, which is at 0.
func Forest(e report.Experiment, asOf time.Time) Figure {
	panels := e.Forest()
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
	f.body = func(c draw.Canvas) { drawForest(c, panels, e.Control) }
	return f
}

func room(p report.Panel) vg.Length {
	return headRoom + rowRoom*vg.Length(len(p.Effects)) + axisRoom
}

// panelHeading names the metric of a panel.
func panelHeading(p report.Panel) string {
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

func drawForest(c draw.Canvas, panels []report.Panel, control string) {
	name, value := plain(10), plain(10)
	left, right := vg.Length(0), vg.Length(0)
	for _, p := range panels {
		for _, e := range p.Effects {
			left, right = max(left, name.Width(clip(e.Variant))), max(right, value.Width(e.String()))
		}
	}
	left, right = min(left+26, width/4), min(right+12, width/3)
	top := c.Max.Y
	for _, p := range panels {
		area := c
		area.Min.Y, area.Max.Y = top-room(p), top
		top = area.Min.Y
		head := bold(10.5)
		head.YAlign = draw.YTop
		c.FillText(head, vg.Point{X: c.Min.X, Y: area.Max.Y}, fit(panelHeading(p), head, c.Max.X-c.Min.X))
		area.Max.Y -= headRoom
		drawPanel(area, p, control, left, right)
	}
}

// drawPanel draws the rows of a metric between the names on the left and the numbers on the right.
func drawPanel(c draw.Canvas, panel report.Panel, control string, left, right vg.Length) {
	p := gonum.New()
	p.BackgroundColor = nil
	label := "difference to " + clip(control) + "; " + better(panel.Direction)
	if panel.Lift {
		label = "lift over " + clip(control) + ", %; " + better(panel.Direction)
	}
	axis(&p.X, label)
	p.HideY()
	p.Y.Padding = 0
	p.X.Min, p.X.Max = reach(panel)
	p.Y.Min, p.Y.Max = -float64(len(panel.Effects)), 0
	p.Add(drawer(func(c draw.Canvas, p *gonum.Plot) { rows(c, p, panel) }))
	area := draw.Crop(c, left, -right, 10, 0)
	p.Draw(area)
	data := p.DataCanvas(area)
	_, trY := p.Transforms(&data)
	for i, e := range panel.Effects {
		y := trY(-float64(i) - 0.5)
		name, value := plain(10), plain(10)
		name.YAlign, value.YAlign = draw.YCenter, draw.YCenter
		if e.Interval == nil {
			value.Color = faint
		}
		c.FillText(name, vg.Point{X: c.Min.X + 10, Y: y}, fit(clip(e.Variant), name, left-16))
		c.FillText(value, vg.Point{X: data.Max.X + 12, Y: y}, fit(e.String(), value, right))
	}
}

// reach is the range of a panel's axis.
func reach(p report.Panel) (lo, hi float64) {
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

// rows draws the control at 0, and for each variant its interval with ends and its value.
func rows(c draw.Canvas, p *gonum.Plot, panel report.Panel) {
	trX, trY := p.Transforms(&c)
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := trX(t.Value); !t.IsMinor() && c.ContainsX(x) {
			c.StrokeLine2(draw.LineStyle{Color: rule, Width: 0.5}, x, c.Min.Y, x, c.Max.Y)
		}
	}
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, trX(0), c.Min.Y, trX(0), c.Max.Y)
	for i, e := range panel.Effects {
		if e.Interval == nil {
			continue
		}
		const tip = 4
		y := trY(-float64(i) - 0.5)
		lo, hi := trX(e.Interval.Lo*unit(e.Lift)), trX(e.Interval.Hi*unit(e.Lift))
		style := draw.LineStyle{Color: colours[0], Width: 1.6}
		c.StrokeLine2(style, lo, y, hi, y)
		c.StrokeLine2(style, lo, y-tip, lo, y+tip)
		c.StrokeLine2(style, hi, y-tip, hi, y+tip)
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: colours[0], Radius: 3.5, Shape: draw.BoxGlyph{}}, vg.Point{X: trX(e.Value * unit(e.Lift)), Y: y})
	}
}
