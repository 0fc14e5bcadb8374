package plot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/verdict-dev/verdict/internal/report"
)

// sequenceHeight is the height of a sequence's figure.
const sequenceHeight = 400 * vg.Length(1)

// maxLabelled is up to how many changes of weights are labelled. An allocator makes more.
const maxLabelled = 8

// Sequence draws how each variant differed from the control as units came in, with the interval as a band. It needs a
// report made with Options.Sequences; without one, or while there are too few units, the figure shows a note instead.
func Sequence(e report.Experiment, asOf time.Time) Figure {
	f := Figure{Title: heading(e), height: sequenceHeight}
	s := e.Sequence
	if s == nil {
		f.subtitle = "as of " + asOf.UTC().Format(time.DateTime+" MST")
		f.Text = "There is nothing to draw: " + e.Decision
		f.body = message(strings.TrimPrefix(e.Decision, "no decision: "))
		return f
	}
	f.subtitle = against(e, s.Lift, asOf)
	known := slices.ContainsFunc(s.Lines, func(l report.Line) bool { return len(l.Points) > 0 })
	f.Text = sequenceText(e, *s)
	if !known {
		f.body = message(fmt.Sprintf("too few units have matured to compare variants: %d so far", s.Units))
		return f
	}
	f.body = func(c draw.Canvas) { drawSequence(c, *s, better(e.Analysis.Metrics[0].Direction)) }
	return f
}

// sequenceText describes the last point of the figure.
func sequenceText(e report.Experiment, s report.Sequence) string {
	what := "Difference to "
	if s.Lift {
		what = "Lift over "
	}
	t := fmt.Sprintf("%s%s in %s, with its %s interval, as %d units matured.", what, clip(s.Control), clip(s.Metric), level(e), s.Units)
	for _, l := range s.Lines {
		last := report.Effect{Variant: l.Variant, Lift: s.Lift}
		if n := len(l.Points); n > 0 {
			last.Value, last.Interval = l.Points[n-1].Value, &l.Points[n-1].Interval
		}
		t += fmt.Sprintf(" %s: %s.", clip(l.Variant), last)
	}
	return t
}

// unit is the factor of the values: lifts are shown in percent.
func unit(lift bool) float64 {
	if lift {
		return 100
	}
	return 1
}

func drawSequence(c draw.Canvas, s report.Sequence, better string) {
	what := clip(s.Metric) + ": difference to " + clip(s.Control)
	if s.Lift {
		what = clip(s.Metric) + ": lift over " + clip(s.Control) + ", %"
	}
	p := gonum.New()
	p.BackgroundColor = nil
	axis(&p.X, "matured units, in the order of their assignment")
	axis(&p.Y, "")
	p.Y.Label.Text = fit(what+"; "+better, p.Y.Label.TextStyle, c.Max.Y-c.Min.Y-40)
	p.X.Min, p.X.Max = 0, float64(s.Units)
	p.Y.Min, p.Y.Max = span(s)
	p.Add(drawer(func(c draw.Canvas, p *gonum.Plot) { grid(c, p, s) }))
	for i, l := range s.Lines {
		p.Add(drawer(func(c draw.Canvas, p *gonum.Plot) { band(c, p, i, l, unit(s.Lift)) }))
	}
	for i, l := range s.Lines {
		p.Add(drawer(func(c draw.Canvas, p *gonum.Plot) { line(c, p, i, l, unit(s.Lift)) }))
	}
	gutter := vg.Length(0)
	for _, l := range s.Lines {
		gutter = max(gutter, plain(10).Width(label(l)))
	}
	gutter = min(max(gutter, plain(10).Width(clip(s.Control)))+34, width/3)
	area := draw.Crop(c, 0, -gutter, 0, -10) // the labels of changes stand above
	p.Draw(area)
	names(p.DataCanvas(area), p, s, gutter)
}

// span is the range of values that is drawn. The first units say so little that next to their bands the rest would be a
// flat line: the bands begin outside.
func span(s report.Sequence) (lo, hi float64) {
	const vague = 0.2 // of the units
	for _, share := range []float64{vague, 0} {
		for _, l := range s.Lines {
			for i, p := range l.Points {
				if last := i == len(l.Points)-1; last || float64(p.Units) >= share*float64(s.Units) {
					lo, hi = min(lo, p.Interval.Lo), max(hi, p.Interval.Hi)
				}
			}
		}
		if lo < hi {
			break
		}
	}
	if lo == hi {
		return -1, 1
	}
	pad := (hi - lo) * 0.06
	return (lo - pad) * unit(s.Lift), (hi + pad) * unit(s.Lift)
}

