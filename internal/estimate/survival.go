package estimate

import "time"

// Sojourn is the state so far of a unit that succeeds or fails within a window.
type Sojourn struct {
	// After is when it succeeded, or until when it is known not to have, counted from its assignment.
	After   time.Duration
	Success bool
}

// ages is the number of parts of a window in which sojourns count as equally long.
const ages = 200

// Sojourns accumulates the sojourns of units within a window, by age: in counts, so that it does not grow with the units.
type Sojourns struct {
	window time.Duration
	n      float64
	events [ages + 1]float64 // by age: units that succeeded
	gone   [ages + 1]float64 // by age: these, and units of which no more is known
}

// NewSojourns returns an empty state for a window.
func NewSojourns(window time.Duration) *Sojourns { return &Sojourns{window: window} }

// Add accumulates a sojourn. A unit that is known not to succeed any more has After equal to the window.
func (s *Sojourns) Add(j Sojourn) {
	age := ages
	if j.After < s.window {
		age = int(float64(max(0, j.After)) / float64(s.window) * ages)
	}
	s.n++
	s.gone[age]++
	if j.Success {
		s.events[age]++
	}
}

// Estimate estimates the share of units that succeed within the window (Kaplan and Meier 1958), with units whose window is
// still open censored at their age, and Greenwood's variance. The estimate looks ahead: it may stop harm, and never makes
// a winner.
func (s *Sojourns) Estimate() Estimate {
	survival, greenwood, atRisk := 1.0, 0.0, s.n
	for age, events := range s.events {
		if events > 0 {
			survival *= 1 - events/atRisk
			if atRisk > events {
				greenwood += events / (atRisk * (atRisk - events))
			}
		}
		atRisk -= s.gone[age]
	}
	return Estimate{N: s.n, Mean: 1 - survival, Variance: survival * survival * greenwood}
}
