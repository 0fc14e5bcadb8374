package estimate

import (
	"math"

	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/internal/special"
)

// sampleRatioConcentration is how close to the expected ratio one of the two alternatives of a [SampleRatio] lies: the sum
// of the parameters of its Dirichlet distribution. The parameters of the other are all 1.
const sampleRatioConcentration = 1000

// SampleRatio is the e-value of the variants that units got, against the shares that they should have had: half the
// Dirichlet-multinomial Bayes factor (Lindon and Malek, "Anytime-valid inference for multinomial count data",
// arXiv:2011.03567) of shares close to the expected ones, and half that of any shares. The products over all epochs are
// mixed, and not the epochs: that would cost a factor of 2 an epoch. It may be looked at after every unit. The zero
// SampleRatio has seen nothing.
type SampleRatio struct{ near, wide grown }

// grown is a product with a binary exponent of its own.
type grown struct {
	by      float64
	x       int
	started bool
}

func (g *grown) times(f float64) {
	if !g.started {
		*g = grown{by: 1, started: true}
	}
	by, x := math.Frexp(g.by * f)
	g.by, g.x = by, g.x+x
}

func (g *grown) value() float64 {
	if !g.started {
		return 1
	}
	return math.Ldexp(g.by, g.x)
}

func (g *grown) log() float64 {
	if !g.started {
		return 0
	}
	return exact.Ln(g.by) + float64(float64(g.x)*math.Ln2)
}

// Add multiplies in a unit that got the variant v. counts are the units before it under the same shares, both in the
// order of the variants; the share of v must be positive. The factors are the probabilities that the two alternatives
// gave to v after the units before, over its share.
func (s *SampleRatio) Add(counts, shares []float64, v int) {
	n, possible := 0.0, 0.0
	for i, c := range counts {
		n += c
		if shares[i] > 0 {
			possible++
		}
	}
	share := shares[v]
	s.near.times((float64(sampleRatioConcentration*share) + counts[v]) / float64((sampleRatioConcentration+n)*share))
	s.wide.times((1 + counts[v]) / float64((possible+n)*share))
}

// E returns the e-value, +Inf where it is no number.
func (s *SampleRatio) E() float64 { return s.near.value()/2 + s.wide.value()/2 }

// LogE returns its natural logarithm.
func (s *SampleRatio) LogE() float64 {
	near, wide := s.near.log(), s.wide.log()
	top := max(near, wide)
	return top + exact.Ln((exact.Exp(near-top)+exact.Exp(wide-top))/2)
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
