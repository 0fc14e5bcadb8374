package analysis

import (
	"cmp"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Of builds the units of an experiment from a store's rows and returns their results at the given moment. Assignments
// are in the order of their making; records are whole histories, retracted revisions included (with current revisions
// alone, a correction after a unit's window would remove the value that it corrected); runs are the facts of the runs
// of all assigned chains. Rows of other experiments and versions, superseded and retracted ones, and rows later than
// now are left out, so that a report of the past can be made again.
//
//   - A unit is a chain of retries and continued runs, or, if the experiment randomises anything else, all chains of the
//     same unit that began within the window of its first one; its value is then the mean over them. Runs that inherited
//     an assignment count for the unit that was assigned.
//   - A chain has the score of its newest run with one. Scores of several steps or keys of one run are averaged.
//   - A score counts for its window, which is half-open, by when it was observed, or recorded if that is not known. The
//     last observation before the end of the window is the value, as in [scoring.Holding]; a later, different score is
//     counted as late and not applied.
//   - A failed, canceled, terminated or timed-out run without a score is an outcome, and a missing score has the meaning
//     that the metric declares.
//
// It refuses a counted assignment of a variant that the definition does not have.
func Of(exp *experiments.Experiment, assignments []scoring.Assignment, records []scoring.Record, runs []scoring.RunFacts, now time.Time) (Report, error) {
	e := designOf(exp)
	units, excluded, err := e.units(assignments, records, runs, now)
	if err != nil {
		return Report{}, err
	}
	a := e.analysis()
	for _, u := range units {
		if err := a.Add(u); err != nil {
			return Report{}, err
		}
	}
	r := a.Report(now)
	r.Excluded = excluded
	return r, nil
}

// chainID identifies a chain of retries and continued runs.
type chainID struct{ namespace, workflowID, firstRunID string }

// chain has the rows of one chain.
type chain struct {
	runs    []scoring.RunFacts // in the order of their starts
	records []scoring.Record
}

// sort orders the runs by their starts. A run with an unknown start, such as one that never flushed, stays behind the
// run that became known before it.
func (c *chain) sort() {
	began := make(map[scoring.Run]time.Time, len(c.runs))
	last := time.Time{}
	for _, f := range c.runs {
		if !f.StartedAt.IsZero() {
			last = f.StartedAt
		}
		began[f.Run] = last
	}
	slices.SortStableFunc(c.runs, func(a, b scoring.RunFacts) int { return began[a.Run].Compare(began[b.Run]) })
}

// subject is a unit in the making.
type subject struct {
	first   scoring.Assignment
	crossed bool
	chains  []chainID // assigned
}

// Units builds the units of an experiment, in the order of their assignment, as [Of] does. The map counts the assignments
// that are kept out of the statistics, by how they were made.
func Units(exp *experiments.Experiment, assignments []scoring.Assignment, records []scoring.Record, runs []scoring.RunFacts, now time.Time) ([]Unit, map[scoring.AssignedBy]int, error) {
	return designOf(exp).units(assignments, records, runs, now)
}

func (e *design) units(assignments []scoring.Assignment, records []scoring.Record, runs []scoring.RunFacts, now time.Time) ([]Unit, map[scoring.AssignedBy]int, error) {
	order, excluded, err := e.subjects(assignments, now)
	if err != nil {
		return nil, nil, err
	}
	chains, inherited := e.chains(records, runs, now)
	units := make([]Unit, len(order))
	for i, s := range order {
		units[i] = e.unit(s, chains, inherited, now)
	}
	return units, excluded, nil
}

// mine tells whether an assignment is one of e's that holds.
func (e *design) mine(a scoring.Assignment, now time.Time) bool {
	return a.Experiment == e.def.Name && a.Version == e.def.Version && !a.Superseded && !a.At.After(now)
}

// subjects returns the units that count, in the order of their assignment, and counts the assignments that do not.
func (e *design) subjects(assignments []scoring.Assignment, now time.Time) (order []*subject, excluded map[scoring.AssignedBy]int, err error) {
	subjects := map[string]*subject{}
	unserved := experiments.Unserved(assignments)
	for _, a := range assignments {
		switch {
		case !e.mine(a, now) || unserved[a.Unit]:
			continue
		case !experiments.Counted(a.By):
			if excluded == nil {
				excluded = map[scoring.AssignedBy]int{}
			}
			excluded[a.By]++
			continue
		}
		if _, ok := e.index[a.Variant]; !ok {
			return nil, nil, scoring.Invalid("variant", "%q of unit %q is not a variant of %q", a.Variant, a.Unit, e.def.Name)
		}
		s := subjects[a.Unit]
		if s == nil {
			s = &subject{first: a}
			subjects[a.Unit] = s
			order = append(order, s)
		}
		if a.Variant != s.first.Variant {
			// When the weights change, units move: scores under a unit's second variant are left out, which is no fault. Two
			// variants under the same weights are a fault.
			s.crossed = s.crossed || a.Epoch == s.first.Epoch
			continue
		}
		if e.def.Maturity > 0 && !a.At.Before(s.first.At.Add(e.def.Maturity)) {
			continue // the unit's window had closed
		}
		s.join(a)
	}
	return order, excluded, nil
}

// join adds the chain of an assignment.
func (s *subject) join(a scoring.Assignment) {
	id := chainID{a.Run.Namespace, a.Run.WorkflowID, cmp.Or(a.FirstRunID, a.Run.RunID)}
	if !slices.Contains(s.chains, id) {
		s.chains = append(s.chains, id)
	}
}

// chains groups facts and records by chain. inherited has, under the namespace and first run of an assigned chain, the
// chains whose runs carry its assignment.
func (e *design) chains(records []scoring.Record, runs []scoring.RunFacts, now time.Time) (map[chainID]*chain, map[chainID][]chainID) {
	chains := map[chainID]*chain{}
	inherited := map[chainID][]chainID{}
	of := map[scoring.Run]chainID{}
	get := func(id chainID) *chain {
		c := chains[id]
		if c == nil {
			c = &chain{}
			chains[id] = c
		}
		return c
	}
	for _, f := range runs {
		id := chainID{f.Run.Namespace, f.Run.WorkflowID, cmp.Or(f.FirstRunID, f.Run.RunID)}
		of[f.Run] = id
		if f.ClosedAt.After(now) {
			f.ClosedAt, f.Status = time.Time{}, ""
		}
		c := get(id)
		c.runs = append(c.runs, f)
		for _, ref := range f.Assigned {
			if ref.Experiment != e.def.Name || ref.Version != e.def.Version || ref.FirstRunID == id.firstRunID {
				continue
			}
			from := chainID{id.namespace, "", ref.FirstRunID}
			if !slices.Contains(inherited[from], id) {
				inherited[from] = append(inherited[from], id)
			}
		}
	}
	for _, c := range chains {
		c.sort()
	}
	wanted := map[string]bool{}
	for _, m := range e.metrics {
		wanted[m.Name], wanted[m.Denominator], wanted[m.Covariate] = true, true, true
	}
	for _, r := range records {
		if r.Superseded || !wanted[r.Name] {
			continue
		}
		r, known := r.AsOf(now)
		if !known {
			continue
		}
		id, ok := of[r.Run]
		if !ok {
			id = chainID{r.Run.Namespace, r.Run.WorkflowID, r.Run.RunID}
		}
		c := get(id)
		c.records = append(c.records, r)
	}
	return chains, inherited
}

// unit reads a subject.
func (e *design) unit(s *subject, chains map[chainID]*chain, inherited map[chainID][]chainID, now time.Time) Unit {
	u := Unit{
		Variant: s.first.Variant, Epoch: s.first.Epoch, Probabilities: s.first.Probabilities, At: s.first.At, Crossed: s.crossed,
	}
	w := window{from: s.first.At, now: now, open: e.def.Maturity == 0 || now.Before(s.first.At.Add(e.def.Maturity))}
	if e.def.Maturity > 0 {
		w.until = s.first.At.Add(e.def.Maturity)
		u.SealedAt = w.until
	}
	u.Mature = !w.open
	groups := make([]group, len(s.chains))
	for i, id := range s.chains {
		groups[i].own = cmp.Or(chains[id], &chain{})
		for _, other := range inherited[chainID{id.namespace, "", id.firstRunID}] {
			groups[i].others = append(groups[i].others, chains[other])
		}
	}
	if e.def.Maturity == 0 {
		// Without a window a unit is final as soon as the primary metric has a score, or its runs have all closed and nothing
		// is pending.
		o := w.read(e.metrics[0], groups)
		u.Mature = o.final() || (closed(groups) && o.State != scoring.Pending)
		w.open = !u.Mature
	}
	for _, m := range e.metrics {
		u.Outcomes = append(u.Outcomes, w.read(m, groups))
	}
	return u
}

// final tells whether an outcome is one that no longer waits.
func (o Outcome) final() bool { return o.State != "" && o.State != scoring.Pending }

// closed tells whether all assigned chains have ended.
func closed(groups []group) bool {
	for _, g := range groups {
		if n := len(g.own.runs); n == 0 || !over(g.own.runs[n-1].Status) {
			return false
		}
	}
	return true
}

// over tells whether a status is one after which the chain has no further run.
func over(s scoring.RunStatus) bool { return s != "" && s != scoring.RunContinuedAsNew }

// broken tells whether a run with this status failed.
func broken(s scoring.RunStatus) bool {
	switch s {
	case scoring.RunFailed, scoring.RunCanceled, scoring.RunTerminated, scoring.RunTimedOut:
		return true
	}
	return false
}
