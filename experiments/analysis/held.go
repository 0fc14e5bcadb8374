package analysis

import (
	"cmp"
	"math"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/judges/agreement"
	"github.com/verdict-dev/verdict/scoring"
)

// held is a judge's score that is held to an outcome on the same units: what it has said where the outcome is known, whether
// it is trusted, and whether the two have come apart.
type held struct {
	exp            *design
	judge, outcome int // among the metrics of the definition
	trust          agreement.Trust
	trusted        moment // the zero moment is never
	revoked        moment
	arms           []heldArm // by variant
}

// heldArm is a variant of it.
type heldArm struct {
	pairs map[heldPair]int
	// unknown counts units whose outcome should be known and is not, by what the judge said, unjudged the ones without a
	// judgement, and left the ones whose outcome a random draw left out.
	unknown        map[int]int
	unjudged, left int
	apart          agreement.Divergence // against the control; of the control itself it stays empty
	alarm          moment
}

// heldPair is what the judge said and the outcome, in hundredths of their ranges, 100 being good.
type heldPair struct{ judge, outcome int }

// hundredths is how finely the figures distinguish values. The tests have the values as they are.
const hundredths = 100

func (p heldPair) compare(o heldPair) int {
	return cmp.Or(cmp.Compare(p.judge, o.judge), cmp.Compare(p.outcome, o.outcome))
}

// newHeld returns the empty pairs of a definition.
func (e *design) newHeld() (all []*held) {
	judges, outcomes := e.def.Held()
	for _, j := range judges {
		for _, y := range outcomes {
			h := &held{exp: e, judge: j, outcome: y, arms: make([]heldArm, len(e.names))}
			for v := range h.arms {
				h.arms[v].pairs, h.arms[v].unknown = map[heldPair]int{}, map[int]int{}
			}
			all = append(all, h)
		}
	}
	return all
}

// good is a value as a share of its metric's range, 1 being the good end. ok is false without one that somebody said or, of
// an outcome, that the definition declares.
func (m metric) good(o Outcome) (u float64, ok bool) {
	raw := m.uncorrected()
	if o.State != scoring.Scored || raw.Judge && o.Imputed || !raw.admits(o.Value) {
		return 0, false
	}
	lo, hi, _ := raw.bounds()
	u = min(1, max(0, (o.Value-lo)/(hi-lo)))
	if raw.Direction == experiments.Lower {
		u = 1 - u
	}
	return u, true
}

// add adds a matured unit of variant v.
func (h *held) add(v int, u Unit, p []float64, sealed moment) {
	outcomes := append(u.Outcomes[:len(u.Outcomes):len(u.Outcomes)], u.Observed...)
	arm := &h.arms[v]
	judged, ok := h.exp.all(h.judge).good(outcomes[h.judge])
	if !ok {
		arm.unjudged++
		return
	}
	y, known := h.exp.all(h.outcome).good(outcomes[h.outcome])
	at := int(math.Round(judged * hundredths))
	var err error // never: all are from 0 to 1
	switch {
	case outcomes[h.outcome].Left:
		arm.left++
	case known:
		arm.pairs[heldPair{at, int(math.Round(y * hundredths))}]++
		err = h.trust.Add(judged, y)
	default:
		arm.unknown[at]++
		err = h.trust.AddUnknown(judged)
	}
	switch s := h.trust.Standing(); {
	case err != nil:
		return
	case s == agreement.Trusted && h.trusted.unit == 0:
		h.trusted = sealed
	case s == agreement.Revoked && h.revoked.unit == 0:
		h.revoked = sealed
	}
	h.compare(v, p, judged, y, known, outcomes[h.outcome].Left, sealed)
}

// compare plays a unit in the alarms of its variant, or, of the control, in the alarms of all others.
func (h *held) compare(v int, p []float64, judged, y float64, known, left bool, sealed moment) {
	if p == nil {
		return
	}
	c := h.exp.control
	for b := range h.arms {
		if b == c || v != b && v != c || !(p[b]+p[c] > 0) {
			continue
		}
		d, share := &h.arms[b].apart, p[b]/(p[b]+p[c])
		switch {
		case left:
			_ = d.AddJudged(v == b, share, judged)
		case known:
			_ = d.Add(v == b, share, judged, y)
		default:
			_ = d.AddUnknown(v == b, share, judged)
		}
		if h.arms[b].alarm.unit == 0 && d.Alarmed(len(h.arms)) {
			h.arms[b].alarm = sealed
		}
	}
}

func (h *held) code(c *packed.Coder) {
	c.Binary(&h.trust)
	h.trusted.code(c)
	h.revoked.code(c)
	packed.Fixed(c, h.arms, func(a *heldArm) {
		packed.Map(c, &a.pairs, heldPair.compare, func(p *heldPair, n *int) {
			packed.Int(c, &p.judge)
			packed.Int(c, &p.outcome)
			packed.Int(c, n)
		})
		packed.Map(c, &a.unknown, cmp.Compare, func(judge, n *int) {
			packed.Int(c, judge)
			packed.Int(c, n)
		})
		packed.Int(c, &a.unjudged)
		packed.Int(c, &a.left)
		c.Binary(&a.apart)
		a.alarm.code(c)
	})
}
