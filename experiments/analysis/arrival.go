package analysis

import (
	"cmp"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// The checks of the assignment, and the changes of weights that delay a verdict, are read from assignments in the order in
// which the store learned of them, regardless of the units' later fate. So they only ever learn more: a later look finds the
// same of an earlier time. A reset before the seal takes a unit out of the analysis, and not out of the checks: resetting
// the runs of one variant would make its share right.

// arrival is a counted assignment that the store has learned of.
type arrival struct {
	row           int // among the assignments that were read
	variant       string
	epoch         int
	probabilities map[string]float64
	at, known     time.Time
	// first tells that the store knew no other one of its unit. crossed tells that it is the first one to show its unit with
	// another variant under the same weights.
	first, crossed bool
}

// origin is a run as it was before it was ever reset.
type origin struct{ namespace, workflowID, runID string }

func originOf(a scoring.Assignment) origin {
	return origin{a.Run.Namespace, a.Run.WorkflowID, a.OriginalRunID}
}

// knownAt is when a report could have an assignment for the first time.
func (r *Reader) knownAt(a scoring.Assignment) time.Time {
	if r.scope.Maturity > 0 && a.RecordedAt.After(a.At) {
		return a.RecordedAt
	}
	return a.At
}

// arrive lists the counted assignments in the order in which the store learned of them, which is the order of their rows.
// The run that follows a reset is the same unit.
func (r *Reader) arrive(assignments []scoring.Assignment) {
	type unit struct {
		variant string
		epoch   int
		seal    time.Time
		crossed bool
	}
	units, origins := map[string]*unit{}, map[origin]bool{}
	for i, a := range assignments {
		if !experiments.Counted(a.By) || !r.scope.assigned(a) {
			continue
		}
		a, known := r.assignmentAsOf(a)
		if !known {
			continue
		}
		x := arrival{row: i, variant: a.Variant, epoch: a.Epoch, probabilities: a.Probabilities, at: a.At, known: r.knownAt(a)}
		u, from := units[a.Unit], originOf(a)
		switch {
		case u != nil:
			x.crossed = !u.crossed && a.Variant != u.variant && a.Epoch == u.epoch && (u.seal.IsZero() || !x.known.After(u.seal))
			u.crossed = u.crossed || x.crossed
		case a.OriginalRunID == "" || !origins[from]:
			x.first = true
			units[a.Unit] = &unit{variant: a.Variant, epoch: a.Epoch, seal: r.horizon(a).seal}
		}
		origins[from] = true
		r.arrivals = append(r.arrivals, x)
	}
}

// arriveAll accumulates assignments in the order in which the store learned of them.
func (a *Analysis) arriveAll(all []arrival) {
	for _, x := range all {
		// A variant that the definition does not have is one of a unit that was reset away: one that counts is refused.
		if v, ok := a.exp.index[x.variant]; ok {
			p := a.probabilities(x.probabilities, v)
			a.arrive(a.stratum(x.epoch, p), v, p, x)
		}
	}
}

// arrive accumulates the assignment of a unit to variant v with the probabilities p.
func (a *Analysis) arrive(at stratum, v int, p []float64, x arrival) {
	// A clock may go back between two rows, and nobody forgets an assignment.
	x.known = latest(a.known, x.known)
	a.known = x.known
	if !x.first && !x.crossed {
		return
	}
	if x.first {
		a.arrivals++
	}
	now := moment{a.arrivals, x.known.UTC()}
	if x.first {
		e := a.epoch(at, p)
		a.changed(at, e, x)
		if p == nil {
			if a.absent++; a.unusable.unit == 0 {
				a.unusable = now
			}
		}
		a.assigned.add(a.exp, e.assigned, e.shares, v, p, now)
		e.assigned[v]++
	}
	if x.crossed {
		a.crossed++
	}
	if a.many.unit == 0 && a.crossed > max(a.arrivals, fewUnits)/100 {
		a.many = now
	}
}

// change is a change of weights, or the start. A time belongs to it from when it was known on, until it was known to have
// come earlier.
type change struct {
	at           time.Time // the first assignment that is known to have had the new weights
	known, until time.Time // until is the zero time for the last change of its weights
}

// holds tells whether the change was known at a time, and not to have come earlier.
func (c change) holds(t time.Time) bool {
	return !c.known.After(t) && !c.at.After(t) && (c.until.IsZero() || t.Before(c.until))
}

// state tells which variants got no more units from a time on.
type state struct {
	since   time.Time
	epoch   int
	stopped []bool
}

// changed finds out whether an assignment shows that the weights have changed, and which variants still get units.
func (a *Analysis) changed(at stratum, e *epoch, x arrival) {
	fresh := e.since.IsZero()
	if !fresh && !x.at.Before(e.since) {
		return
	}
	e.since = x.at
	weights := at
	switch {
	case a.exp.def.Allocator != experiments.Manual:
		weights = stratum{} // it changes them all the time
	case a.exp.def.Selection == scoring.ByCustom:
		weights = stratum{epoch: at.epoch} // the caller's own probabilities are no weights that change
	}
	last, known := a.weights[weights]
	if !known || x.at.Before(a.changes[last].at) {
		if known {
			a.changes[last].until = x.known
		}
		a.weights[weights] = len(a.changes)
		a.changes = append(a.changes, change{at: x.at, known: x.known})
	}
	if fresh && e.shares != nil {
		a.stopping(at.epoch, e.shares, x.known)
	}
}

// stopping finds out which variants get units by the newest epoch: none, if no unit of it had a chance of them.
func (a *Analysis) stopping(epoch int, shares []float64, known time.Time) {
	s := state{known, epoch, make([]bool, len(shares))}
	for v := range shares {
		s.stopped[v] = shares[v] == 0
	}
	if n := len(a.states); n > 0 {
		newest := a.states[n-1]
		switch cmp.Compare(epoch, newest.epoch) {
		case -1:
			return
		case 0:
			for v := range shares {
				s.stopped[v] = s.stopped[v] && newest.stopped[v]
			}
		}
	}
	a.states = append(a.states, s)
}
