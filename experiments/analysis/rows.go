package analysis

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Scope is the part of a definition that units of any metric are read by.
type Scope struct {
	Experiment, Version string
	// Maturity is the window of a unit; 0: none.
	Maturity time.Duration
}

// ScopeOf returns the scope of a definition.
func ScopeOf(d experiments.Definition) Scope {
	return Scope{d.Name, d.Version, d.Maturity}
}

// Of returns the results of an experiment at a moment, from a store's rows, whose units [Read] finds. It refuses a
// counted assignment of a variant that the definition does not have.
func Of(exp *experiments.Experiment, rows experiments.Rows, now time.Time) (Report, error) {
	return Read(ScopeOf(exp.Definition()), rows, now).Report(exp)
}

// Reader has the units of an experiment at a moment. It alone says which runs make a unit, and which of their scores
// count: everything that shows or decides something asks it.
type Reader struct {
	scope   Scope
	now     time.Time
	order   []*subject // in the order of their assignment
	shadows []*subject
	runs    map[scoring.Run]chainID
	chains  map[chainID]*chain
	// inherited has, under the namespace and first run of an assigned chain, the chains whose runs carry its assignment.
	inherited map[chainID][]chainID
	beside    map[string]bool // first runs of shadows' chains
	names     []string        // of the variants, as the assignments have them
	left      Left
}

// Left counts assignments and units that are kept out of the statistics.
type Left struct {
	// By counts assignments by how they were made, and Superseded the assignments of runs that were reset away.
	By         map[scoring.AssignedBy]int
	Superseded int
	// Unserved counts units that were served something other than recorded.
	Unserved int
}

// Assignments is the number of assignments that are kept out.
func (l Left) Assignments() int {
	n := l.Superseded
	for _, k := range l.By {
		n += k
	}
	return n
}

// chainID identifies a chain of retries and continued runs.
type chainID struct{ namespace, workflowID, firstRunID string }

// chain has the rows of one chain.
type chain struct {
	runs    []scoring.RunFacts // in the order of their starts
	records map[string][]scoring.Record
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
	served  *subject  // of a shadow: the unit that it ran in parallel to
}

// Read finds the units of an experiment in a store's rows. Rows of other experiments and versions, superseded and
// retracted ones, and rows later than now are left out, so that a report of the past can be made again.
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
//   - A shadow of a unit that is not in the statistics does not count either.
func Read(scope Scope, rows experiments.Rows, now time.Time) *Reader {
	r := &Reader{
		scope: scope, now: now, runs: map[scoring.Run]chainID{}, chains: map[chainID]*chain{}, inherited: map[chainID][]chainID{}, beside: map[string]bool{},
		left: Left{By: map[scoring.AssignedBy]int{}},
	}
	r.assigned(rows.Assignments)
	r.follow(rows.Runs)
	r.record(rows.Records)
	return r
}

// assigned finds the units that count, in the order of their assignment.
func (r *Reader) assigned(assignments []scoring.Assignment) {
	names := map[string]bool{}
	subjects := map[string]*subject{}
	unserved := experiments.Unserved(assignments)
	r.left.Unserved = len(unserved)
	for _, a := range assignments {
		switch {
		case a.Experiment != r.scope.Experiment || a.Version != r.scope.Version || a.At.After(r.now):
			continue
		case a.By == scoring.ByShadow:
			r.beside[a.FirstRunID] = true
			continue
		case a.Superseded:
			r.left.Superseded++
			continue
		case !experiments.Counted(a.By):
			r.left.By[a.By]++
			continue
		case unserved[a.Unit]:
			continue
		}
		for name := range a.Probabilities {
			names[name] = true
		}
		names[a.Variant] = true
		s := subjects[a.Unit]
		if s == nil {
			s = &subject{first: a}
			subjects[a.Unit] = s
			r.order = append(r.order, s)
		}
		if a.Variant != s.first.Variant {
			// When the weights change, units move: scores under a unit's second variant are left out, which is no fault. Two
			// variants under the same weights are a fault.
			s.crossed = s.crossed || a.Epoch == s.first.Epoch
			continue
		}
		if r.scope.Maturity > 0 && !a.At.Before(s.first.At.Add(r.scope.Maturity)) {
			continue // the unit's window had closed
		}
		s.join(a)
	}
	r.names = slices.Sorted(maps.Keys(names))
	r.shadowed(assignments)
}

