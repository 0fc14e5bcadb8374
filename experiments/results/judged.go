package results

import (
	"fmt"
	"math"
	"time"
)

// Trusted is the standing of a judge that has predicted outcomes, and the others are Untrusted and Revoked.
const (
	Untrusted = "untrusted"
	Trusted   = "trusted"
	Revoked   = "revoked"
)

// Judged is a version of a judge, whose score is held to an outcome, on the matured units that have a judgement by it.
type Judged struct {
	// Judge and Outcome are metrics of the definition.
	Judge   string `json:"judge"`
	Outcome string `json:"outcome"`
	// Key is the key of the judge's scores, which is its name and version: another version is another judge. "several versions"
	// is of units that have scores of several, "further versions" of the ones beyond the first eight.
	Key string `json:"key,omitempty"`
	// Standing is untrusted, trusted or revoked, since Since. For and Against are the natural logarithms of the evidence that the
	// judge predicts the outcome, the most that it was, and that it does not, as it is now; each needs ln 20. They hold at
	// every look, also where outcomes are not known.
	Standing string    `json:"standing"`
	Since    time.Time `json:"since,omitzero"`
	For      float64   `json:"log_e_for"`
	Against  float64   `json:"log_e_against"`
	// Drawn is the share of units whose outcome is drawn. Left out where that of every unit counts.
	Drawn float64 `json:"drawn,omitempty"`
	// Overall is about the units of all variants.
	Overall  JudgedUnits     `json:"overall"`
	Variants []JudgedVariant `json:"variants"`
}

// JudgedVariant is a judge held to an outcome on the units of a variant.
type JudgedVariant struct {
	Variant string `json:"variant"`
	JudgedUnits
	// Gap is by how much the judge's lead over the outcome is larger than in the control, both as shares of their ranges, over
	// the units whose outcome is known. Its interval covers it at every look, where they are a random draw. Left out of the
	// control.
	Gap *Figure `json:"gap,omitempty"`
	// Apart is when judge and outcome were found to have come apart, against the control: the judge's mean rose, and its lead by
	// more than 0.05. LogE is the natural logarithm of the evidence, the most that it was, and Needs what it must reach.
	Apart time.Time `json:"apart,omitzero"`
	LogE  float64   `json:"log_e,omitempty"`
	Needs float64   `json:"needs,omitempty"`
}

// JudgedUnits says how a judge and an outcome agree. Values are rounded to hundredths of their ranges, and are good from one
// half on. Intervals are fixed ones at 95%: right for a single look at a number of units that was set before, and not for
// a decision at every look.
type JudgedUnits struct {
	// Pairs are units with a judgement and an outcome. Unknown have a judgement and no outcome, although it should be known;
	// Left have none because a random draw left it out. Unjudged have no judgement, by any version.
	Pairs    int `json:"pairs"`
	Unknown  int `json:"unknown"`
	Left     int `json:"left,omitempty"`
	Unjudged int `json:"unjudged"`
	// Confusion counts the pairs.
	Confusion Confusion `json:"confusion"`
	// The figures are left out where an outcome is not known, because the known ones choose themselves, and where they have no
	// value, such as kappa where all are good. Agreement is the share of pairs with the same label.
	Agreement      *Figure `json:"agreement,omitempty"`
	Kappa          *Figure `json:"kappa,omitempty"`
	QuadraticKappa *Figure `json:"quadratic_kappa,omitempty"`
	AC1            *Figure `json:"ac1,omitempty"`
	Alpha          *Figure `json:"alpha,omitempty"`
	// Prevalence is the share of good outcomes.
	Prevalence *Figure `json:"prevalence,omitempty"`
	// Calibration is what became of the units by what the judge said, CalibrationError the mean distance of the two, and Brier the
	// mean squared error.
	Calibration      []CalibrationBin `json:"calibration,omitempty"`
	CalibrationError *float64         `json:"calibration_error,omitempty"`
	Brier            *float64         `json:"brier,omitempty"`
	// Bounds are there in place of the figures where an outcome is not known: for any outcomes that these units may have.
	Bounds *JudgedBounds `json:"bounds,omitempty"`
}

// Confusion counts units by the labels of judge and outcome.
type Confusion struct {
	BothGood    int `json:"both_good"`
	JudgeGood   int `json:"judge_good"`   // and the outcome is not
	OutcomeGood int `json:"outcome_good"` // and the judge says it is not
	BothBad     int `json:"both_bad"`
}

// JudgedBounds are bounds of figures.
type JudgedBounds struct {
	Agreement  Interval  `json:"agreement"`
	Kappa      *Interval `json:"kappa,omitempty"` // where all of the unknown outcomes are as the judge says, and where none is
	Prevalence Interval  `json:"prevalence"`
}

// CalibrationBin are the judgements from From up to To, which is included in the last one alone.
type CalibrationBin struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Judged  float64 `json:"judged"`
	Outcome Figure  `json:"outcome"`
}

// Figure is a statistic with its interval.
type Figure struct {
	Value    float64  `json:"value"`
	Interval Interval `json:"interval"`
}

// Name is the metric and, if the scores have one, the key.
func (j Judged) Name() string {
	if j.Key == "" {
		return j.Judge
	}
	return j.Judge + " by " + j.Key
}

// String says whether the judge is trusted on the outcome, and why.
func (j Judged) String() string {
	is := fmt.Sprintf("%s is %s on %s", j.Name(), j.Standing, j.Outcome)
	if !j.Since.IsZero() {
		is += " since " + j.Since.UTC().Format("2006-01-02 15:04 MST")
	}
	return is + fmt.Sprintf(" (%d pairs, 200 at least; e = %.3g that it predicts better than the base rate, needs 20; e = %.3g that it does not)",
		j.Overall.Pairs, math.Exp(min(j.For, 600)), math.Exp(min(j.Against, 600)))
}

// Alarms say, in a line each, in which variants judge and outcome have come apart.
func (j Judged) Alarms() (lines []string) {
	for _, v := range j.Variants {
		if v.Apart.IsZero() {
			continue
		}
		gap := ""
		if v.Gap != nil {
			gap = fmt.Sprintf(", by %+.3f, %+.3f to %+.3f, more than in the control", v.Gap.Value, v.Gap.Interval.Lo, v.Gap.Interval.Hi)
		}
		lines = append(lines, fmt.Sprintf("judge and outcome have come apart in %s since %s: %s rose, and leads %s%s (e = %.3g, needs %.0f); that is no proof of gaming, and %s is not fit to compare these variants",
			v.Variant, v.Apart.UTC().Format("2006-01-02 15:04 MST"), j.Judge, j.Outcome, gap, math.Exp(min(v.LogE, 600)), v.Needs, j.Judge))
	}
	return lines
}
