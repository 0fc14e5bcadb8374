package estimate

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/internal/special"
)

// Posterior is the posterior distribution of a variant's mean: a [Normal] or a [Beta]. It is shown, and steers traffic;
// no decision depends on it.
type Posterior interface {
	mean() float64
	sd() float64
	cdf(x float64) float64
	// density returns the density of the posterior at x(t) times dx/dt, and x(t), for t in the range of support.
	density(t float64) (weight, x float64)
	// position is the inverse of x(t), clamped to the support.
	position(x float64) float64
	support() (from, to float64)
}

// Normal is a normal posterior. With a flat prior the mean of n values has the mean Mean and the standard deviation
// SD/sqrt(n).
type Normal struct{ Mean, SD float64 }

const normalReach = 9 // standard deviations beyond which there is nothing to integrate

func (p Normal) mean() float64         { return p.Mean }
func (p Normal) sd() float64           { return p.SD }
func (p Normal) cdf(x float64) float64 { return upperTail((p.Mean - x) / p.SD) }
func (p Normal) density(t float64) (float64, float64) {
	return math.Exp(-t*t/2) / math.Sqrt(2*math.Pi), p.Mean + p.SD*t
}
func (p Normal) position(x float64) float64 {
	return max(-normalReach, min(normalReach, (x-p.Mean)/p.SD))
}
func (p Normal) support() (float64, float64) { return -normalReach, normalReach }

// Beta is the posterior of a proportion. With Jeffreys' prior s successes and f failures make Beta{s + 0.5, f + 0.5}.
type Beta struct{ A, B float64 }

func (p Beta) mean() float64 { return p.A / (p.A + p.B) }
func (p Beta) sd() float64 {
	s := p.A + p.B
	return math.Sqrt(p.A * p.B / (s * s * (s + 1)))
}

func (p Beta) cdf(x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	return special.RegIncBeta(p.A, p.B, x)
}

// density integrates over t with x = sin(t)^2, which takes away the poles that A or B under 1 have at the ends.
func (p Beta) density(t float64) (float64, float64) {
	s, c := math.Sincos(t)
	logs := (2*p.A-1)*math.Log(s) + (2*p.B-1)*math.Log(c) - special.LogBeta(p.A, p.B)
	return 2 * math.Exp(logs), s * s
}
func (p Beta) position(x float64) float64  { return math.Asin(math.Sqrt(max(0, min(1, x)))) }
func (p Beta) support() (float64, float64) { return 0, math.Pi / 2 }

// Interval returns the central interval with the given probability.
func (p Beta) Interval(level float64) Interval {
	return Interval{special.RegIncBetaQuantile(p.A, p.B, (1-level)/2), special.RegIncBetaQuantile(p.A, p.B, (1+level)/2)}
}

// Interval returns the central interval with the given probability.
func (p Normal) Interval(level float64) Interval {
	h := quantile((1+level)/2) * p.SD
	return Interval{p.Mean - h, p.Mean + h}
}

// Best returns, for each posterior, the probability that its mean is the largest and the loss that is expected if it is
// chosen: E[largest mean - its mean]. When lower is better, negate the means. It is computed by quadrature of a fixed
// order, not by drawing, so that the same input has the same result to the last bit.
func Best(posteriors []Posterior) (probability, loss []float64) {
	probability, loss = make([]float64, len(posteriors)), make([]float64, len(posteriors))
	var largest float64
	for b, p := range posteriors {
		f := func(t float64) (float64, float64) {
			w, x := p.density(t)
			for j, q := range posteriors {
				if j != b {
					w *= q.cdf(x)
				}
			}
			return w, w * (x - p.mean())
		}
		first, second := integrate(f, panels(posteriors, p))
		probability[b] = first
		// E[max] = sum over b of the integral of x f_b(x) prod F_j(x), taken around the mean of b for accuracy.
		largest += second + first*p.mean()
	}
	sum := 0.0
	for _, p := range probability {
		sum += p
	}
	for b := range probability {
		probability[b] /= sum
		loss[b] = max(0, largest/sum-posteriors[b].mean())
	}
	return probability, loss
}

// panels cuts the support of p where the others' distribution functions rise, so that a fixed number of nodes between
// two cuts is always enough, even if one posterior is much narrower than another.
func panels(posteriors []Posterior, p Posterior) []float64 {
	from, to := p.support()
	cuts := []float64{from, to}
	for _, q := range posteriors {
		for _, k := range []float64{-8, -3, -1, 0, 1, 3, 8} {
			if t := p.position(q.mean() + k*q.sd()); t > from && t < to {
				cuts = append(cuts, t)
			}
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

const nodes = 24 // between two cuts

var nodeX, nodeW = func() (x, w [nodes]float64) {
	special.Legendre(x[:], w[:])
	return x, w
}()

func integrate(f func(float64) (float64, float64), cuts []float64) (first, second float64) {
	for i := 1; i < len(cuts); i++ {
		mid, half := (cuts[i]+cuts[i-1])/2, (cuts[i]-cuts[i-1])/2
		for k := range nodeX {
			a, b := f(mid + half*nodeX[k])
			first += half * nodeW[k] * a
			second += half * nodeW[k] * b
		}
	}
	return first, second
}

// Risk returns the expected losses of choosing the treatment and of staying with the control when the difference,
// treatment minus control, has a normal posterior: s phi(m/s) -+ m Phi(-+m/s).
func (p Normal) Risk() (treatment, control float64) {
	z := p.Mean / p.SD
	phi := p.SD * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	return phi - p.Mean*upperTail(z), phi + p.Mean*upperTail(-z)
}
