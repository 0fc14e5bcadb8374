package experiments

import "math"

// quantile returns the standard normal quantile of p.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// FixedTotal returns the number of units, over two variants, one with the given share, that a fixed-horizon two-sided
// test at alpha needs to find a difference of delta with the given power: (z_{1-alpha/2} + z_power)^2 variance / (share
// (1-share) delta^2).
func FixedTotal(delta, variance, share, alpha, power float64) float64 {
	z := quantile(1-alpha/2) + quantile(power)
	return z * z * variance / (share * (1 - share) * delta * delta)
}
