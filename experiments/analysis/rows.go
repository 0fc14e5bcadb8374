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
	// Unit is the key of the sessions that are the units. Empty, and [experiments.UnitRun]: they are none.
	Unit string
	// Maturity is the window of a unit, and Grace the time after it until its seal. 0: none.
	Maturity, Grace time.Duration
}

// ScopeOf returns the scope of a definition.
func ScopeOf(d experiments.Definition) Scope {
	d = d.WithDefaults()
	return Scope{d.Name, d.Version, d.Unit, d.Maturity, d.Grace}
}

// Of returns the results of an experiment at a moment, from a store's rows, whose units [Read] finds. It refuses a
// counted assignment of a variant that the definition does not have.
func Of(exp *experiments.Experiment, rows experiments.Rows, now time.Time) (Report, error) {
	return Read(ScopeOf(exp.Definition()), rows, now).Report(exp)
}

// Reader has the units of an experiment at a moment. It alone says which runs make a unit, and which of their scores
// count: everything that shows or decides something asks it. It is not safe for concurrent use.
type Reader struct {
	scope    Scope
	now      time.Time
	order    []*subject // in the order of their assignment
	shadows  []*subject
	arrivals []arrival
	runs     map[scoring.Run]chainID
	chains   map[chainID]*chain
	// inherited has, under the namespace and first run of an assigned chain, the chains whose runs carry its assignment.
	inherited map[chainID][]chainID
	sessions  map[string]*chain // by id: the scores of the sessions that are units
	beside    map[string]bool   // first runs of shadows' chains
	names     []string          // of the variants, as the assignments have them
	left      Left
	taken     []*subject // units that were served something other than recorded
	part      bool       // the rows are a part of the experiment's: [Read] says of which
	asked     map[scoring.Run]scoring.RunStatus
}

// Left counts assignments and units that are kept out of the statistics.
type Left struct {
	// By counts assignments by how they were made, and Superseded the assignments of runs that were reset away.
	By         map[scoring.AssignedBy]int
	Superseded int
	// Unserved counts units that were served something other than recorded.
	Unserved int
}

func (l Left) plus(o Left) Left {
	sum := Left{By: maps.Clone(l.By), Superseded: l.Superseded + o.Superseded, Unserved: l.Unserved + o.Unserved}
	if sum.By == nil {
		sum.By = map[scoring.AssignedBy]int{}
	}
	for by, n := range o.By {
		sum.By[by] += n
	}
	return sum
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
	runs    []scoring.RunFacts // in the order of their rows
	records map[string][]scoring.Record
}

// view is a chain as it counts for a unit.
type view struct {
	horizon
	*chain
	runs []scoring.RunFacts   // in the order of their starts
	out  map[scoring.Run]bool // runs that do not count
	late bool                 // the last run ended too late to count
}

// view returns the chain as it counts within a horizon.
func (c *chain) view(h horizon) view {
	v := view{horizon: h, chain: c}
	var late map[scoring.Run]bool
	for _, f := range c.runs {
		as, ok, after := h.of(f)
		if !ok {
			if v.out == nil {
				v.out = map[scoring.Run]bool{}
			}
			v.out[f.Run] = true
			continue
		}
		if after {
			if late == nil {
				late = map[scoring.Run]bool{}
			}
			late[f.Run] = true
		}
		v.runs = append(v.runs, as)
	}
	inOrder(v.runs)
	if n := len(v.runs); n > 0 {
		v.late = late[v.runs[n-1].Run]
	}
	return v
}

// inOrder sorts runs by their starts. A run with an unknown start, such as one that never flushed, stays behind the run
// that became known before it.
func inOrder(runs []scoring.RunFacts) {
	if len(runs) < 2 {
		return
	}
	began := make(map[scoring.Run]time.Time, len(runs))
	last := time.Time{}
	for _, f := range runs {
		if !f.StartedAt.IsZero() {
			last = f.StartedAt
		}
		began[f.Run] = last
	}
	slices.SortStableFunc(runs, func(a, b scoring.RunFacts) int { return began[a.Run].Compare(began[b.Run]) })
}

