package analysis

import (
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// early is the state of an early read of a boolean metric: of units whose window may be open.
type early struct {
	control  int
	window   time.Duration
	sojourns []*estimate.Sojourns // by variant
	// behind tests that the control is better than a variant, for every outcome of the open windows.
	behind []betting.Test
}

func newEarly(e *design) *early {
	k := len(e.names)
	out := &early{control: e.control, window: e.def.Maturity, behind: make([]betting.Test, k)}
	for range k {
		out.sojourns = append(out.sojourns, estimate.NewSojourns(e.def.Maturity))
	}
	return out
}

func (e *early) add(m *tally, v int, mature bool, o Outcome, p []float64) {
	if o.State == scoring.Scored && !m.metric.admits(o.Value) {
		o.State = scoring.Failed
	}
	e.sojourns[v].Add(sojourn(o, mature, e.window))
	if p != nil {
		e.atBest(m, v, mature, o, p)
	}
}

// atBest bets on the control against each variant with a unit of variant v, using only certain facts: a unit with an open
// window and no score counts for v as a success and for the control as a failure. Each stake is at most the stake with
// the final outcome, so the wealth never exceeds the wealth of a valid bet on all assigned units, and as windows close it
// only grows, after every unit: what it has reached it has reached for good. The centre is fixed because the mean of the
// scores so far depends on the delays.
func (e *early) atBest(m *tally, v int, mature bool, o Outcome, p []float64) {
	const centre = 0.5
	known := o.State == scoring.Scored
	if mature && !known {
		return // it leaves the mean
	}
	for j := range e.behind {
		if j == e.control || (v != e.control && v != j) {
			continue
		}
		u := 0.0
		switch {
		case known && m.metric.Direction == experiments.Lower:
			u = 1 - o.Value
		case known:
			u = o.Value
		case v == j:
			u = 1
		}
		other := j
		if v == j {
			other = e.control
		}
		s, ok := betting.NewStake(u, centre, p[v], p[other])
		if !ok {
			continue
		}
		if v == j {
			s = s.Reversed()
		}
		e.behind[j].Than(s, 0)
	}
}

func sojourn(o Outcome, mature bool, window time.Duration) estimate.Sojourn {
	switch {
	case o.State == scoring.Scored && o.Value == 1:
		return estimate.Sojourn{After: o.After, Success: true}
	case mature || o.State == scoring.Scored:
		return estimate.Sojourn{After: window}
	}
	return estimate.Sojourn{After: min(o.After, window)}
}
