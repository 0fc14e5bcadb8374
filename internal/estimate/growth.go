package estimate

import "math"

// quantile returns the standard normal quantile of p.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// upperTail returns P(Z > z) of a standard normal, without the loss that 1-CDF has far out.
func upperTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// UnitsFactor returns by how much the units behind an effect must multiply until the two-sided interval no longer
// contains 0, if effect and variance stay the same: the smallest r with half-width(N r) <= |effect|. It is 1 if that is
// so already, and +Inf if a billion times as many would not do.
func UnitsFactor(s Sequence, e Effect) float64 {
	const most = 1e9
	short := func(r float64) bool { return s.Multiplier(e.N*r)*e.SE/math.Sqrt(r) > math.Abs(e.Value) }
	if !short(1) {
		return 1
	}
	if short(most) {
		return math.Inf(1)
	}
	return math.Exp(bisect(func(l float64) float64 {
		if short(math.Exp(l)) {
			return 1
		}
		return -1
	}, 0, math.Log(most)))
}
