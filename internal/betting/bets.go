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

// normalise moves the powers of two of wealths into their exponents, which is exact. It is math.Frexp for numbers that are
// positive and normal.
func normalise(w *[bets]float64, x *[bets]int32) {
	const mantissa, half = 1<<52 - 1, 1022 // half is the exponent of 1/2, as a float64 has it
	for g := range w {
		b := math.Float64bits(w[g])
		w[g], x[g] = math.Float64frombits(b&mantissa|half<<52), x[g]+int32(b>>52)-half
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

// bet multiplies the wealths by 1 + f y for the bets f. The loop is written out: a unit costs little else.
func bet(w *[bets]float64, y float64) {
	f := &sizes
	w[0] *= 1 + float64(f[0]*y)
	w[1] *= 1 + float64(f[1]*y)
	w[2] *= 1 + float64(f[2]*y)
	w[3] *= 1 + float64(f[3]*y)
	w[4] *= 1 + float64(f[4]*y)
	w[5] *= 1 + float64(f[5]*y)
	w[6] *= 1 + float64(f[6]*y)
	w[7] *= 1 + float64(f[7]*y)
	w[8] *= 1 + float64(f[8]*y)
	w[9] *= 1 + float64(f[9]*y)
	w[10] *= 1 + float64(f[10]*y)
	w[11] *= 1 + float64(f[11]*y)
	w[12] *= 1 + float64(f[12]*y)
	w[13] *= 1 + float64(f[13]*y)
	w[14] *= 1 + float64(f[14]*y)
	w[15] *= 1 + float64(f[15]*y)
	w[16] *= 1 + float64(f[16]*y)
	w[17] *= 1 + float64(f[17]*y)
	w[18] *= 1 + float64(f[18]*y)
	w[19] *= 1 + float64(f[19]*y)
	w[20] *= 1 + float64(f[20]*y)
	w[21] *= 1 + float64(f[21]*y)
	w[22] *= 1 + float64(f[22]*y)
}
