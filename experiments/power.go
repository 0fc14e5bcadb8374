package experiments

import "math"

// quantile returns the standard normal quantile of p.
func quantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// upperTail returns P(Z > z) of a standard normal, without the loss that 1-CDF has far out.
func upperTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// FixedTotal returns the number of units, over two equal arms, with which a fixed-horizon two-sided test at alpha finds
// a difference of delta with the given power: 4 (z_{1-alpha/2} + z_power)^2 variance / delta^2.
func FixedTotal(delta, variance, alpha, power float64) float64 {
	z := quantile(1-alpha/2) + quantile(power)
	return 4 * z * z * variance / (delta * delta)
}
