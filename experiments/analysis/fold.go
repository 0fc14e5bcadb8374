package analysis

import (
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/scoring"
)

// Fold is the analysis of the units of an experiment with a window that the store has sealed, and of the assignments that it
// has learned of. It is [Reader.Overview] in parts: units are read once, in the order of their positions, and the state does
// not grow with their number. Of what changes after a seal it has counts, which [Fold.Change] brings up to date.
//
// Rows are parts of an experiment's rows: with an assignment there are all assignments of its unit and of the runs that a
// reset made of its run, and with a unit all runs and scores of its chains. They are as the store has them at a time after
// the last seal among them: nothing that counts for a unit is learned after that.
//
// It is not safe for concurrent use.
type Fold struct {
	def     experiments.Definition
	scope   Scope
	main    *Analysis
	engine  []*aside // run.failed, and run.duration with run.attempts
	places  []*aside // in the order in which they were found
	at      map[Place]*aside
	endings map[Ending]int
	course  *Course // nil: it is not kept
	// unserved counts units that are out since they were served something else, and unvouched the ones that their workers do
	// not vouch for.
	unserved, unvouched int
	shadowed            bool
	stale               string
}

// Mark says what has changed of a sealed unit since its seal. The store keeps it and gives it to [Fold.Change] with the unit.
type Mark struct {
	Position int64
	Data     []byte // nil: nothing
}

// NewFold returns the fold of no units. It refuses an experiment without a window, whose units have no seals.
func NewFold(exp *experiments.Experiment) (*Fold, error) {
	if exp.Definition().Maturity == 0 {
		return nil, scoring.Invalid("maturity", "an experiment without a window has no sealed units")
	}
	f := newFold(exp)
	f.course = &Course{}
	return f, nil
}

func newFold(exp *experiments.Experiment) *Fold {
	d, engine := exp.Definition(), EngineMetrics()
	f := &Fold{def: d, scope: ScopeOf(d), main: New(exp), at: map[Place]*aside{}, endings: map[Ending]int{}}
	f.engine = []*aside{newAside(d, engine[0]), newAside(d, engine[1], engine[2])}
	for _, m := range d.Metrics() {
		p := Place{m.Step, m.Name, m.Category}
		if m, ok := Declared(d, p); ok && f.at[p] == nil {
			x := newAside(d, m)
			x.place, x.declared = p, true
			f.keep(x)
		}
	}
	return f
}

func (f *Fold) keep(x *aside) {
	f.places = append(f.places, x)
	f.at[x.place] = x
}

// Stale says why the fold has to be made again from all rows, from [Fold.Again]; empty if it has not.
func (f *Fold) Stale() string { return f.stale }

// Again returns an empty fold that knows which kinds of scores there are.
func (f *Fold) Again(exp *experiments.Experiment) *Fold {
	again := newFold(exp)
	again.course = &Course{}
	for _, x := range f.places {
		if !x.declared && again.at[x.place] == nil {
			again.found(x.place).kind = x.kind
		}
	}
	again.settle()
	return again
}

// Arrive accumulates assignments in the order of their rows, as the store knows them at a time. The first of them, known in
// number, it has accumulated before. It returns how many it has taken: none from one on that an earlier release recorded,
// whose worker's clock goes before the store's.
func (f *Fold) Arrive(assignments []scoring.Assignment, known int, now time.Time) (taken int) {
	until := len(assignments)
	for i, a := range assignments[known:] {
		if a.RecordedAt.After(now) || a.RecordedAt.IsZero() && a.At.After(now) {
			until = known + i
			break
		}
	}
	f.ArriveAll(assignments[:until], known, now)
	return until - known
}

// ArriveAll is Arrive for the last assignments, of which none is left for later.
func (f *Fold) ArriveAll(assignments []scoring.Assignment, known int, now time.Time) {
	for _, a := range assignments[known:] {
		f.shadowed = f.shadowed || a.By == scoring.ByShadow && f.scope.assigned(a)
	}
	r := &Reader{scope: f.scope, now: now}
	r.arrive(assignments)
	f.main.arriveAll(slices.DeleteFunc(r.arrivals, func(x arrival) bool { return x.row < known }))
}

