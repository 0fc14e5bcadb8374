package agreement

import (
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/scoring"
)

// Standing says whether a judge has predicted outcomes.
type Standing string

// The standings of a judge.
const (
	Untrusted Standing = "untrusted" // it has not shown that it predicts outcomes, or not yet
	Trusted   Standing = "trusted"   // it has shown that it predicts them better than the base rate
	Revoked   Standing = "revoked"   // it was shown that it does not, or not any more: that is final
)

// The parameters of [Trust].
const (
	// TrustBar is the part of the base rate's squared error that a trusted judge removes at least: where half of the
	// outcomes are good, 0.05 of the 0.25.
	TrustBar = 0.2
	// TrustPairs is the fewest pairs that a judge is trusted on.
	TrustPairs = 200
	// TrustE is what the evidence for trust, or against it, must reach: the inverse of the probability of an error.
	TrustE = 20
)

// Trust is the test of whether a judge predicts outcomes better than their base rate does. It may be looked at after
// every pair, and its standing is latched. The zero Trust has seen nothing.
//
// The skill of a pair is (1 − [TrustBar])(Y − b)² − (Y − J)², with J what the judge said, Y the outcome, both in [0, 1],
// and b the share of good outcomes among the pairs before: over 0 on average if the judge's squared error (Brier 1950) is
// less than 0.8 of the base rate's. Bets on "more than 0" and on "less" multiply a wealth that reaches [TrustE] at any
// time with a probability of at most 1/[TrustE] where the bet is on a falsehood (Ville): each of trusted and revoked is
// wrong with a probability of at most 5 %, over any number of looks. A judge is trusted from [TrustPairs] pairs on. It is
// revoked by the mean of two wealths, one of the pairs before it was trusted and one of the pairs since, so that old
// merits do not hide that it has changed.
type Trust struct {
	pairs, unknown   int
	sum              float64 // of the outcomes
	better           betting.Test
	worse, worseNow  betting.Test // before it was trusted, and since
	trusted, revoked int          // the pair at which it was; 0: it was not
}

// Add adds a pair. It refuses numbers outside [0, 1].
func (t *Trust) Add(judged, outcome float64) error {
	if err := shares(judged, outcome); err != nil {
		return err
	}
	s := t.skill(judged, outcome)
	t.pairs++
	t.sum += outcome
	t.play(s, s)
	return nil
}

// AddUnknown adds a judgement whose outcome should be known and is not. In either test it counts as the outcome that says
// least, so that who has no outcome cannot mislead. Where outcomes are known of a random draw alone, leave out the
// judgements of the others. It refuses a number outside [0, 1].
func (t *Trust) AddUnknown(judged float64) error {
	if err := shares(judged); err != nil {
		return err
	}
	t.unknown++
	// The skill is concave in the outcome: least at an end, and most at the slope of 0.
	top := min(1, max(0, (judged-float64((1-TrustBar)*t.base()))/TrustBar))
	t.play(min(t.skill(judged, 0), t.skill(judged, 1)), t.skill(judged, top))
	return nil
}

func shares(values ...float64) error {
	for _, v := range values {
		if !(v >= 0 && v <= 1) {
			return scoring.Invalid("value", "%v is not from 0 to 1", v)
		}
	}
	return nil
}

// base is the rate of the outcomes so far, known before the next one.
func (t *Trust) base() float64 { return (0.5 + t.sum) / float64(1+t.pairs) }

// skill is from -1 to 1 - TrustBar.
func (t *Trust) skill(judged, outcome float64) float64 {
	base, own := outcome-t.base(), outcome-judged
	return float64((1-TrustBar)*float64(base*base)) - float64(own*own)
}

// play bets on a skill: least where the judge is to be shown as good, and most where it is to be shown as bad.
func (t *Trust) play(least, most float64) {
	if t.revoked > 0 {
		return
	}
	t.better.Bet(least)
	against := &t.worse
	if t.trusted > 0 {
		against = &t.worseNow
	}
	against.Bet(-most / (1 - TrustBar))
	switch {
	case (t.worse.E()+t.worseNow.E())/2 >= TrustE:
		t.revoked = t.seen()
	case t.trusted == 0 && t.pairs >= TrustPairs && t.better.Peak() >= TrustE:
		t.trusted = t.seen()
	}
}

func (t *Trust) seen() int { return t.pairs + t.unknown }

// Standing is the judge's standing now.
func (t *Trust) Standing() Standing {
	switch {
	case t.revoked > 0:
		return Revoked
	case t.trusted > 0:
		return Trusted
	}
	return Untrusted
}

// Pairs is how many pairs there were, and Unknown how many judgements without an outcome.
func (t *Trust) Pairs() int { return t.pairs }

// Unknown is how many judgements there were whose outcome is not known.
func (t *Trust) Unknown() int { return t.unknown }

// LogFor returns the natural logarithm of the evidence that the judge predicts outcomes, the most that it was: it needs that
// of [TrustE].
func (t *Trust) LogFor() float64 { return t.better.LogPeak() }

// LogAgainst returns the natural logarithm of the evidence that the judge does not predict outcomes, as it is now: it needs
// that of [TrustE].
func (t *Trust) LogAgainst() float64 {
	a, b := t.worse.LogE(), t.worseNow.LogE()
	top := max(a, b)
	return top + exact.Ln((exact.Exp(a-top)+exact.Exp(b-top))/2)
}

const trustForm = 1

// MarshalBinary returns the state, at most 1 kB. It continues to the same bytes.
func (t *Trust) MarshalBinary() ([]byte, error) { return packed.Write(trustForm, t.code) }

// UnmarshalBinary replaces the state.
func (t *Trust) UnmarshalBinary(data []byte) error {
	var n Trust
	if err := packed.Read(trustForm, data, n.code); err != nil {
		return err
	}
	*t = n
	return nil
}

func (t *Trust) code(c *packed.Coder) {
	for _, n := range []*int{&t.pairs, &t.unknown, &t.trusted, &t.revoked} {
		packed.Int(c, n)
	}
	c.Float(&t.sum)
	c.Binary(&t.better)
	c.Binary(&t.worse)
	c.Binary(&t.worseNow)
}