// subject is a unit in the making.
type subject struct {
	horizon
	first   scoring.Assignment
	crossed bool
	chains  []chainID   // assigned
	read    []group     // the chains as they count, once they are read
	tooLate bool        // the store learned of the assignment after its seal
	resets  []time.Time // when the store learned, after the seal, that it was reset away or was served something else
	served  *subject    // of a shadow: the unit that it ran in parallel to
}

// Read finds the units of an experiment in a store's rows. Rows of other experiments and versions, superseded and
// retracted ones are left out, and so are later rows than now and, with a window, ones that the store learned of later:
// a report of the past is the one that was made then.
//
//   - With a window, a unit is sealed at the end of the window and the grace. Facts count that happened within the window and
//     that the store had learned of by then: statuses of runs, runs that had started, scores. A run that is reset away
//     after the seal stays, and the unit is marked; one that is reset away before it leaves, and the run that holds is the
//     unit. A unit whose assignment the store learned of after its seal is known too late: it is in the sample ratio alone.
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
	return read(&Reader{scope: scope, now: now}, rows)
}

// ReadAsked is Read with the server's answers about how runs ended that never flushed. It says how, not when, so they count
// for run.failed alone.
func ReadAsked(scope Scope, rows experiments.Rows, asked map[scoring.Run]scoring.RunStatus, now time.Time) *Reader {
	return read(&Reader{scope: scope, now: now, asked: asked}, rows)
}

func read(r *Reader, rows experiments.Rows) *Reader {
	*r = Reader{
		scope: r.scope, now: r.now, asked: r.asked, part: r.part, runs: map[scoring.Run]chainID{}, chains: map[chainID]*chain{}, inherited: map[chainID][]chainID{}, sessions: map[string]*chain{}, beside: map[string]bool{},
		left: Left{By: map[scoring.AssignedBy]int{}},
	}
	r.assigned(rows.Assignments, rows.LastSealed)
	r.follow(rows.Runs)
	r.record(rows.Records)
	return r
}

// assigned finds the units that count, in the order of their assignment, and after them the ones that are known too late.
// before is when the last unit was assigned that is sealed and whose rows are not there.
func (r *Reader) assigned(assignments []scoring.Assignment, before time.Time) {
	mine := r.inOrder(assignments)
	r.arrive(assignments)
	names := map[string]bool{}
	subjects, stayed := map[string]*subject{}, map[origin]bool{}
	sealed := map[string]horizon{} // of units that the store has sealed
	for _, a := range mine {
		if a.Position > 0 {
			sealed[a.Unit] = r.horizon(a)
		}
	}
	var late []scoring.Assignment
	last := latest(before, lastSealed(mine))
	for _, a := range mine {
		h := r.horizon(a)
		s := subjects[a.Unit]
		unit, known := sealed[a.Unit]
		known = known && a.Position == 0 // if it had come before that, it would have a place
		switch {
		case s != nil:
			h = s.horizon
		case known:
			h = unit
		}
		from := originOf(a)
		switch {
		case h.gone(a.Superseded, a.SupersededAt), s == nil && !known && a.OriginalRunID != "" && stayed[from]:
			if !r.part || a.SealedAt.IsZero() {
				r.left.Superseded++ // or the unit that was reset away stays
			}
			continue
		case !experiments.Counted(a.By):
			if !r.part || a.SealedAt.IsZero() {
				r.left.By[a.By]++
			}
			continue
		}
		for name := range a.Probabilities {
			names[name] = true
		}
		names[a.Variant] = true
		switch {
		case s == nil && known:
			continue // made before the one that sealed the unit, and known after it
		case s == nil && !h.stored && (!h.knew(a.RecordedAt, time.Time{}) || h.windowed() && a.At.Before(last)):
			late = append(late, a) // the unit may have another assignment, and even be sealed by it
			continue
		case s == nil:
			s = &subject{horizon: h, first: a}
			subjects[a.Unit] = s
			r.order = append(r.order, s)
		case !h.knew(a.RecordedAt, time.Time{}):
			continue // the unit was sealed
		}
		stayed[from] = true // also before the store knows that the run was reset away
		if a.Superseded {
			s.resets = append(s.resets, a.SupersededAt)
		}
		if a.Variant != s.first.Variant {
			// When the weights change, units move: scores under a unit's second variant are left out, which is no fault. Two
			// variants under the same weights are a fault.
			s.crossed = s.crossed || a.Epoch == s.first.Epoch
			continue
		}
		if h.windowed() && !a.At.Before(h.until) {
			continue // the unit's window had closed
		}
		s.join(a)
	}
	for _, a := range late {
		if subjects[a.Unit] == nil {
			s := &subject{horizon: r.horizon(a), first: a, tooLate: true}
			s.join(a)
			subjects[a.Unit] = s
			r.order = append(r.order, s)
		}
	}
	r.names = slices.Sorted(maps.Keys(names))
	r.unserved(mine, subjects)
	r.shadowed(assignments)
}

