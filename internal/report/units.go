package report

import (
	"maps"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// units are the units that an experiment assigned, with the runs that count for each.
type units struct {
	variant  map[string]string // unit → variant
	ofRun    map[string]string // run id → unit
	names    []string          // of the variants
	key      store.ExperimentKey
	excluded int
	unserved int // units that were served something other than recorded
	before   int // units that count as recorded, because workers of older releases reported only that
}

// newUnits takes the assignments that count. A unit counts once, by its first assignment.
func newUnits(assignments []scoring.Assignment, key store.ExperimentKey) units {
	u := units{variant: map[string]string{}, ofRun: map[string]string{}, key: key}
	names := map[string]bool{}
	unserved := experiments.Unserved(assignments)
	u.unserved = len(unserved)
	for _, a := range assignments {
		if a.By == scoring.ByShadow {
			continue
		}
		if a.Superseded || !experiments.Counted(a.By) {
			u.excluded++
			continue
		}
		if unserved[a.Unit] {
			continue
		}
		for name := range a.Probabilities {
			names[name] = true
		}
		if _, ok := u.variant[a.Unit]; !ok {
			u.variant[a.Unit] = a.Variant
			if !a.Vouched {
				u.before++
			}
		}
		u.ofRun[a.Run.RunID] = a.Unit
		if a.FirstRunID != "" {
			u.ofRun[a.FirstRunID] = a.Unit
		}
	}
	u.names = slices.Sorted(maps.Keys(names))
	return u
}

// follow adds the later runs of chains, and the runs that inherited an assignment from the run that started them.
func (u units) follow(runs []scoring.RunFacts) {
	for _, r := range runs {
		for _, ref := range r.Assigned {
			if unit, ok := u.ofRun[ref.FirstRunID]; ok && ref.Experiment == u.key.Experiment && ref.Version == u.key.Version {
				u.ofRun[r.Run.RunID] = unit
			}
		}
		if unit, ok := u.ofRun[r.FirstRunID]; ok {
			u.ofRun[r.Run.RunID] = unit
		}
	}
}

// keep keeps the units of the given runs and scores.
func (u units) keep(runs []scoring.RunFacts, records []scoring.Record) {
	keep := map[string]bool{}
	for _, r := range runs {
		keep[u.ofRun[r.Run.RunID]] = true
	}
	for _, r := range records {
		keep[u.ofRun[r.Run.RunID]] = true
	}
	for unit := range u.variant {
		if !keep[unit] {
			delete(u.variant, unit)
		}
	}
}

// tally counts the records of one name and place for one unit.
type tally struct {
	mean
	states map[scoring.State]bool
}

// mean is the mean of numbers so large that their sum may overflow.
type mean struct {
	sum, small float64 // small is the sum of the same, each a 2^-64th
	n          int
}

func (m *mean) add(x float64) {
	m.sum += x
	m.small += math.Ldexp(x, -64)
	m.n++
}

func (m *mean) value() float64 {
	if x := m.sum / float64(m.n); !math.IsInf(m.sum, 0) && !math.IsNaN(m.sum) {
		return x + 0 // -0 becomes 0
	}
	return min(max(math.Ldexp(m.small/float64(m.n), 64), -math.MaxFloat64), math.MaxFloat64)
}

// state is the one state that a unit counts under: a value counts more than a hope, and a hope more than none.
func (t tally) state() scoring.State {
	for _, s := range []scoring.State{scoring.Scored, scoring.Pending, scoring.Failed, scoring.Expired} {
		if t.states[s] {
			return s
		}
	}
	return scoring.Declined
}

// place is where scores of one name are.
type place struct{ step, score string }

func placeOf(r scoring.Record) place { return place{stepType(r.Step), r.Name} }

// rows counts every unit once in each place where any unit has a score.
func (u units) rows(records []scoring.Record) []Row {
	tallies := map[place]map[string]*tally{}
	for _, rec := range records {
		unit, ok := u.ofRun[rec.Run.RunID]
		if _, assigned := u.variant[unit]; !ok || !assigned {
			continue
		}
		at := placeOf(rec)
		if tallies[at] == nil {
			tallies[at] = map[string]*tally{}
		}
		t := tallies[at][unit]
		if t == nil {
			t = &tally{states: map[scoring.State]bool{}}
			tallies[at][unit] = t
		}
		t.states[rec.State] = true
		if f, ok := rec.Value.Float(); ok {
			t.add(f)
		}
	}
	rows := []Row{}
	for at, of := range tallies {
		rows = append(rows, u.count(at, of)...)
	}
	sortRows(rows)
	return rows
}

// count makes the rows of one place, one for each variant.
func (u units) count(at place, of map[string]*tally) []Row {
	byVariant := map[string]*Row{}
	for _, name := range u.names {
		byVariant[name] = &Row{Step: at.step, Score: at.score, Variant: name}
	}
	means := map[string]*mean{}
	for _, unit := range slices.Sorted(maps.Keys(u.variant)) { // in a fixed order, so that sums round alike
		variant := u.variant[unit]
		row := byVariant[variant]
		if row == nil {
			row = &Row{Step: at.step, Score: at.score, Variant: variant}
			byVariant[variant] = row
		}
		row.Assigned++
		t := of[unit]
		if t == nil {
			row.Missing++
			continue
		}
		switch t.state() {
		case scoring.Scored:
			row.Scored++
			if means[variant] == nil {
				means[variant] = &mean{}
			}
			means[variant].add(t.value())
		case scoring.Pending:
			row.Pending++
		case scoring.Failed:
			row.Errors++
		case scoring.Expired:
			row.Expired++
		default:
			row.NotApplicable++
		}
	}
	var rows []Row
	for variant, row := range byVariant {
		if row.Scored > 0 {
			value := means[variant].value()
			row.Mean = &value
		}
		rows = append(rows, *row)
	}
	return rows
}

// stepType is how a step is grouped: ids shift when code changes.
func stepType(s scoring.Step) string {
	if s.IsZero() {
		return ""
	}
	if s.Type == "" {
		return "(unnamed)"
	}
	return s.Type
}
