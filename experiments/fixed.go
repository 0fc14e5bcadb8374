package experiments

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// FixedHorizon is the classical test: right for one look at a size that was fixed before, and wrong half of the time
// under repeated looks. Nothing is decided on it. Freedom, if positive, is the degrees of freedom of Student's t;
// otherwise the distribution is normal.
type FixedHorizon struct {
	Alpha   float64
	Freedom float64
}

// WelchFreedom returns the degrees of freedom of Welch's t-test of two estimates whose variances are scaled by any
// common factor each (Satterthwaite).
func WelchFreedom(b, j Estimate) float64 {
	sum := b.Variance + j.Variance
	return sum * sum / (b.Variance*b.Variance/(b.N-1) + j.Variance*j.Variance/(j.N-1))
}

func (f FixedHorizon) upperTail(t float64) float64 {
	if f.Freedom > 0 {
		return distuv.StudentsT{Sigma: 1, Nu: f.Freedom}.Survival(t)
	}
	return upperTail(t)
}

func (f FixedHorizon) quantile(p float64) float64 {
	if f.Freedom > 0 {
		return distuv.StudentsT{Sigma: 1, Nu: f.Freedom}.Quantile(p)
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

// PValue returns the two-sided p-value.
func (f FixedHorizon) PValue(e Effect) float64 { return 2 * f.upperTail(math.Abs(e.Value/e.SE)) }

// PValueGreater returns the one-sided p-value against an effect of at most 0.
func (f FixedHorizon) PValueGreater(e Effect) float64 { return f.upperTail(e.Value / e.SE) }

// PValueLess returns the one-sided p-value against an effect of at least 0.
func (f FixedHorizon) PValueLess(e Effect) float64 { return f.upperTail(-e.Value / e.SE) }
