package agreement

import (
	"math"

	"github.com/verdict-dev/verdict/scoring"
)

// Bin is a part of a calibration curve: the judgements from From up to To, which is only included in the last one.
type Bin struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	// Judged is the mean of the judgements.
	Judged float64 `json:"judged"`
	// Outcome is the share of good outcomes, with its Wilson interval. Where a judge is calibrated, Judged is in it
	// about as often as the level says.
	Outcome Estimate `json:"outcome"`
}

// Calibration says whether a judge's scores can be read as probabilities of a good outcome.
type Calibration struct {
	// Bins has the parts with judgements, in order.
	Bins []Bin `json:"bins"`
	// Error is the expected calibration error, from 0 to 1: the mean of |Judged − Outcome| over the bins, weighted by
	// their sizes (Naeini, Cooper and Hauskrecht 2015). It depends on the number of bins.
	Error float64 `json:"error"`
	// Brier is the mean of (judgement − outcome)², from 0 to 1 (Brier 1950).
	Brier float64 `json:"brier"`
	// Base is the share of good outcomes.
	Base Estimate `json:"base"`
}

// Skill returns 1 − Brier/(p(1 − p)), with p the share of good outcomes: over 0 the judge predicts better than p does
// for every unit, 1 is perfect. [judges.ErrUndefined] where all outcomes are the same.
func (c Calibration) Skill() (float64, error) {
	spread := c.Base.Value * (1 - c.Base.Value)
	if spread <= rounding {
		return 0, undefined("all outcomes are the same")
	}
	return 1 - c.Brier/spread, nil
}

// Calibrate sorts judgements from 0 to 1 into bins of the same width and compares them with the outcomes.
// [judges.ErrUndefined] without judgements; lists of different lengths, judgements outside [0, 1] and fewer than one
// bin are refused.
func Calibrate(judgements []float64, outcomes []bool, bins int, level float64) (Calibration, error) {
	if _, err := quantile(level); err != nil {
		return Calibration{}, err
	}
	if len(judgements) != len(outcomes) {
		return Calibration{}, scoring.Invalid("judgements", "there are %d for %d outcomes", len(judgements), len(outcomes))
	}
	pairs := make([]Pair[float64], len(judgements))
	for i, judged := range judgements {
		pairs[i].Judge = judged
		if outcomes[i] {
			pairs[i].Outcome = 1
		}
	}
	return CalibratePairs(pairs, bins, level)
}

// CalibratePairs is [Calibrate] of pairs that were seen several times. Outcomes are from 0 to 1: a share of good ones counts as
// it is. It refuses pairs with a probability.
func CalibratePairs(pairs []Pair[float64], bins int, level float64) (Calibration, error) {
	if _, err := quantile(level); err != nil {
		return Calibration{}, err
	}
	if bins < 1 || bins > 1000 {
		return Calibration{}, scoring.Invalid("bins", "%d is not from 1 to 1000", bins)
	}
	if len(pairs) == 0 {
		return Calibration{}, undefined("there are no judgements")
	}
	n := 0.0
	for _, p := range pairs {
		if p.Times < 0 || p.Probability != 0 {
			return Calibration{}, scoring.Invalid("pairs", "a pair seen %d times, drawn with probability %v", p.Times, p.Probability)
		}
		n += float64(max(1, p.Times))
	}
	var c Calibration
	size, sum, good := make([]float64, bins), make([]float64, bins), make([]float64, bins)
	rate := 0.0
	for _, p := range pairs {
		if err := shares(p.Judge, p.Outcome); err != nil {
			return Calibration{}, err
		}
		times := float64(max(1, p.Times))
		b := min(int(p.Judge*float64(bins)), bins-1)
		size[b] += times
		sum[b] += times * p.Judge
		good[b] += times * p.Outcome
		rate += times * p.Outcome
		c.Brier += times * (p.Judge - p.Outcome) * (p.Judge - p.Outcome) / n
	}
	var err error
	if c.Base, err = Share(min(rate, n), n, level); err != nil {
		return Calibration{}, err
	}
	for i := range bins {
		if size[i] == 0 {
			continue
		}
		b := Bin{From: float64(i) / float64(bins), To: float64(i+1) / float64(bins), Judged: sum[i] / size[i]}
		if b.Outcome, err = Share(min(good[i], size[i]), size[i], level); err != nil {
			return Calibration{}, err
		}
		c.Error += size[i] / n * math.Abs(b.Judged-b.Outcome.Value)
		c.Bins = append(c.Bins, b)
	}
	return c, nil
}
