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
	short := func(r float64) bool { return s.Multiplier(e.N*r)*e.SE/math.Sqrt(r) > math.Abs(e.Value) }
	return leastFactor(short)
}

// leastFactor returns the smallest r in [1, 1e9] where short is false. short must be true up to some r and false from
// there.
func leastFactor(short func(r float64) bool) float64 {
	const most = 1e9
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

// PowerFactor returns by how much the units behind an estimated effect must multiply until the sequence finds a true
// effect of the given size with the given power: the smallest r at which P(lower bound of the interval > 0) reaches it.
func PowerFactor(s Sequence, e Effect, size, power float64) float64 {
	z := quantile(power)
	return leastFactor(func(r float64) bool {
		se := e.SE / math.Sqrt(r)
		return math.Abs(size)/se-s.Multiplier(e.N*r) < z
	})
}
