package estimate

import (
	"math"

	"github.com/verdict-dev/verdict/internal/special"
)

// FixedHorizon is the classical test: right for one look at a size that was fixed before, and wrong half of the time
// under repeated looks. Nothing is decided on it. Freedom, if positive, is the degrees of freedom of Student's t;
// otherwise the distribution is normal.
type FixedHorizon struct {
	Alpha   float64
	Freedom float64
}

// welchFreedom returns the degrees of freedom of Welch's t-test of two estimates whose variances are scaled by any
// common factor each (Satterthwaite); 0 if neither has a variance; then [FixedHorizon] is normal.
func welchFreedom(b, j Estimate) float64 {
	sum := b.Variance + j.Variance
	if sum == 0 || !Finite(sum) {
		return 0
	}
	term := func(e Estimate) float64 {
		share := e.Variance / sum // whose square is a number
		switch {
		case share == 0:
			return 0
		case e.N <= 1:
			return math.Inf(1) // one value has no variance: there is no freedom
		}
		return share * share / (e.N - 1)
	}
	return 1 / (term(b) + term(j))
}

func (f FixedHorizon) upperTail(t float64) float64 {
	if f.Freedom > 0 {
		return special.StudentTail(t, f.Freedom)
	}
	return upperTail(t)
}

func (f FixedHorizon) quantile(p float64) float64 {
	if f.Freedom > 0 {
		return special.StudentQuantile(p, f.Freedom)
	}
	return quantile(p)
}

// Interval returns the two-sided interval.
func (f FixedHorizon) Interval(e Effect) Interval {
	h := f.quantile(1-f.Alpha/2) * e.SE
	return Interval{e.Value - h, e.Value + h}
}

// Lower returns the one-sided lower bound.
func (f FixedHorizon) Lower(e Effect) float64 { return e.Value - f.quantile(1-f.Alpha)*e.SE }

// Upper returns the one-sided upper bound.
func (f FixedHorizon) Upper(e Effect) float64 { return e.Value + f.quantile(1-f.Alpha)*e.SE }

// PValue returns the two-sided p-value. Without any error an effect of 0 has 1, and any other 0.
func (f FixedHorizon) PValue(e Effect) float64 {
	z, ok := e.z()
	if !ok && z == 0 {
		return 1
	}
	return 2 * f.upperTail(math.Abs(z))
}

// PValueGreater returns the one-sided p-value against an effect of at most 0. Without any error it is 0 or 1.
func (f FixedHorizon) PValueGreater(e Effect) float64 {
	z, ok := e.z()
	switch {
	case ok:
		return f.upperTail(z)
	case e.Value > 0:
		return 0
	}
	return 1
}

// PValueLess returns the one-sided p-value against an effect of at least 0.
func (f FixedHorizon) PValueLess(e Effect) float64 {
	e.Value = -e.Value
	return f.PValueGreater(e)
}
