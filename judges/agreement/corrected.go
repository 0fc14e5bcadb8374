package agreement

import (
	"math"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// Corrected is the mean of an outcome, from a judge's scores of all units and the outcomes of a few.
type Corrected struct {
	Estimate
	// Lambda is how much the judge's scores count, from 0 (only the outcomes do) to 1; over 1 with [Unclipped], of a judge whose scores
	// differ less than the outcomes that they predict.
	Lambda float64 `json:"lambda"`
}

// Convention says which denominators [PPI] uses. They differ for few units.
type Convention uint8

// The conventions.
const (
	// Unbiased takes the covariance over n and the variances of the interval over n − 1, and keeps λ within [0, 1].
	Unbiased Convention = iota
	// PPIPy takes both over n, as ppi_py does; its intervals are a little too narrow for few outcomes.
	PPIPy
	// Glide takes both over n − 1 and does not keep λ within [0, 1], as glide does.
	Glide
	// Unclipped is Unbiased without the bound of 1, which makes a judge that compresses need up to 1.4 times the outcomes of
	// [OutcomesNeeded].
	Unclipped
)

// PPI is prediction-powered inference. The zero PPI finds λ by itself.
type PPI struct {
	// Lambda fixes λ, from 0 to 1: 0 is the mean of the outcomes, 1 the mean of Angelopoulos et al. 2023
	// (arXiv:2301.09633, algorithm 1).
	Lambda *float64
	// Convention is for comparing with other programs.
	Convention Convention
}

// Mean returns the mean outcome of units whose outcomes are mostly not known. It has not got the judge's bias, and its
// interval is narrower the better the judge predicts: λ·mean(unlabelled) + mean(outcome − λ·judged), with λ = cov/((1 +
// n/N)·var) (Angelopoulos, Duchi and Zrnic 2023, PPI++, arXiv:2311.01453, example 6.1), var over all of the judge's
// scores. A useless judge, and one that says the same of all units, leaves the mean of the outcomes.
//
// Units with outcomes must be a random draw. outcomes and judged are theirs, in the same order; unlabelled are the
// judge's scores of all other units. The interval is normal, and so only good for 30 outcomes or more; where they are 0
// and 1, and fewer than 5 of them differ from the others, it is at least Wilson's for the outcomes alone, because it
// could be empty (not in the conventions of other programs). It needs two units of each kind; numbers that are not
// finite are refused.
func (i PPI) Mean(outcomes, judged, unlabelled []float64, level float64) (Corrected, error) {
	p, err := newPrediction(outcomes, judged, unlabelled)
	if err != nil {
		return Corrected{}, err
	}
	covariance, variance := 0.0, 1.0
	switch i.Convention {
	case PPIPy:
		variance = 0
	case Glide:
		covariance = 1
	}
	lambda := p.tuned(covariance)
	switch i.Convention {
	case Unbiased, PPIPy:
		lambda = min(max(lambda, 0), 1)
	case Unclipped:
		lambda = max(lambda, 0)
	}
	if i.Lambda != nil {
		if lambda = *i.Lambda; !(lambda >= 0 && lambda <= 1) {
			return Corrected{}, scoring.Invalid("lambda", "%v is not from 0 to 1", lambda)
		}
	}
	c, err := p.mean(lambda, variance, level)
	if err != nil || i.Convention == PPIPy || i.Convention == Glide {
		return c, err
	}
	good := 0.0
	for _, y := range outcomes {
		if y != 0 && y != 1 {
			return c, nil
		}
		good += y
	}
	if min(good, p.labelled.N-good) < 5 {
		wilson, err := Share(good, p.labelled.N, level)
		if err != nil {
			return Corrected{}, err
		}
		c.Lo, c.Hi = min(c.Lo, wilson.Lo), max(c.Hi, wilson.Hi)
	}
	return c, nil
}

// prediction has the moments that the estimate needs.
type prediction struct {
	labelled   estimate.CoMoments // x is the judge's score, y the outcome
	unlabelled estimate.Moments   // of the judge's other scores
	judged     estimate.Moments   // of all of its scores
}

func newPrediction(outcomes, judged, unlabelled []float64) (p prediction, err error) {
	if len(outcomes) != len(judged) {
		return p, scoring.Invalid("outcomes", "there are %d for %d judgements", len(outcomes), len(judged))
	}
	for _, list := range [][]float64{outcomes, judged, unlabelled} {
		if len(list) < 2 {
			return p, undefined("it takes two units with an outcome and two without")
		}
		for _, v := range list {
			if !estimate.Finite(v) {
				return p, scoring.Invalid("value", "%v is not finite", v)
			}
		}
	}
	for i := range outcomes {
		p.labelled.Add(judged[i], outcomes[i])
		p.judged.Add(judged[i])
	}
	for _, v := range unlabelled {
		p.unlabelled.Add(v)
		p.judged.Add(v)
	}
	return p, nil
}

// tuned returns the λ with the least variance, with n − less in the denominator of the covariance; 0 for a judge that
// says the same of all units.
func (p prediction) tuned(less float64) float64 {
	v := p.judged.Variance()
	if v == 0 {
		return 0
	}
	return p.labelled.Mxy / (p.labelled.N - less) / ((1 + p.labelled.N/p.unlabelled.N) * v)
}

// mean returns the estimate at λ, with n − less in the denominator of the variances.
func (p prediction) mean(lambda, less, level float64) (Corrected, error) {
	z, err := quantile(level)
	if err != nil {
		return Corrected{}, err
	}
	n, m := p.labelled.N, p.unlabelled.N
	value := lambda*p.unlabelled.Mean + p.labelled.MeanY - lambda*p.labelled.MeanX
	rest := max(p.labelled.Myy-2*lambda*p.labelled.Mxy+lambda*lambda*p.labelled.Mxx, 0) / (n - less)
	se := math.Sqrt(lambda*lambda*p.unlabelled.M2/(m-less)/m + rest/n)
	if !estimate.Finite(value) || !estimate.Finite(se) {
		return Corrected{}, scoring.Invalid("value", "the numbers are too large")
	}
	return Corrected{Estimate{Value: value, SE: se, Lo: value - z*se, Hi: value + z*se, N: n}, lambda}, nil
}

// RoganGladen returns the true share of good units from the share that a judge with a known sensitivity and specificity
// calls good, from 0 to 1: (observed + specificity − 1)/(sensitivity + specificity − 1), moved into [0, 1] (Rogan and
// Gladen 1978, doi 10.1093/oxfordjournals.aje.a112510). It treats both as exact, and is wrong where they are not the
// same in the units at question. [judges.ErrUndefined] for a judge that is no better than chance, sensitivity +
// specificity ≤ 1.
func RoganGladen(observed, sensitivity, specificity float64) (float64, error) {
	for _, v := range []float64{observed, sensitivity, specificity} {
		if !(v >= 0 && v <= 1) {
			return 0, scoring.Invalid("rate", "%v is not from 0 to 1", v)
		}
	}
	skill := sensitivity + specificity - 1
	if skill <= rounding {
		return 0, undefined("the judge is no better than chance")
	}
	return min(max((observed+specificity-1)/skill, 0), 1), nil
}

// Drawn returns the mean over all units from the drawn ones, each with its own probability: the mean of
// value/probability, 0 for units that were not drawn (Horvitz and Thompson 1952, doi 10.1080/01621459.1952.10483446),
// with a normal interval from the sample variance of these. NaN stands for the value of a unit that was not drawn. N is
// the number of units drawn. It needs two units. Probabilities outside (0, 1], also of units that were not drawn, and
// infinite values are refused: a unit that cannot be drawn is in no estimate.
func Drawn(values, probabilities []float64, level float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	if len(values) != len(probabilities) {
		return Estimate{}, scoring.Invalid("probabilities", "there are %d for %d units", len(probabilities), len(values))
	}
	var m estimate.Moments
	drawn := 0.0
	for i, v := range values {
		q := probabilities[i]
		switch {
		case !(q > 0 && q <= 1):
			return Estimate{}, scoring.Invalid("probability", "%v is not over 0 and at most 1", q)
		case math.IsNaN(v):
			m.Add(0)
			continue
		case !estimate.Finite(v / q):
			return Estimate{}, scoring.Invalid("value", "%v drawn with probability %v is not finite", v, q)
		}
		drawn++
		m.Add(v / q)
	}
	if m.N < 2 {
		return Estimate{}, undefined("it takes two units")
	}
	se := math.Sqrt(m.Estimate().Variance)
	half := z * se
	return Estimate{Value: m.Mean, SE: se, Lo: m.Mean - half, Hi: m.Mean + half, N: drawn}, nil
}
