package plot

import (
	"math"
	"strconv"
)

// axis maps values to places along a figure.
type axis struct {
	lo, hi   float64 // the values at its ends
	from, to float64 // their places
	step     float64 // between two labelled values
	minor    int     // into how many parts ticks cut a step
}

// newAxis labels three to six round values.
func newAxis(lo, hi, from, to float64) axis {
	a := axis{lo: lo, hi: hi, from: from, to: to}
	const most = 5
	rough := hi/most - lo/most // hi - lo may be no number
	a.step, a.minor = math.Pow(10, math.Floor(math.Log10(rough))), 5
	switch f := rough / a.step; {
	case f > 5:
		a.step *= 10
	case f > 2:
		a.step *= 5
	case f > 1:
		a.step, a.minor = a.step*2, 4
	}
	return a
}

// place is where a value is. A value far outside has a place only a little outside, so that each place is a usable number.
func (a axis) place(value float64) float64 {
	const far = 20
	share := (value/2 - a.lo/2) / (a.hi/2 - a.lo/2)
	return a.from + max(-far, min(far, share))*(a.to-a.from)
}

// tick is a mark on an axis, with a label if it is a major one.
type tick struct {
	at    float64
	label string
}

func (a axis) ticks() (ticks []tick) {
	first, last := math.Ceil(a.lo/a.step), math.Floor(a.hi/a.step)
	for i := first - 1; i <= last; i++ {
		for part := range a.minor {
			value := (i + float64(part)/float64(a.minor)) * a.step
			if value < a.lo || value > a.hi {
				continue
			}
			t := tick{at: a.place(value)}
			if part == 0 {
				t.label = a.label(i * a.step)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// label writes a value of a step with as many digits as the step needs.
func (a axis) label(value float64) string {
	const many = 6 // digits before or after the point that are read easily
	digits := -int(math.Floor(math.Log10(a.step) + 1e-9))
	switch {
	case digits <= many && math.Abs(value) < math.Pow10(many+1):
		return strconv.FormatFloat(value+0, 'f', max(0, digits), 64) // -0 + 0 is 0
	case value == 0:
		return "0"
	}
	return strconv.FormatFloat(value, 'g', 4, 64)
}

// Lengths of ticks, and how far labels are from them.
const (
	majorTick = 8.0
	minorTick = 4.0
	tickLabel = 9.5 // size
)

var axisPen = pen{colour: faint, width: 0.5}

// drawBelow draws a horizontal axis with its title below it.
func (a axis) drawBelow(c canvas, y float64, title string) {
	c.stroke(axisPen, point{a.from, y}, point{a.to, y})
	label := plain(tickLabel).at(middle)
	for _, t := range a.ticks() {
		length := minorTick
		if t.label != "" {
			length = majorTick
			c.write(label, point{t.at, label.below(y + majorTick + 1)}, t.label)
		}
		c.stroke(axisPen, point{t.at, y}, point{t.at, y + length})
	}
	under := dim(10).at(middle)
	c.write(under, point{(a.from + a.to) / 2, y + 31}, under.fit(title, a.to-a.from))
}

// labelled is how much room the labels of a vertical axis need.
func (a axis) labelled() (w float64) {
	for _, t := range a.ticks() {
		w = max(w, plain(tickLabel).width(t.label))
	}
	return w + majorTick + 3
}

// drawLeft draws a vertical axis with its title, upwards, to the left of it.
func (a axis) drawLeft(c canvas, x, titleX float64, title string) {
	c.stroke(axisPen, point{x, a.from}, point{x, a.to})
	label := plain(tickLabel).at(end)
	for _, t := range a.ticks() {
		length := minorTick
		if t.label != "" {
			length = majorTick
			c.write(label, point{x - majorTick - 3, label.centred(t.at)}, t.label)
		}
		c.stroke(axisPen, point{x, t.at}, point{x - length, t.at})
	}
	along := dim(10).at(middle)
	c.upwards(along, point{titleX, (a.from + a.to) / 2}, along.fit(title, math.Abs(a.to-a.from)))
}
