package estimate

import (
	"math"

	"github.com/verdict-dev/verdict/internal/special"
)

// SampleRatioConcentration is how close to the expected ratio the alternative lies: the sum of the parameters of its
// Dirichlet distribution.
const SampleRatioConcentration = 1000

// SampleRatioLogE returns the natural logarithm of the e-value of counts against the expected shares, both in the order
// of the variants: the Dirichlet-multinomial Bayes factor (Lindon and Malek, "Anytime-valid inference for multinomial
// count data", arXiv:2011.03567) with the parameters concentration * share. A variant with share 0 must have no count:
// otherwise it is +Inf. Values of separate epochs add up.
func SampleRatioLogE(counts, shares []float64, concentration float64) float64 {
	alpha := make([]float64, len(shares))
	for i, s := range shares {
		alpha[i] = concentration * s
	}
	return dirichletLogML(counts, alpha) - multinomialLogML(counts, shares)
}

// dirichletLogML returns the log probability of a sequence with the given counts when the shares have a Dirichlet
// distribution with the parameters alpha. A variant without a parameter is skipped if it has no count.
func dirichletLogML(counts, alpha []float64) float64 {
	sum, a, n := 0.0, 0.0, 0.0
	for i, c := range counts {
		if alpha[i] == 0 {
			continue
		}
		sum += lgamma(alpha[i]+c) - lgamma(alpha[i])
		a += alpha[i]
		n += c
	}
	return sum + lgamma(a) - lgamma(a+n)
}

// multinomialLogML returns the log probability of a sequence with the given counts under the given shares.
func multinomialLogML(counts, shares []float64) float64 {
	sum := 0.0
	for i, c := range counts {
		if c > 0 {
			sum += c * math.Log(shares[i])
		}
	}
	return sum
}

// ChiSquareP returns the p-value of the chi-square goodness-of-fit test. It holds for one look at a size fixed before.
// Shares of 0 are left out, and so are their degrees of freedom.
func ChiSquareP(counts, shares []float64) float64 {
	n, weight := 0.0, 0.0
	for i, c := range counts {
		n += c
		weight += shares[i]
	}
	sum, freedom := 0.0, -1
	for i, c := range counts {
		if shares[i] == 0 {
			if c > 0 {
				return 0
			}
			continue
		}
		want := n * shares[i] / weight
		freedom++
		if want > 0 {
			sum += (c - want) * (c - want) / want
		}
	}
	if freedom < 1 {
		return 1
	}
	return special.ChiSquareTail(sum, freedom)
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