// lastSealed is when the last of the units was assigned that the store has sealed.
func lastSealed(mine []scoring.Assignment) (last time.Time) {
	for _, a := range mine {
		if a.Position > 0 {
			last = latest(last, a.At)
		}
	}
	return last
}

// inOrder returns the assignments of the scope that were made by now, in the order of their making: of units with a
// window by the time of the assignment, in which order they are sealed.
func (r *Reader) inOrder(assignments []scoring.Assignment) []scoring.Assignment {
	var mine []scoring.Assignment
	for _, a := range assignments {
		a, known := r.assignmentAsOf(a)
		switch {
		case !r.scope.assigned(a) || !known:
		case a.By == scoring.ByShadow:
			r.beside[a.FirstRunID] = true
		default:
			mine = append(mine, a)
		}
	}
	if r.scope.Maturity > 0 {
		slices.SortStableFunc(mine, func(a, b scoring.Assignment) int {
			if a.Position > 0 && b.Position > 0 {
				return cmp.Compare(a.Position, b.Position)
			}
			return a.At.Compare(b.At)
		})
	}
	return mine
}

// unserved takes out the units that were served something other than recorded, and marks the ones of which that became
// known after their seal.
func (r *Reader) unserved(mine []scoring.Assignment, subjects map[string]*subject) {
	out := map[*subject]bool{}
	for _, a := range mine {
		s := subjects[a.Unit]
		switch {
		case s == nil || !a.Unserved || !experiments.Counted(a.By) || s.gone(a.Superseded, a.SupersededAt):
		case !s.knew(a.RecordedAt, time.Time{}): // it is none of the unit's
		case !a.UnservedAt.IsZero() && s.outlived(true, a.UnservedAt):
			s.resets = append(s.resets, a.UnservedAt)
		default:
			out[s] = true
		}
	}
	r.left.Unserved = len(out)
	if len(out) > 0 {
		r.taken = slices.Collect(maps.Keys(out))
		r.order = slices.DeleteFunc(r.order, func(s *subject) bool { return out[s] })
	}
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
		a, known := r.assignmentAsOf(a)
		s := served[a.Unit]
		if a.By != scoring.ByShadow || a.Experiment != r.scope.Experiment || a.Version != r.scope.Version || a.Superseded || !known || s == nil {
			continue
		}
		id := key{a.Variant, s}
		if found[id] == nil {
			found[id] = &subject{horizon: r.horizon(a), first: a, served: s}
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
		f, known := r.runAsOf(f)
		if !known {
			continue
		}
		r.runs[f.Run] = id
		c := r.chain(id)
		c.runs = append(c.runs, f)
		for _, ref := range f.Assigned {
			if !r.scope.has(ref) || ref.FirstRunID == id.firstRunID || r.beside[id.firstRunID] {
				continue
			}
			from := chainID{id.namespace, "", ref.FirstRunID}
			if !slices.Contains(r.inherited[from], id) {
				r.inherited[from] = append(r.inherited[from], id)
			}
		}
	}
}

// assigned tells whether an assignment is one of the scope.
func (s Scope) assigned(a scoring.Assignment) bool {
	return a.Experiment == s.Experiment && a.Version == s.Version
}

func (s Scope) has(ref scoring.Ref) bool {
	return ref.Experiment == s.Experiment && ref.Version == s.Version
}