// Seal accumulates the units with after < position <= upTo, as the store knows them at a time, and returns what has changed
// of them since their seals. It refuses a variant that the definition does not have.
func (f *Fold) Seal(rows experiments.Rows, after, upTo int64, now time.Time) ([]Mark, error) {
	r := Read(f.scope, rows, now)
	in := func(s *subject) bool { return s.stored && s.first.Position > after && s.first.Position <= upTo }
	if err := r.admitted(f.main.exp); err != nil {
		return nil, err
	}
	for _, s := range r.taken {
		if in(s) {
			f.unserved++
		}
	}
	var marks []Mark
	next := after + 1
	skip := func(to int64) { // the store has sealed them, and they are no units
		for ; next < to; next++ {
			marks = append(marks, Mark{next, mark{out: true}.data()})
		}
	}
	for _, s := range r.order {
		if !in(s) {
			continue
		}
		skip(s.first.Position)
		next++
		f.find(r, s)
		f.settle()
		if m := f.add(r, s, r.of(s, f.main.exp)); !m.zero() {
			marks = append(marks, Mark{s.first.Position, m.data()})
		}
	}
	skip(upTo + 1)
	return marks, nil
}

// Change brings up to date what has changed since their seals of units that were accumulated before, and returns the marks
// that differ from the ones that are given with the units.
func (f *Fold) Change(rows experiments.Rows, marks []Mark, now time.Time) ([]Mark, error) {
	r := Read(f.scope, rows, now)
	units := map[int64]*subject{}
	for _, s := range r.order {
		if s.stored {
			units[s.first.Position] = s
		}
	}
	var changed []Mark
	for _, m := range marks {
		before, err := readMark(m.Data)
		if err != nil {
			return nil, err
		}
		s := units[m.Position]
		if before.out != (s == nil) {
			f.stale = "a sealed unit left, or came back, by a fact without a time"
		}
		if s == nil {
			continue
		}
		f.find(r, s)
		f.settle()
		u := r.of(s, f.main.exp)
		v, ok := f.main.exp.index[u.Variant]
		if !ok {
			continue
		}
		after := f.markOf(r, s, u)
		if after.equal(before) {
			continue
		}
		f.change(v, u, before, after)
		changed = append(changed, Mark{m.Position, after.data()})
	}
	return changed, nil
}

// Rest accumulates the units that the store has not sealed, and returns the overview of all. left are the assignments that
// are no units, as the store counted them when it sealed them. Nothing can be accumulated after it, and the overview is none
// if the fold is stale then.
func (f *Fold) Rest(rows experiments.Rows, left Left, asked map[scoring.Run]scoring.RunStatus, now time.Time) (Overview, error) {
	r := read(&Reader{scope: f.scope, now: now, asked: asked, part: true}, rows)
	if err := r.admitted(f.main.exp); err != nil {
		return Overview{}, err
	}
	subjects, err := r.ordered(f.main.exp)
	if err != nil {
		return Overview{}, err
	}
	subjects = slices.DeleteFunc(subjects, func(s ordered) bool { return s.stored })
	for _, s := range subjects {
		f.find(r, s.subject)
	}
	f.settle()
	for _, s := range subjects {
		f.add(r, s.subject, s.unit)
	}
	left = left.plus(r.left)
	left.Unserved = f.unserved + len(slices.DeleteFunc(slices.Clone(r.taken), func(s *subject) bool { return s.stored }))
	return f.overview(now, left), nil
}

// find looks for places where a unit has scores, and of which kind they are. Scores of open windows may still be taken
// back, so they say nothing of the kind.
func (f *Fold) find(r *Reader, s *subject) {
	if s.tooLate && s.sealed() {
		return
	}
	final := !s.windowed() || s.sealed()
	for _, g := range r.groups(s) {
		for _, c := range append([]view{g.own}, g.others...) {
			for _, records := range c.records {
				for _, rec := range records {
					x := f.found(PlaceOf(rec))
					if x.declared || !final || rec.Retracted || c.out[rec.Run] {
						continue
					}
					if _, ok := c.record(rec); ok {
						x.kind = x.kind.or(kindOf(rec.Score))
					}
				}
			}
		}
	}
	for _, x := range f.places {
		x.hear(r, s)
	}
}

