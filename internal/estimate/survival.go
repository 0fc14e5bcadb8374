package estimate

import (
	"cmp"
	"slices"
	"time"
)

// Sojourn is the state so far of a unit that succeeds or fails within a window.
type Sojourn struct {
	// After is when it succeeded, or until when it is known not to have, counted from its assignment.
	After   time.Duration
	Success bool
}

// KaplanMeier estimates the share of units that succeed within the window, with units whose window is still open
// censored at their age, and Greenwood's variance. A unit that is known not to succeed any more has After equal to the
// window. The estimate looks ahead: it may stop harm, and never makes a winner.
func KaplanMeier(sojourns []Sojourn, window time.Duration) Estimate {
	s := slices.Clone(sojourns)
	slices.SortStableFunc(s, func(a, b Sojourn) int { return cmp.Compare(a.After, b.After) })
	survival, greenwood := 1.0, 0.0
	atRisk := float64(len(s))
	for i := 0; i < len(s) && s[i].After <= window; {
		events, gone := 0.0, 0.0
		for j := i; j < len(s) && s[j].After == s[i].After; j++ {
			gone++
			if s[j].Success {
				events++
			}
		}
		if events > 0 {
			survival *= 1 - events/atRisk
			if atRisk > events {
				greenwood += events / (atRisk * (atRisk - events))
			}
		}
		atRisk -= gone
		i += int(gone)
	}
	return Estimate{N: float64(len(s)), Mean: 1 - survival, Variance: survival * survival * greenwood}
}
