package plot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
)

// sequenceHeight is the height of a sequence's figure.
const sequenceHeight = 400.0

// maxLabelled is up to how many changes of weights are labelled. An allocator makes more.
const maxLabelled = 8

// Sequence draws how each variant differed from the control as units came in, with the interval as a band. It needs a
// report made with Options.Sequences; without one, or while there are too few units, the figure shows a note instead.
func Sequence(e results.Experiment, asOf time.Time) Figure {
	f := Figure{Title: heading(e), height: sequenceHeight}
	s := e.Sequence
	if s == nil {
		f.subtitle = "as of " + asOf.UTC().Format(time.DateTime+" MST")
		f.Text = "There is nothing to draw: " + e.Decision
		f.body = message(strings.TrimPrefix(e.Decision, "no decision: "))
		return f
	}
	f.subtitle = against(e, s.Lift, asOf)
	known := slices.ContainsFunc(s.Lines, func(l results.Line) bool { return len(l.Points) > 0 })
	f.Text = sequenceText(e, *s)
	if !known {
		f.body = message(fmt.Sprintf("too few units have matured to compare variants: %d so far", s.Units))
		return f
	}
	f.body = func(c canvas, b box) { drawSequence(c, b, *s, better(e.Analysis.Metrics[0].Direction)) }
	return f
}

// sequenceText describes the last point of the figure.
func sequenceText(e results.Experiment, s results.Sequence) string {
	what := "Difference to "
	if s.Lift {
		what = "Lift over "
	}
	t := fmt.Sprintf("%s%s in %s, with its %s interval, as %d units matured.", what, clip(s.Control), clip(s.Metric), level(e), s.Units)
	for _, l := range s.Lines {
		last := display.Effect{Variant: l.Variant, Lift: s.Lift}
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

// The parts around the lines of a sequence.
const (
	changeRoom = 10 // above, for the labels of changes
	titleRoom  = 16 // on the left, for the title of the axis
	unitsRoom  = 34 // below
)

func drawSequence(c canvas, b box, s results.Sequence, better string) {
	title := clip(s.Metric) + ": difference to " + clip(s.Control)
	if s.Lift {
		title = clip(s.Metric) + ": lift over " + clip(s.Control) + ", %"
	}
	gutter := nameLetters.width(clip(s.Control))
	for _, l := range s.Lines {
		gutter = max(gutter, nameLetters.width(label(l)))
	}
	gutter = min(gutter+34, width/3)

	lo, hi := span(s)
	y := newAxis(lo, hi, b.bottom-unitsRoom, b.top+changeRoom)
	data := box{b.left + titleRoom + y.labelled(), y.to, b.right - gutter, y.from}
	x := newAxis(0, float64(s.Units), data.left, data.right)
	d := diagram{x, y, data}
	d.grid(c, s)
	c.within(data, func(c canvas) {
		for i, l := range s.Lines {
			d.band(c, i, l, unit(s.Lift))
		}
		for i, l := range s.Lines {
			c.stroke(lineOf(i, 1.8), d.through(l, func(p results.Point) float64 { return p.Value * unit(s.Lift) })...)
		}
	})
	for i, l := range s.Lines {
		if n := len(l.Points); n > 0 {
			now := l.Points[n-1]
			c.fill(colours[i%len(colours)], disc(point{x.place(float64(now.Units)), y.place(now.Value * unit(s.Lift))}, 2.5)...)
		}
	}
	x.drawBelow(c, data.bottom, "matured units, in the order of their assignment")
	y.drawLeft(c, data.left, b.left+8, title+"; "+better)
	d.names(c, s, gutter)
}

// diagram is where units and values are.
type diagram struct {
	x, y axis
	data box
}

// span is the range of values that is drawn. The first units say so little that next to their bands the rest would be a
// flat line: the bands begin outside.
func span(s results.Sequence) (lo, hi float64) {
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
func (d diagram) grid(c canvas, s results.Sequence) {
	for _, t := range d.y.ticks() {
		if t.label != "" {
			c.stroke(pen{colour: rule, width: 0.5}, point{d.data.left, t.at}, point{d.data.right, t.at})
		}
	}
	for _, change := range s.Changes {
		x := d.x.place(float64(change.After))
		c.stroke(pen{faint, 0.7, []float64{1, 3}}, point{x, d.data.top}, point{x, d.data.bottom})
		if len(s.Changes) <= maxLabelled {
			c.write(dim(8.5).at(middle), point{x, d.data.top - 3}, fmt.Sprintf("weights: epoch %d", change.Epoch))
		}
	}
	zero := d.y.place(0)
	c.stroke(pen{colour: ink, width: 1}, point{d.data.left, zero}, point{d.data.right, zero})
}

// through returns the places of a variant's points.
func (d diagram) through(l results.Line, value func(results.Point) float64) (places []point) {
	for _, p := range l.Points {
		places = append(places, point{d.x.place(float64(p.Units)), d.y.place(value(p))})
	}
	return places
}

// band fills the interval of a variant and draws its edges.
func (d diagram) band(c canvas, i int, l results.Line, unit float64) {
	hi := d.through(l, func(p results.Point) float64 { return p.Interval.Hi * unit })
	lo := d.through(l, func(p results.Point) float64 { return p.Interval.Lo * unit })
	if len(hi) > 1 {
		back := slices.Clone(lo)
		slices.Reverse(back)
		c.fill(veil(i), append(slices.Clone(hi), back...)...)
	}
	c.stroke(lineOf(i, 0.6), hi...)
	c.stroke(lineOf(i, 0.6), lo...)
}

// label is the text next to the end of a variant's line.
func label(l results.Line) string {
	if len(l.Points) == 0 {
		return clip(l.Variant) + ": too few units"
	}
	return clip(l.Variant)
}

// nameLetters write the name of a variant.
var nameLetters = plain(10)

// names writes each variant next to the end of its line, with a piece of the line, far enough apart to be read.
func (d diagram) names(c canvas, s results.Sequence, gutter float64) {
	type end struct {
		i    int
		name string
		y    float64
	}
	const control = -1
	ends := []end{{control, clip(s.Control), d.y.place(0)}}
	for i, l := range s.Lines {
		at := end{i, label(l), d.data.bottom}
		if n := len(l.Points); n > 0 {
			at.y = max(d.data.top, min(d.data.bottom, d.y.place(l.Points[n-1].Value*unit(s.Lift))))
		}
		ends = append(ends, at)
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	const apart = 13
	for i := range ends {
		if i > 0 {
			ends[i].y = max(ends[i].y, ends[i-1].y+apart)
		}
	}
	// A label that was pushed below the bottom pushes the others back.
	floor := d.data.bottom
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i].y = min(ends[i].y, floor)
		floor = ends[i].y - apart
	}
	for _, e := range ends {
		line := pen{colour: ink, width: 1}
		if e.i != control {
			line = lineOf(e.i, 1.8)
		}
		x := d.data.right + 8
		c.stroke(line, point{x, e.y}, point{x + 18, e.y})
		c.write(nameLetters, point{x + 22, nameLetters.centred(e.y)}, nameLetters.fit(e.name, gutter-30))
	}
}
