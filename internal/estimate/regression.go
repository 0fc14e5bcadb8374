package estimate

import "math"

// Regression is the confidence sequence of a coefficient of a linear regression, for covariates beyond the single one
// of a [Metric]: the estimate and its standard error come from a regression made elsewhere (Lindon, Ham, Tingley and
// Bojinov, "Anytime-valid linear models and regression adjusted causal inference", arXiv:2210.08589).
type Regression struct {
	Alpha float64
	// N is the number of rows and Coefficients the number of coefficients, the intercept included.
	N, Coefficients float64
	// G is the precision of the mixture, as a number of rows. 0: the value that makes the interval narrowest at N, which
	// is valid only if N was fixed before.
	G float64
}

// LogE returns the natural logarithm of the e-value of a t statistic.
func (r Regression) LogE(t float64) float64 {
	nu, share := r.N-r.Coefficients, r.share()
	if math.IsInf(t*t, 1) {
		return math.Log(share)/2 - (nu+1)/2*math.Log(share) // the limit
	}
	return math.Log(share)/2 + (nu+1)/2*(math.Log1p(t*t/nu)-math.Log1p(share*t*t/nu))
}

// PValue returns the two-sided p-value of a t statistic.
func (r Regression) PValue(t float64) float64 { return math.Min(1, math.Exp(-r.LogE(t))) }

// Interval returns the interval of a coefficient.
func (r Regression) Interval(estimate, se float64) Interval {
	h := r.radius(r.share()) * se
	return Interval{estimate - h, estimate + h}
}

// share is G/(G + N).
func (r Regression) share() float64 {
	g := r.G
	if g == 0 {
		g = r.narrowest()
	}
	return g / (g + r.N)
}

// radius is the t statistic at which LogE reaches ln(1/Alpha); +Inf if it never does.
func (r Regression) radius(share float64) float64 {
	nu := r.N - r.Coefficients
	q := math.Exp(-2 / (nu + 1) * (math.Log(r.Alpha) + math.Log(share)/2))
	if q*share >= 1 {
		return math.Inf(1)
	}
	return math.Sqrt(nu * (q - 1) / (1 - q*share))
}

// narrowest finds the G with the smallest radius, by golden section on its logarithm.
func (r Regression) narrowest() float64 {
	f := func(l float64) float64 { g := math.Exp(l); return r.radius(g / (g + r.N)) }
	lo, hi := math.Log(1e-3), math.Log(1e6)
	const golden = 0.6180339887498949
	for range 100 {
		a, b := hi-golden*(hi-lo), lo+golden*(hi-lo)
		if f(a) <= f(b) { // where both are infinite the smaller one is nearer
			hi = b
		} else {
			lo = a
		}
	}
	return math.Exp((lo + hi) / 2)
}