// shadowed finds the shadows of the units that count.
func (r *Reader) shadowed(assignments []scoring.Assignment) {
	if len(r.beside) == 0 {
		return
	}
	served := map[string]*subject{} // first run of a served chain → its unit
	for _, s := range r.order {
		for _, id := range s.chains {
			served[id.firstRunID] = s
		}
	}
	type key struct {
		variant string
		unit    *subject
	}
	found := map[key]*subject{}
	for _, a := range assignments {
		s := served[a.Unit]
		if a.By != scoring.ByShadow || a.Experiment != r.scope.Experiment || a.Version != r.scope.Version || a.Superseded || a.At.After(r.now) || s == nil {
			continue
		}
		id := key{a.Variant, s}
		if found[id] == nil {
			found[id] = &subject{first: a, served: s}
			r.shadows = append(r.shadows, found[id])
		}
		found[id].join(a)
	}
}

// join adds the chain of an assignment.
func (s *subject) join(a scoring.Assignment) {
	id := chainID{a.Run.Namespace, a.Run.WorkflowID, cmp.Or(a.FirstRunID, a.Run.RunID)}
	if !slices.Contains(s.chains, id) {
		s.chains = append(s.chains, id)
	}
}

// follow groups the facts of runs by chain.
func (r *Reader) follow(runs []scoring.RunFacts) {
	for _, f := range runs {
		id := chainID{f.Run.Namespace, f.Run.WorkflowID, cmp.Or(f.FirstRunID, f.Run.RunID)}
		r.runs[f.Run] = id
		if f.ClosedAt.After(r.now) {
			f.ClosedAt, f.Status = time.Time{}, ""
		}
		c := r.chain(id)
		c.runs = append(c.runs, f)
		for _, ref := range f.Assigned {
			if ref.Experiment != r.scope.Experiment || ref.Version != r.scope.Version || ref.FirstRunID == id.firstRunID || r.beside[id.firstRunID] {
				continue
			}
			from := chainID{id.namespace, "", ref.FirstRunID}
			if !slices.Contains(r.inherited[from], id) {
				r.inherited[from] = append(r.inherited[from], id)
			}
		}
	}
	for _, c := range r.chains {
		c.sort()
	}
}

// record groups records by chain and name.
func (r *Reader) record(records []scoring.Record) {
	for _, rec := range records {
		if rec.Superseded {
			continue
		}
		rec, known := rec.AsOf(r.now)
		if !known {
			continue
		}
		id, ok := r.runs[rec.Run]
		if !ok {
			id = chainID{rec.Run.Namespace, rec.Run.WorkflowID, rec.Run.RunID}
		}
		c := r.chain(id)
		c.records[rec.Name] = append(c.records[rec.Name], rec)
	}
}

func (r *Reader) chain(id chainID) *chain {
	c := r.chains[id]
	if c == nil {
		c = &chain{records: map[string][]scoring.Record{}}
		r.chains[id] = c
	}
	return c
}

// groups are the chains of a subject.
func (r *Reader) groups(s *subject) []group {
	groups := make([]group, len(s.chains))
	for i, id := range s.chains {
		groups[i].own = cmp.Or(r.chains[id], &chain{})
		for _, other := range r.inherited[chainID{id.namespace, "", id.firstRunID}] {
			groups[i].others = append(groups[i].others, r.chains[other])
		}
	}
	return groups
}

// window is the window of a subject.
func (r *Reader) window(s *subject) window {
	w := window{from: s.first.At, now: r.now, open: true}
	if r.scope.Maturity > 0 {
		w.until = s.first.At.Add(r.scope.Maturity)
		w.open = r.now.Before(w.until)
	}
	return w
}

// unit reads a subject on some metrics. Without a window the first of them says when it is final.
func (r *Reader) unit(s *subject, metrics []metric) Unit {
	u := Unit{
		Variant: s.first.Variant, Epoch: s.first.Epoch, Probabilities: s.first.Probabilities, At: s.first.At, Crossed: s.crossed,
	}
	w, groups := r.window(s), r.groups(s)
	u.SealedAt = w.until
	if r.scope.Maturity == 0 {
		// Without a window a unit is final as soon as the primary metric has a score, or its runs have all closed and nothing
		// is pending.
		o := w.read(metrics[0], groups)
		w.open = !o.final() && !(closed(groups) && o.State != scoring.Pending)
	}
	u.Mature = !w.open
	for _, m := range metrics {
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