// record groups records by chain and name.
func (r *Reader) record(records []scoring.Record) {
	for _, rec := range records {
		rec, known := r.recordAsOf(rec)
		if !known {
			continue
		}
		if rec.OfSession() {
			r.ofSession(rec)
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

// groups are the chains of a subject as they count for it.
func (r *Reader) groups(s *subject) []group {
	if s.read != nil {
		return s.read
	}
	s.read = make([]group, len(s.chains), len(s.chains)+1)
	for i, id := range s.chains {
		s.read[i].own = cmp.Or(r.chains[id], &chain{}).view(s.horizon)
		for _, other := range r.inherited[chainID{id.namespace, "", id.firstRunID}] {
			v := r.chains[other].view(s.horizon)
			if slices.ContainsFunc(v.runs, func(f scoring.RunFacts) bool {
				return slices.ContainsFunc(f.Assigned, func(ref scoring.Ref) bool { return r.scope.has(ref) && ref.FirstRunID == id.firstRunID })
			}) {
				s.read[i].others = append(s.read[i].others, v)
			}
		}
	}
	if s.served == nil {
		if c := r.sessions[s.first.Unit]; c != nil || r.scope.sessions() {
			s.read = append(s.read, group{session: true, own: cmp.Or(c, &chain{}).view(s.horizon)})
		}
	}
	return s.read
}

// window is the window of a subject. Without one, it is open.
func (s *subject) window() window { return window{horizon: s.horizon, open: !s.sealed()} }

// unit reads a subject on some metrics. Without a window the first of them says when it is final.
func (r *Reader) unit(s *subject, metrics []metric) Unit {
	w, groups := s.window(), r.groups(s)
	reset, resetAt := s.resetAt(groups)
	u := Unit{
		Variant: s.first.Variant, Epoch: s.first.Epoch, Probabilities: s.first.Probabilities, At: s.first.At, Crossed: s.crossed,
		SealedAt: s.seal, InGrace: s.inGrace(), TooLate: s.tooLate && s.sealed(), Reset: reset, ResetAt: resetAt, position: max(0, s.first.Position),
	}
	if !s.windowed() {
		// Without a window a unit is final as soon as the primary metric has a score, or its runs have all closed and nothing
		// is pending.
		o := w.read(metrics[0], groups)
		w.open = !o.final() && !(closed(groups) && o.State != scoring.Pending)
		if u.final = w.known(metrics[0], groups); !o.final() {
			u.final = ended(groups)
		}
	}
	u.Mature = !w.open
	for _, m := range metrics {
		u.Outcomes = append(u.Outcomes, w.readDrawn(r, s, m, groups))
	}
	return u
}

// known is when the statements about a metric were recorded.
func (w window) known(m metric, groups []group) (at time.Time) {
	if m.engine() {
		return ended(groups)
	}
	for _, g := range groups {
		for _, c := range append([]view{g.own}, g.others...) {
			at = latest(at, w.said(c, m.asked()).known)
		}
	}
	return at
}

// ended is when the last of the assigned chains ended.
func ended(groups []group) (at time.Time) {
	for _, g := range groups {
		if n := len(g.own.runs); n > 0 && g.own.runs[n-1].ClosedAt.After(at) {
			at = g.own.runs[n-1].ClosedAt
		}
	}
	return at
}

// resetAt tells whether what counts was reset away after the seal, or was found then to have been served something else,
// and when the store first learned of that; the zero time: not known.
func (s *subject) resetAt(groups []group) (reset bool, at time.Time) {
	if !s.sealed() {
		return false, at
	}
	all := slices.Clone(s.resets)
	for _, g := range groups {
		for _, f := range g.own.runs {
			if f.Learned.Removed {
				all = append(all, f.Learned.Reset)
			}
		}
	}
	for _, t := range all {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return len(all) > 0, at
}

// final tells whether an outcome is one that no longer waits.
func (o Outcome) final() bool { return o.State != "" && o.State != scoring.Pending }

// closed tells whether all assigned chains have ended.
func closed(groups []group) bool {
	for _, g := range groups {
		if n := len(g.own.runs); !g.session && (n == 0 || !over(g.own.runs[n-1].Status)) {
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