// grid draws the background of the variants: ticks across, the control, and where weights changed.
func grid(c draw.Canvas, p *gonum.Plot, s report.Sequence) {
	trX, trY := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := trY(t.Value); !t.IsMinor() && c.ContainsY(y) {
			c.StrokeLine2(draw.LineStyle{Color: rule, Width: 0.5}, c.Min.X, y, c.Max.X, y)
		}
	}
	for _, change := range s.Changes {
		x := trX(float64(change.After))
		c.StrokeLine2(draw.LineStyle{Color: faint, Width: 0.7, Dashes: []vg.Length{1, 3}}, x, c.Min.Y, x, c.Max.Y)
		if len(s.Changes) <= maxLabelled {
			above := dim(8.5)
			above.XAlign = draw.XCenter
			c.FillText(above, vg.Point{X: x, Y: c.Max.Y + 3}, fmt.Sprintf("weights: epoch %d", change.Epoch))
		}
	}
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, c.Min.X, trY(0), c.Max.X, trY(0))
}

// band fills the interval of a variant and draws its edges.
func band(c draw.Canvas, p *gonum.Plot, i int, l report.Line, unit float64) {
	trX, trY := p.Transforms(&c)
	var hi, lo []vg.Point
	for _, at := range l.Points {
		x := trX(float64(at.Units))
		hi = append(hi, vg.Point{X: x, Y: trY(at.Interval.Hi * unit)})
		lo = append(lo, vg.Point{X: x, Y: trY(at.Interval.Lo * unit)})
	}
	if len(hi) > 1 {
		around := slices.Clone(lo)
		slices.Reverse(around)
		c.FillPolygon(veil(i), c.ClipPolygonXY(append(slices.Clone(hi), around...)))
	}
	for _, edge := range [][]vg.Point{hi, lo} {
		c.StrokeLines(lineOf(i, 0.6), c.ClipLinesXY(edge)...)
	}
}

// line draws the values of a variant, and where they are now.
func line(c draw.Canvas, p *gonum.Plot, i int, l report.Line, unit float64) {
	trX, trY := p.Transforms(&c)
	var points []vg.Point
	for _, at := range l.Points {
		points = append(points, vg.Point{X: trX(float64(at.Units)), Y: trY(at.Value * unit)})
	}
	c.StrokeLines(lineOf(i, 1.8), c.ClipLinesXY(points)...)
	if n := len(points); n > 0 {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: colours[i%len(colours)], Radius: 2.5, Shape: draw.CircleGlyph{}}, points[n-1])
	}
}

// label is the text next to the end of a variant's line.
func label(l report.Line) string {
	if len(l.Points) == 0 {
		return clip(l.Variant) + ": too few units"
	}
	return clip(l.Variant)
}

// names writes each variant next to the end of its line, with a piece of the line, far enough apart to be read.
func names(c draw.Canvas, p *gonum.Plot, s report.Sequence, gutter vg.Length) {
	type end struct {
		i    int
		name string
		y    vg.Length
	}
	_, trY := p.Transforms(&c)
	const control = -1
	ends := []end{{control, clip(s.Control), trY(0)}}
	for i, l := range s.Lines {
		at := end{i, label(l), c.Min.Y}
		if n := len(l.Points); n > 0 {
			at.y = max(c.Min.Y, min(c.Max.Y, trY(l.Points[n-1].Value*unit(s.Lift))))
		}
		ends = append(ends, at)
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(b.y, a.y) })
	const apart = 13
	for i := range ends {
		if i > 0 {
			ends[i].y = min(ends[i].y, ends[i-1].y-apart)
		}
	}
	// A label that was pushed below the bottom pushes the others back.
	floor := c.Min.Y
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i].y = max(ends[i].y, floor)
		floor = ends[i].y + apart
	}
	for _, e := range ends {
		style := draw.LineStyle{Color: ink, Width: 1}
		if e.i != control {
			style = lineOf(e.i, 1.8)
		}
		x := c.Max.X + 8
		c.StrokeLine2(style, x, e.y, x+18, e.y)
		t := plain(10)
		t.YAlign = draw.YCenter
		c.FillText(t, vg.Point{X: x + 22, Y: e.y}, fit(e.name, t, gutter-30))
	}
}
