package analysis

import (
	"cmp"
	"math"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/judges/agreement"
	"github.com/verdict-dev/verdict/scoring"
)

// heldTo is a judge's score that is held to an outcome, each version of the judge apart: another version is another judge.
type heldTo struct {
	exp            *design
	judge, outcome int              // among the metrics of the definition
	by             map[string]*held // by the key of the scores
	unjudged       []int            // by variant: units without a judgement
}

// maxVersions is how many versions of a judge are kept apart. Units of FurtherVersions, and of SeveralVersions in one unit,
// are held to the outcome together.
const (
	maxVersions     = 8
	FurtherVersions = "further versions"
	SeveralVersions = "several versions"
)

// held is a version of a judge: the units on which the outcome is known, whether it is trusted, and whether the two have come apart.
type held struct {
	trust            agreement.Trust
	trusted, revoked moment    // the zero moment is never
	arms             []heldArm // by variant
}

// heldArm is a variant of it.
type heldArm struct {
	pairs map[heldPair]int
	// unknown counts units whose outcome should be known and is not, by what the judge said, and left the ones whose
	// outcome a random draw left out.
	unknown map[int]int
	left    int
	apart   agreement.Divergence // against the control; of the control itself it stays empty
	alarm   moment
}

// heldPair is what the judge said and the outcome, in hundredths of their ranges, 100 being good.
type heldPair struct{ judge, outcome int }

// hundredths is how finely the figures distinguish values. The tests have the values as they are.
const hundredths = 100

func (p heldPair) compare(o heldPair) int {
	return cmp.Or(cmp.Compare(p.judge, o.judge), cmp.Compare(p.outcome, o.outcome))
}

// newHeld returns the empty pairs of a definition.
func (e *design) newHeld() (all []*heldTo) {
	judges, outcomes := e.def.Held()
	for _, j := range judges {
		for _, y := range outcomes {
			all = append(all, &heldTo{exp: e, judge: j, outcome: y, by: map[string]*held{}, unjudged: make([]int, len(e.names))})
		}
	}
	return all
}

func newVersion(k int) *held {
	h := &held{arms: make([]heldArm, k)}
	for v := range h.arms {
		h.arms[v].pairs, h.arms[v].unknown = map[heldPair]int{}, map[int]int{}
	}
	return h
}

// version returns the state of the judge that gave the scores with a key.
func (t *heldTo) version(key string) *held {
	if t.by[key] == nil && len(t.by) >= maxVersions {
		key = FurtherVersions
	}
	if t.by[key] == nil {
		t.by[key] = newVersion(len(t.exp.names))
	}
	return t.by[key]
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
func (t *heldTo) add(v int, u Unit, p []float64, sealed moment) {
	outcomes := append(u.Outcomes[:len(u.Outcomes):len(u.Outcomes)], u.Observed...)
	judged, ok := t.exp.all(t.judge).good(outcomes[t.judge])
	if !ok {
		t.unjudged[v]++
		return
	}
	h := t.version(outcomes[t.judge].By)
	arm := &h.arms[v]
	y, known := t.exp.all(t.outcome).good(outcomes[t.outcome])
	left := outcomes[t.outcome].Left
	at := int(math.Round(judged * hundredths))
	switch {
	case left:
		arm.left++
	case known:
		arm.pairs[heldPair{at, int(math.Round(y * hundredths))}]++
		_ = h.trust.Add(judged, y) // both are from 0 to 1
	default:
		arm.unknown[at]++
		_ = h.trust.AddUnknown(judged)
	}
	switch s := h.trust.Standing(); {
	case s == agreement.Trusted && h.trusted.unit == 0:
		h.trusted = sealed
	case s == agreement.Revoked && h.revoked.unit == 0:
		h.revoked = sealed
	}
	h.compare(v, t.exp.control, p, judged, y, known, left, sealed)
}

// compare plays a unit in the alarms of its variant, or, of the control, in the alarms of all others.
func (h *held) compare(v, c int, p []float64, judged, y float64, known, left bool, sealed moment) {
	if p == nil {
		return
	}
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

func (t *heldTo) code(c *packed.Coder) {
	packed.Map(c, &t.by, cmp.Compare, func(key *string, h **held) {
		if c.Text(key); c.Reading() {
			*h = newVersion(len(t.exp.names))
		}
		(*h).code(c)
	})
	packed.Fixed(c, t.unjudged, func(n *int) { packed.Int(c, n) })
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
		packed.Int(c, &a.left)
		c.Binary(&a.apart)
		a.alarm.code(c)
	})
}
