package analysis

import (
	"slices"
	"time"
)

// resets tests whether the variants are reset equally often after the seal: that a unit which is reset has each variant
// with the probability that it was assigned with. It bets in the order in which the store learned of the resets, so a later
// one changes no bet before it.
//
// A unit's own probabilities are the odds, not the shares of the units that are sealed by then: after a change of weights
// the units of one variant are the younger ones, and runs are reset when they are young.
type resets struct{ all []resetUnit }

// resetUnit is a unit of variant v that was reset, as the store learned at a time.
type resetUnit struct {
	v  int
	p  []float64
	at time.Time
}

// add adds a unit that was reset. A reset without a time has no place in the order: it is counted, and not bet on.
func (r *resets) add(v int, p []float64, at time.Time) {
	if p != nil && !at.IsZero() {
		r.all = append(r.all, resetUnit{v, slices.Clone(p), at})
	}
}

// played returns the test after all resets so far.
func (r *resets) played() ratio {
	all := slices.Clone(r.all)
	slices.SortStableFunc(all, func(a, b resetUnit) int { return a.at.Compare(b.at) })
	var t ratio
	for i, u := range all {
		t.add(nil, nil, nil, u.v, u.p, moment{i + 1, u.at.UTC()})
	}
	return t
}
