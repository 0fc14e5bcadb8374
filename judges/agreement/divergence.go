package agreement

import (
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/packed"
)

// The parameters of [Divergence].
const (
	// DivergenceGap is by how much the judge's lead over the outcome may grow without an alarm.
	DivergenceGap = 0.05
	// DivergenceE is what the evidence must reach in an experiment of two variants; with more, times the variants but the control.
	DivergenceE = 100
)

// Divergence tests, within an experiment, whether judge and outcome have come apart between a variant and the control: the
// judge's mean rose, and its lead over the outcome, J − Y, grew by more than [DivergenceGap]. The lead alone would not do: a
// judge that calls all answers middling leads by more where the outcomes are truly worse. It may be looked at after
// every unit. The zero Divergence has seen nothing.
//
// Either half is a test by betting on the inverse-probability difference of the two variants, as decisions are, whose
// wealth reaches e with a probability of at most 1/e where it is false; so the smaller of the two peaks does as well where
// either half is. That needs a randomised assignment with recorded probabilities, and outcomes that are complete, or of
// units that were drawn with the same probability in both variants. It needs no baseline, and nothing has to stay the same.
//
// An alarm is no proof of gaming. It says that this judge is not fit to compare these variants.
type Divergence struct {
	judge, lead   betting.Centre
	rise, growth  betting.Test
	gap           *betting.Pair // of the units whose outcome is known; nil: none yet
	known, others int           // units with an outcome, and without
}

// Add adds a unit of the variant, or of the control, with what the judge said and the outcome. share is the probability
// that the unit had of the variant, among the two. It refuses numbers outside [0, 1].
func (d *Divergence) Add(variant bool, share, judged, outcome float64) error {
	if err := shares(share, judged, outcome); err != nil {
		return err
	}
	d.known++
	play(&d.rise, &d.judge, variant, share, judged, 0)
	s, ok := play(&d.growth, &d.lead, variant, share, (1+judged-outcome)/2, DivergenceGap/2)
	if ok {
		if d.gap == nil {
			d.gap = newGap()
		}
		d.gap.Add(s)
	}
	return nil
}

// AddUnknown adds a unit whose outcome should be known and is not. It counts as the outcome that speaks most against an
// alarm, so that outcomes which choose themselves cannot raise one.
func (d *Divergence) AddUnknown(variant bool, share, judged float64) error {
	if err := shares(share, judged); err != nil {
		return err
	}
	d.others++
	play(&d.rise, &d.judge, variant, share, judged, 0)
	lead := 1 + judged
	if variant {
		lead--
	}
	play(&d.growth, &d.lead, variant, share, lead/2, DivergenceGap/2)
	return nil
}

// AddJudged adds a unit whose outcome a random draw left out. It says whether the judge's mean rose.
func (d *Divergence) AddJudged(variant bool, share, judged float64) error {
	if err := shares(share, judged); err != nil {
		return err
	}
	d.others++
	play(&d.rise, &d.judge, variant, share, judged, 0)
	return nil
}

// play bets on the mean of u being larger in the variant by more than v.
func play(t *betting.Test, c *betting.Centre, variant bool, share, u, v float64) (s betting.Stake, ok bool) {
	own, other := share, 1-share
	if !variant {
		own, other = other, own
	}
	s, ok = betting.NewStake(u, c.Value(), own, other)
	c.Add(u)
	if !ok {
		return s, false
	}
	if !variant {
		s = s.Reversed()
	}
	t.Than(s, v)
	return s, true
}

func newGap() *betting.Pair { return betting.NewPair(-1, false, nil, nil) }

// LogE is the natural logarithm of the evidence that judge and outcome have come apart: the smaller of the peaks of both
// halves, 0 or more.
func (d *Divergence) LogE() float64 { return min(d.rise.LogPeak(), d.growth.LogPeak()) }

// Alarmed tells whether the evidence is enough, in an experiment of so many variants.
func (d *Divergence) Alarmed(variants int) bool {
	return min(d.rise.Peak(), d.growth.Peak()) >= DivergenceE*float64(max(1, variants-1))
}

// Known is how many units there were with an outcome.
func (d *Divergence) Known() int { return d.known }

// Gap returns by how much the judge's lead over the outcome is larger in the variant, with an interval that covers it at all
// times at once with a probability of level, such as 0.95: over the units whose outcome is known, from −2 to 2. ok is false
// without one, and for a level that is not between 0 and 1.
func (d *Divergence) Gap(level float64) (e Estimate, ok bool) {
	if d.gap == nil || !(level > 0 && level < 1) {
		return e, false
	}
	value, lo, hi := d.gap.Difference(2 / (1 - level))
	return Estimate{Value: 2 * value, Lo: 2 * lo, Hi: 2 * hi, N: float64(d.gap.Units())}, true
}

const divergenceForm = 1

// MarshalBinary returns the state, some 20 kB. It continues to the same bytes.
func (d *Divergence) MarshalBinary() ([]byte, error) { return packed.Write(divergenceForm, d.code) }

// UnmarshalBinary replaces the state.
func (d *Divergence) UnmarshalBinary(data []byte) error {
	var n Divergence
	if err := packed.Read(divergenceForm, data, n.code); err != nil {
		return err
	}
	*d = n
	return nil
}

func (d *Divergence) code(c *packed.Coder) {
	packed.Int(c, &d.known)
	packed.Int(c, &d.others)
	d.judge.Code(c)
	d.lead.Code(c)
	c.Binary(&d.rise)
	c.Binary(&d.growth)
	there := d.gap != nil
	if c.Bool(&there); !there {
		return
	}
	if c.Reading() {
		d.gap = newGap()
	}
	c.Binary(d.gap)
}
