package agreement

import (
	"math"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/scoring"
)

// MinShare is the least share of units whose outcomes are drawn for a [Correction].
const MinShare = 0.05

// Correction makes corrected values, one a unit, whose mean is the mean outcome even if the judge is wrong: g + R/q·(Y − g), with q
// the share of units whose outcome is drawn, R 1 for a unit that was drawn and 0 for another one, Y the outcome, and g what
// the unit's judgement makes one expect, from the outcomes that were drawn before (Robins, Rotnitzky and Zhao 1994,
// augmented inverse probability weighting; with g = λJ it is the term of a prediction-powered mean). A judge that predicts
// well saves outcomes; one that does not, or that is gamed, costs them, and misleads nobody.
//
// g is the regression of the outcomes on the judgements so far, within [0, 1], and the rate of the outcomes while there are
// fewer than 20 or where there is no judgement. It must not depend on the unit's variant; then it biases nothing.
type Correction struct {
	share   float64
	outcome betting.Centre
}

// NewCorrection returns the corrections of an outcome that is drawn of a share of the units. It refuses a share under [MinShare]
// or over 1.
func NewCorrection(share float64) (*Correction, error) {
	if !(share >= MinShare && share <= 1) {
		return nil, scoring.Invalid("share", "%v is not from %v to 1", share, MinShare)
	}
	return &Correction{share: share}, nil
}

// Range returns what a corrected value is at least and at most: 1 − 1/share and 1/share.
func (c *Correction) Range() (lo, hi float64) { return 1 - 1/c.share, 1 / c.share }

// Drawn returns the corrected value of a unit that was drawn, from its outcome and what the judge said of it, both in
// [0, 1]; a judgement of NaN is none.
func (c *Correction) Drawn(judged, outcome float64) float64 {
	g := c.expected(judged)
	if math.IsNaN(judged) {
		c.outcome.Add(outcome)
	} else {
		c.outcome.AddGiven(outcome, judged)
	}
	return g + (outcome-g)/c.share
}

// Left returns the corrected value of a unit that was not drawn, from what the judge said of it.
func (c *Correction) Left(judged float64) float64 { return c.expected(judged) }

func (c *Correction) expected(judged float64) float64 {
	if math.IsNaN(judged) {
		return c.outcome.Value()
	}
	return c.outcome.Given(judged)
}

const correctionForm = 1

// MarshalBinary returns the state without the share. It continues to the same bytes.
func (c *Correction) MarshalBinary() ([]byte, error) {
	return packed.Write(correctionForm, c.outcome.Code)
}

// UnmarshalBinary replaces the state of corrections with the same share.
func (c *Correction) UnmarshalBinary(data []byte) error {
	var n betting.Centre
	if err := packed.Read(correctionForm, data, n.Code); err != nil {
		return err
	}
	c.outcome = n
	return nil
}
