package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Units returns the units, in the order of their assignment, or without a window in which they became final, as an experiment's metrics read them. Units that are known too late come
// last, and have no outcomes to count. It refuses a variant that the definition does not have.
func (r *Reader) Units(exp *experiments.Experiment) ([]Unit, error) {
	units, err := r.units(designOf(exp))
	for i := range units {
		units[i].position = 0
	}
	return units, err
}

func (r *Reader) units(e *design) ([]Unit, error) {
	all, err := r.ordered(e)
	units := make([]Unit, len(all))
	for i, s := range all {
		units[i] = s.unit
	}
	return units, err
}

// ordered is a subject with its unit.
type ordered struct {
	*subject
	unit Unit
}

// ordered returns the subjects in the order of [Reader.Units].
func (r *Reader) ordered(e *design) ([]ordered, error) {
	if err := r.admitted(e); err != nil {
		return nil, err
	}
	all := make([]ordered, len(r.order))
	for i, s := range r.order {
		all[i] = ordered{s, r.of(s, e)}
	}
	if r.scope.Maturity == 0 {
		slices.SortStableFunc(all, func(a, b ordered) int { return a.unit.byFinal(b.unit) })
		return all, nil
	}
	// Units that are known too late come last: the number of a sealed unit does not change when one turns up.
	slices.SortStableFunc(all, func(a, b ordered) int {
		switch {
		case a.unit.TooLate == b.unit.TooLate:
			return 0
		case b.unit.TooLate:
			return -1
		}
		return 1
	})
	return all, nil
}

// byFinal orders units without a window as they became final, and the others after them.
func (u Unit) byFinal(v Unit) int {
	switch {
	case u.Mature != v.Mature:
		if u.Mature {
			return -1
		}
		return 1
	case !u.Mature:
		return 0
	}
	return u.final.Compare(v.final)
}

// admitted refuses a counted variant that a definition does not have.
func (r *Reader) admitted(e *design) error {
	for _, s := range r.order {
		if _, ok := e.index[s.first.Variant]; !ok {
			return scoring.Invalid("variant", "%q of unit %q is not a variant of %q", s.first.Variant, s.first.Unit, e.def.Name)
		}
	}
	return nil
}

// Report returns the results of an experiment.
func (r *Reader) Report(exp *experiments.Experiment) (Report, error) {
	e := designOf(exp)
	units, err := r.units(e)
	if err != nil {
		return Report{}, err
	}
	a := e.analysis()
	a.arriveAll(r.arrivals)
	for _, u := range units {
		v := e.index[u.Variant]
		p := a.probabilities(u.Probabilities, v)
		a.add(a.stratum(u.Epoch, p), v, p, u)
	}
	out := a.Report(r.now)
	if len(r.left.By) > 0 {
		out.Excluded = maps.Clone(r.left.By)
	}
	return out, nil
}

// Len is the number of units.
func (r *Reader) Len() int { return len(r.order) }

// Left counts the assignments and units that are kept out.
func (r *Reader) Left() Left { return r.left }

// Unvouched counts the units that were assigned by workers that did not withdraw an assignment that was not served.
func (r *Reader) Unvouched() int {
	n := 0
	for _, s := range r.order {
		if !s.first.Vouched {
			n++
		}
	}
	return n
}

// Select returns the units that have one of the given runs. A report of them checks no assignment.
func (r *Reader) Select(runs map[scoring.Run]bool) *Reader {
	out := *r
	out.order, out.shadows, out.arrivals, out.left = nil, nil, nil, Left{}
	of := map[chainID]bool{}
	for run := range runs {
		id, ok := r.runs[run]
		if !ok {
			id = chainID{run.Namespace, run.WorkflowID, run.RunID}
		}
		of[id] = true
	}
	for _, s := range r.order {
		if slices.ContainsFunc(s.chains, func(id chainID) bool {
			return of[id] || slices.ContainsFunc(r.inherited[chainID{id.namespace, "", id.firstRunID}], func(id chainID) bool { return of[id] })
		}) {
			out.order = append(out.order, s)
		}
	}
	return &out
}

// OfShadow tells whether a run is of a shadow, or inherited a shadow's assignment.
func (r *Reader) OfShadow(run scoring.Run) bool {
	id, ok := r.runs[run]
	if !ok {
		return r.beside[run.RunID]
	}
	if r.beside[id.firstRunID] {
		return true
	}
	return slices.ContainsFunc(r.chains[id].runs, func(f scoring.RunFacts) bool {
		return f.Run == run && slices.ContainsFunc(f.Assigned, func(ref scoring.Ref) bool { return r.beside[ref.FirstRunID] })
	})
}

// Place is where scores of one name are.
type Place struct {
	Step string // activity type, or [scoring.SessionStep]; empty: the run
	Name string
	// Category is the one that a metric equals: see [experiments.Metric.Equals]. Empty: all scores of the name.
	Category string
}

// Unnamed is the step type of scores of steps whose type is not known.
const Unnamed = "(unnamed)"

// PlaceOf returns the place of a record.
func PlaceOf(r scoring.Record) Place { return Place{Step: placeStep(r), Name: r.Name} }

// stepType is how a step is grouped: ids shift when code changes.
func stepType(s scoring.Step) string {
	if s.IsZero() {
		return ""
	}
	return cmp.Or(s.Type, Unnamed)
}

// Tally counts the units of a variant in a place.
type Tally struct {
	Place
	Variant string
	Counts
	// Mean is over the scored units, with true as 1 and false as 0; nil if there is none, and of a categorical score.
	Mean *float64
	// Shares counts the scored units of a categorical score by category.
	Shares map[string]float64
}

