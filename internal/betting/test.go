package betting

import (
	"math"

	"github.com/verdict-dev/verdict/internal/exact"
)

// Test is the wealth of one test and the most that it has been. The zero Test has bet nothing and has a wealth of 1.
type Test struct {
	wealth   [bets]float64
	exponent [bets]int32
	// scale is what a wealth counts in now: 2^(exponent - top), so that now and peak are in units of 2^top. Top is 0 until the
	// wealth passes 2^enormous.
	scale   [bets]float64
	top     int32
	now     float64
	peak    float64
	room    int32 // powers of two until wealths are normalised
	started bool
}

func (t *Test) start() {
	t.started = true
	t.wealth, t.now, t.peak = initial, 1, 1
	for g := range t.scale {
		t.scale[g] = 1
	}
	t.room = roomy
}

// Bet multiplies the wealth by a payoff of 1 + f y for the bets f. The expectation of y must be at most 0 under the
// hypothesis, and y at least -1 always.
func (t *Test) Bet(y float64) {
	if !t.started {
		t.start()
	}
	c := int32(cost(y))
	if t.room < c {
		t.normalise()
	}
	t.room -= c
	var sums [3]float64 // of every third, so that an addition does not wait for the one before
	for g := 0; g+2 < bets; g += 3 {
		a := t.wealth[g] * (1 + float64(sizes[g]*y))
		b := t.wealth[g+1] * (1 + float64(sizes[g+1]*y))
		c := t.wealth[g+2] * (1 + float64(sizes[g+2]*y))
		t.wealth[g], t.wealth[g+1], t.wealth[g+2] = a, b, c
		sums[0] += float64(a * t.scale[g])
		sums[1] += float64(b * t.scale[g+1])
		sums[2] += float64(c * t.scale[g+2])
	}
	for g := bets - bets%3; g < bets; g++ {
		a := t.wealth[g] * (1 + float64(sizes[g]*y))
		t.wealth[g] = a
		sums[g%3] += float64(a * t.scale[g])
	}
	t.now = sums[0] + sums[1] + sums[2]
	t.peak = max(t.peak, t.now)
}

func (t *Test) normalise() {
	normalise(&t.wealth, &t.exponent)
	t.room = roomy
	before := t.top
	t.rescale()
	if by := int(before - t.top); by != 0 {
		t.now, t.peak = math.Ldexp(t.now, by), math.Ldexp(t.peak, by)
	}
}

// rescale chooses top and scale for the exponents. Top never falls: the peak was as large.
func (t *Test) rescale() {
	for _, x := range t.exponent {
		t.top = max(t.top, x-enormous)
	}
	for g, x := range t.exponent {
		t.scale[g] = math.Ldexp(1, int(x-t.top))
	}
}

// E returns the wealth, +Inf where it is no number.
func (t *Test) E() float64 {
	if !t.started {
		return 1
	}
	return t.whole(t.now)
}

// Peak returns the most that the wealth has been, at least 1.
func (t *Test) Peak() float64 {
	if !t.started {
		return 1
	}
	return t.whole(t.peak)
}

func (t *Test) whole(e float64) float64 {
	if t.top == 0 {
		return e
	}
	return math.Ldexp(e, int(t.top))
}

// LogE returns the natural logarithm of the wealth.
func (t *Test) LogE() float64 {
	if !t.started {
		return 0
	}
	l := logs(&t.wealth, &t.exponent)
	return mixture(&l)
}

// LogPeak returns the natural logarithm of the most that the wealth has been, at least 0.
func (t *Test) LogPeak() float64 {
	if !t.started {
		return 0
	}
	return exact.Ln(t.peak) + float64(float64(t.top)*math.Ln2)
}
