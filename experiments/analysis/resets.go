package analysis

import (
	"cmp"
	"math"
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
	v     int
	place int64 // among the units
	p     []float64
	at    time.Time
}

// add adds a unit that was reset. A reset without a time has no place in the order: it is counted, and not bet on.
func (r *resets) add(v int, u Unit, p []float64) {
	if p != nil && !u.ResetAt.IsZero() {
		r.all = append(r.all, resetUnit{v, u.place(), slices.Clone(p), u.ResetAt})
	}
}

// remove takes back that a unit was reset.
func (r *resets) remove(u Unit) {
	r.all = slices.DeleteFunc(r.all, func(x resetUnit) bool { return x.place == u.place() })
}

// place orders units: the ones that the store has sealed are the first.
func (u Unit) place() int64 {
	if u.position > 0 {
		return u.position
	}
	return math.MaxInt64
}

// played returns the test after all resets so far.
func (r *resets) played() ratio {
	all := slices.Clone(r.all)
	slices.SortStableFunc(all, func(a, b resetUnit) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.place, b.place)) })
	var t ratio
	for i, u := range all {
		t.add(nil, nil, nil, u.v, u.p, moment{i + 1, u.at.UTC()})
	}
	return t
}
