package special

import "math"

// ChiSquareTail is the probability that chi-square of a whole number of degrees of freedom, 1 or more, is above x
// (Abramowitz and Stegun 26.4.4 and 26.4.5).
func ChiSquareTail(x float64, freedom int) float64 {
	h := x / 2
	if math.IsInf(h, 1) {
		return 0
	}
	sum, term, k := 0.0, math.Exp(-h), 0.0 // term is h^k e^-h / Γ(k+1)
	if freedom%2 == 1 {
		sum, k = math.Erfc(math.Sqrt(h)), 0.5
		term *= 2 * math.Sqrt(h/math.Pi)
	}
	for range freedom / 2 {
		sum += term
		k++
		term *= h / k
	}
	return sum
}