// found returns the aside of a place. The units before its first score have none in it.
func (f *Fold) found(p Place) *aside {
	x := f.at[p]
	if x == nil {
		x = &aside{place: p}
		f.keep(x)
	}
	return x
}

// settle makes metrics of the places that were found, as the kind of their scores says. A place whose scores turn out to be
// of another kind than its units were read by makes the fold stale.
func (f *Fold) settle() {
	for _, x := range f.places {
		if x.declared {
			continue
		}
		m := x.kind.metric(x.place)
		switch {
		case x.exp != nil && x.exp.metrics[0].Type == m.Type && x.exp.metrics[0].any == x.kind.categories:
			continue
		case x.exp != nil && x.scored():
			f.stale = "the scores " + x.place.Name + " are of another kind than they were: " + x.kind.String()
			continue
		}
		x.about(f.def, m)
		if x.exp == nil {
			continue
		}
		for v := range x.metrics[0].counts {
			n := f.main.metrics[0].counts[v]
			x.metrics[0].counts[v] = Counts{Assigned: n.Assigned, Matured: n.Matured, Missing: n.Matured, Pending: n.Pending, InGrace: n.InGrace}
		}
	}
}

func (x *aside) scored() bool {
	return slices.ContainsFunc(x.metrics[0].counts, func(n Counts) bool { return n.Scored+n.Late+n.Expired+n.NotApplicable+n.Error > 0 })
}

// add accumulates a unit, and returns what has changed since its seal.
func (f *Fold) add(r *Reader, s *subject, u Unit) (m mark) {
	v := f.main.exp.index[u.Variant]
	p := f.main.probabilities(u.Probabilities, v)
	at := f.main.stratum(u.Epoch, p)
	f.main.add(at, v, p, u)
	if !s.first.Vouched {
		f.unvouched++
	}
	if u.TooLate {
		return m
	}
	sealed := f.main.exp.momentOf(u, f.main.units)
	if f.course != nil && u.Mature {
		f.course.add(u.Epoch, f.versus)
	}
	m.unit(u)
	for _, x := range f.asides() {
		if x.exp == nil {
			m.late = append(m.late, false)
			continue
		}
		m.aside(x.add(r, s, at, v, p, sealed))
	}
	for _, e := range r.endings(s) {
		f.ended(e)
	}
	return m
}

// ended counts an ending. The state stays small although code may put an id into the type of an error.
func (f *Fold) ended(e Ending) {
	if f.endings[e] == 0 && e.Type != "" {
		kinds := 0
		for other := range f.endings {
			if other.Variant == e.Variant && other.Type != "" && other.Type != FurtherTypes {
				kinds++
			}
		}
		if kinds >= maxEndings {
			e.Type = FurtherTypes
		}
	}
	f.endings[e]++
}

// asides are all asides, in the order in which marks have them.
func (f *Fold) asides() []*aside { return append(f.engine[:len(f.engine):len(f.engine)], f.places...) }

// mark is what has changed of a unit since its seal.
type mark struct {
	out     bool // it is no unit
	reset   bool
	resetAt time.Time
	late    []bool // by metric, and then by the metrics of the asides: had a score after the window or the seal
}

func (m *mark) unit(u Unit) {
	m.reset, m.resetAt = u.Reset, u.ResetAt
	m.aside(u)
}

func (m *mark) aside(u Unit) {
	for _, o := range u.Outcomes {
		m.late = append(m.late, o.Late && u.Mature)
	}
}

// markOf reads the mark of a unit.
func (f *Fold) markOf(r *Reader, s *subject, u Unit) (m mark) {
	m.unit(u)
	for _, x := range f.asides() {
		if x.exp == nil {
			m.late = append(m.late, false)
			continue
		}
		m.aside(r.unit(s, x.exp.metrics))
	}
	return m
}

// at tells whether the n-th metric is late.
func (m mark) at(n int) bool { return n < len(m.late) && m.late[n] }

func (m mark) any(n int) bool { return slices.Contains(m.late[:min(n, len(m.late))], true) }

func (m mark) zero() bool { return !m.out && !m.reset && !slices.Contains(m.late, true) }