// Tallies counts each unit once, in each place where a unit has a score, of any value. They are in the
// order of places and variants.
func (r *Reader) Tallies() []Tally {
	found := map[Place]bool{}
	for _, s := range r.order {
		for _, g := range r.groups(s) {
			for _, c := range append([]view{g.own}, g.others...) {
				c.places(found)
			}
		}
	}
	all := slices.SortedFunc(maps.Keys(found), func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Name, b.Name))
	})
	var out []Tally
	for _, p := range all {
		of := map[string]*plainTally{}
		for _, name := range r.names {
			of[name] = &plainTally{categorical: found[p]}
		}
		said := false
		for _, s := range r.order {
			if s.tooLate {
				continue
			}
			u := of[s.first.Variant].add(r, s, p)
			said = said || u.Outcomes[0].State != "" || u.Outcomes[0].Late
		}
		if !said {
			continue // all of it was taken back
		}
		for _, name := range r.names {
			out = append(out, of[name].tally(p, name))
		}
	}
	return out
}

// places adds the places of a chain's scores, and whether they are categorical.
func (c *chain) places(found map[Place]bool) {
	for _, records := range c.records {
		for _, r := range records {
			found[PlaceOf(r)] = found[PlaceOf(r)] || r.Category != ""
		}
	}
}

// plain is the type of a metric of which nothing is known but its place: any number is a value of it.
const plain experiments.Type = ""

func plainMetric(p Place) metric {
	return metric{Metric: experiments.Metric{Name: p.Name, Step: p.Step, Category: p.Category, Type: plain, FailureUnknown: true}}
}

// plainTally counts the units of a place.
type plainTally struct {
	Counts
	categorical bool
	values      []float64
	shares      map[string]float64
}

func (t *plainTally) add(r *Reader, s *subject, p Place) Unit {
	m := plainMetric(p)
	m.any = t.categorical
	u := r.unit(s, []metric{m})
	o := u.Outcomes[0]
	count(&t.Counts, u, o)
	switch {
	case !u.Mature || o.State != scoring.Scored:
	case !t.categorical:
		t.values = append(t.values, o.Value)
	default:
		if t.shares == nil {
			t.shares = map[string]float64{}
		}
		for category, share := range r.categories(s, p) {
			t.shares[category] += share
		}
	}
	return u
}

func (t *plainTally) tally(p Place, variant string) Tally {
	out := Tally{Place: p, Variant: variant, Counts: t.Counts, Shares: t.shares}
	if len(t.values) > 0 {
		out.Mean = number(average(t.values))
	}
	return out
}

// Scores counts all scores by place, a run or a session being a unit, whether it is in an experiment or not. Assigned counts the
// runs or sessions that have a score in the place.
func Scores(records []scoring.Record) []Tally {
	r := &Reader{chains: map[chainID]*chain{}, runs: map[scoring.Run]chainID{}, sessions: map[string]*chain{}}
	of := map[Place]map[chainID]*subject{}
	var order []Place
	categorical := map[Place]bool{}
	for _, rec := range records {
		id, s := chainID{rec.Run.Namespace, rec.Run.WorkflowID, rec.Run.RunID}, &subject{}
		c, p := (*chain)(nil), PlaceOf(rec)
		if rec.OfSession() {
			id = chainID{rec.Run.Namespace, rec.Session.ID, rec.Session.Key}
			s.first.Unit = strings.Join([]string{id.namespace, id.firstRunID, id.workflowID}, "\x00")
			c = r.session(s.first.Unit)
		} else {
			s.chains, c = []chainID{id}, r.chain(id)
		}
		c.records[rec.Name] = append(c.records[rec.Name], rec)
		categorical[p] = categorical[p] || rec.Category != ""
		if of[p] == nil {
			of[p] = map[chainID]*subject{}
			order = append(order, p)
		}
		if of[p][id] == nil {
			of[p][id] = s
		}
	}
	var out []Tally
	for _, p := range order {
		t := &plainTally{categorical: categorical[p]}
		for _, id := range slices.SortedFunc(maps.Keys(of[p]), chainID.compare) {
			t.add(r, of[p][id], p)
		}
		out = append(out, t.tally(p, ""))
	}
	return out
}

func (c chainID) compare(d chainID) int {
	return cmp.Or(cmp.Compare(c.firstRunID, d.firstRunID), cmp.Compare(c.workflowID, d.workflowID), cmp.Compare(c.namespace, d.namespace))
}

// Ending is how an assigned chain ended.
type Ending struct {
	Variant string
	// Status is of its last run, Step the activity type that made it fail, and Type the type of its last error, where they are known.
	Status scoring.RunStatus
	Step   string
	Type   string
}

// FurtherTypes stands for the types of errors beyond the first 100 kinds of endings of a variant that have one.
const FurtherTypes = "further types"

const maxEndings = 100

// Endings returns how the chains of the units ended, as [experiments.RunFailed] counts them: within the window, and once
// it has closed. A unit of several chains has several.
func (r *Reader) Endings() []Ending {
	var out []Ending
	for _, s := range r.order {
		out = append(out, r.endings(s)...)
	}
	return out
}

func (r *Reader) endings(s *subject) (out []Ending) {
	if s.windowed() && !s.sealed() || s.tooLate {
		return nil
	}
	for _, g := range r.groups(s) {
		if n := len(g.own.runs); n > 0 {
			last := g.own.runs[n-1]
			if status := s.status(last); over(status) {
				out = append(out, Ending{s.first.Variant, status, last.FailingStep, last.FailureType})
			}
		}
	}
	return out
}

func (e Ending) compare(o Ending) int {
	return cmp.Or(cmp.Compare(e.Variant, o.Variant), cmp.Compare(e.Status, o.Status), cmp.Compare(e.Step, o.Step), cmp.Compare(e.Type, o.Type))
}
