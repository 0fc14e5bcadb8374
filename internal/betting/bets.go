package betting

import (
	"math"

	"github.com/verdict-dev/verdict/internal/exact"
)

// bets is how many bets share the wealth of a test: 17 from 0.004 on, each 1.4 times the one before, with nine tenths of
// it, and 6 from 0.0025 down, each 1.6 times smaller, with the rest, for effects that take millions of units.
const (
	large  = 17
	small  = 6
	bets   = large + small
	growth = 1.4
	shrink = 1.6
)

// sizes are the bets, as parts of what may be lost, and initial what each starts with, 1 in all.
var sizes, initial = func() (f, w [bets]float64) {
	size := 0.004
	for g := range large {
		f[g], w[g] = size, 0.9/large
		size *= growth
	}
	size = 0.0025
	for g := large; g < bets; g++ {
		f[g], w[g] = size, 0.1/small
		size /= shrink
	}
	return f, w
}()

// A factor is at least 1 minus the largest bet, 0.129. Between two calls of normalise a wealth moves by less than roomy
// powers of two either way, so that it stays a normal number.
const (
	roomy    = 500
	dearest  = 3 // powers of two that a factor can take away
	enormous = 500
)

// cost is how many powers of two a wealth can move by in a factor of 1 + f y.
func cost(y float64) int {
	if y < 7 {
		return dearest
	}
	_, x := math.Frexp(y)
	return x + 1
}

// normalise moves the powers of two of wealths into their exponents, which is exact.
func normalise(w *[bets]float64, x *[bets]int32) {
	for g := range w {
		f, e := math.Frexp(w[g])
		w[g], x[g] = f, x[g]+int32(e)
	}
}

// logs returns the natural logarithms of the wealths, and mixture that of the sum of wealths with given logarithms.
func logs(w *[bets]float64, x *[bets]int32) (l [bets]float64) {
	for g := range w {
		f, e := math.Frexp(w[g])
		l[g] = exact.Ln(f) + float64(float64(x[g]+int32(e))*math.Ln2)
	}
	return l
}

func mixture(l *[bets]float64) float64 {
	top := l[0]
	for _, x := range l[1:] {
		top = max(top, x)
	}
	sum := 0.0
	for _, x := range l {
		sum += exact.Exp(x - top)
	}
	return top + exact.Ln(sum)
}