func (m mark) equal(o mark) bool {
	if m.out != o.out || m.reset != o.reset || !m.resetAt.Equal(o.resetAt) {
		return false
	}
	for i := range max(len(m.late), len(o.late)) {
		if m.at(i) != o.at(i) {
			return false
		}
	}
	return true
}

// change counts the difference between two marks of a unit of variant v.
func (f *Fold) change(v int, u Unit, before, after mark) {
	metrics := slices.Clone(f.main.metrics)
	for _, x := range f.asides() {
		if x.exp == nil {
			metrics = append(metrics, nil)
			continue
		}
		metrics = append(metrics, x.metrics...)
	}
	for i, m := range metrics {
		if m != nil {
			m.counts[v].Late += step(before.at(i), after.at(i))
		}
	}
	c := &f.main.seals.counts[v]
	n := len(f.main.metrics)
	c.Corrected += step(before.any(n), after.any(n))
	c.Reset += step(before.reset, after.reset)
	if before.reset {
		f.main.seals.resets.remove(u)
	}
	if after.reset {
		f.main.seals.resets.add(v, u, f.main.probabilities(u.Probabilities, v))
	}
}

// step is how a count changes with a truth.
func step(before, after bool) int {
	switch {
	case after && !before:
		return 1
	case before && !after:
		return -1
	}
	return 0
}

// foldForm is the form of a fold's state, and markForm of a mark. See stateForm.
const (
	foldForm = 1
	markForm = 1
)

func (m mark) data() []byte {
	if m.zero() {
		return nil
	}
	data, _ := packed.Write(markForm, m.code) // nothing in it has a form of its own
	return data
}

func readMark(data []byte) (m mark, err error) {
	if data == nil {
		return m, nil
	}
	return m, packed.Read(markForm, data, m.code)
}

func (m *mark) code(c *packed.Coder) {
	c.Bool(&m.out, &m.reset)
	c.Time(&m.resetAt)
	packed.List(c, &m.late, func(b *bool) { c.Bool(b) })
}

// MarshalBinary returns the state, which [ResumeFold] reads. What it grows with is said at [Analysis.MarshalBinary]; it grows
// with the names of scores as well.
func (f *Fold) MarshalBinary() ([]byte, error) { return packed.Write(foldForm, f.code) }

// ResumeFold returns the fold of an experiment whose state MarshalBinary has returned. It refuses the state of an experiment
// with another definition.
func ResumeFold(exp *experiments.Experiment, state []byte) (*Fold, error) {
	f, err := NewFold(exp)
	if err != nil {
		return nil, err
	}
	return f, packed.Read(foldForm, state, f.code)
}

// Outdated tells whether a state is of a form that earlier releases wrote. One that is not can still be of another definition, or of a
// form that later releases write.
func Outdated(state []byte) bool { return len(state) > 0 && state[0] < foldForm }

func (f *Fold) code(c *packed.Coder) {
	f.main.code(c)
	for _, x := range f.engine {
		x.code(c)
	}
	places := make([]Place, len(f.places))
	for i, x := range f.places {
		places[i] = x.place
	}
	packed.List(c, &places, func(p *Place) {
		c.Text(&p.Step)
		c.Text(&p.Name)
		c.Text(&p.Category)
	})
	for _, p := range places {
		x := f.found(p)
		c.Bool(&x.said, &x.kind.numbers, &x.kind.beyond, &x.kind.categories)
		if c.Reading() && !x.declared {
			x.about(f.def, x.kind.metric(p))
		}
		x.code(c)
	}
	packed.Map(c, &f.endings, Ending.compare, func(e *Ending, n *int) {
		c.Text(&e.Variant)
		c.Text((*string)(&e.Status))
		c.Text(&e.Step)
		c.Text(&e.Type)
		packed.Int(c, n)
	})
	f.course.code(c)
	packed.Int(c, &f.unserved)
	packed.Int(c, &f.unvouched)
	c.Bool(&f.shadowed)
}

func (x *aside) code(c *packed.Coder) {
	there := x.exp != nil
	if c.Bool(&there); there != (x.exp != nil) {
		c.Refuse()
		return
	}
	packed.Fixed(c, x.metrics, func(m **tally) { (*m).code(c) })
	if x.shares != nil {
		x.shares.code(c)
	}
}
