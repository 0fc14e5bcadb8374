package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// parts reads parts of an experiment's rows.
type parts struct {
	*Store
	key store.ExperimentKey
}

type rowsOf = experiments.Rows

// assignmentRow is an assignment with what its unit and its run's resets are found by.
type assignmentRow struct {
	id                  int64
	chain, unit, origin []byte
	scoring.Assignment
}

const (
	selectAssignments = `SELECT a.id, a.chain, a.unit, r.origin, ` + isSuperseded + `, ` + isUnserved + `, a.recorded_at, ` + supersededAt + `, ` + unservedAt + `, a.position, a.sealed_at, a.doc
	FROM assignments a JOIN runs r ON r.id = a.run WHERE `
	ofExperiment = `a.experiment = $1 AND a.version = $2`
	// amongAll is ofExperiment where the other conditions leave few assignments: SQLite would read all of the experiment.
	amongAll = `a.experiment || '' = $1 AND a.version || '' = $2`
)

func scanAssignments(rows *sql.Rows) (a assignmentRow, err error) {
	var doc string
	var superseded, unserved bool
	var recorded, supersededAt, unservedAt, position, sealed sql.NullInt64
	if err = rows.Scan(&a.id, &a.chain, &a.unit, &a.origin, &superseded, &unserved, &recorded, &supersededAt, &unservedAt, &position, &sealed, &doc); err != nil {
		return a, err
	}
	a.Assignment, err = decode[scoring.Assignment](doc)
	a.Superseded, a.Unserved, a.RecordedAt, a.Position = superseded, unserved, learned(recorded), position.Int64
	if position.Valid {
		a.SealedAt = learned(sealed)
	}
	if superseded {
		a.SupersededAt = learned(supersededAt)
	}
	if unserved {
		a.UnservedAt = learned(unservedAt)
	}
	if a.unit == nil {
		a.unit = unitHash(a.Assignment)
	}
	return a, err
}

// assignments returns the first ones that a condition selects, whose arguments take the places of its question marks; 0 is
// all.
func (p parts) assignments(ctx context.Context, atMost int, condition string, args ...any) ([]assignmentRow, error) {
	c := conditions{args: []any{p.key.Experiment, p.key.Version}}
	c.add(condition, args...)
	return collect(ctx, p.q, scanAssignments, selectAssignments+ofExperiment+` AND `+c.clauses[0]+` ORDER BY a.id`+limit(atMost), c.args...)
}

// assignmentsIn returns the ones for which an expression is in a list.
func (p parts) assignmentsIn(ctx context.Context, expression string, kind Kind, values []any) ([]assignmentRow, error) {
	return inLists(ctx, p, scanAssignments, selectAssignments, expression, kind, values)
}

// inLists scans the selected columns of the assignments for which an expression is in a list.
func inLists[T any](ctx context.Context, p parts, scan func(*sql.Rows) (T, error), selected, expression string, kind Kind, values []any) (all []T, err error) {
	for chunk := range slices.Chunk(values, maxListed) {
		is, list := p.dialect.Lists.In(3, kind, chunk)
		found, err := collect(ctx, p.q, scan, selected+amongAll+` AND `+expression+` `+is+` ORDER BY a.id`, p.key.Experiment, p.key.Version, list)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// maxListed is how many values one statement takes.
const maxListed = 10_000

// close adds to assignments all others of their units and of the runs that resets made of their runs, in the order of their
// rows.
func (p parts) close(ctx context.Context, all []assignmentRow) ([]assignmentRow, error) {
	have, asked := map[int64]bool{}, map[string]bool{}
	for _, a := range all {
		have[a.id] = true
	}
	for fresh := all; len(fresh) > 0; {
		var units, origins []any
		for _, a := range fresh {
			if unit := "u" + string(a.unit); !asked[unit] {
				asked[unit], units = true, append(units, a.unit)
			}
			if origin := "o" + string(a.origin); !asked[origin] {
				asked[origin], origins = true, append(origins, a.origin)
			}
		}
		of, err := inLists(ctx, p, scanID, `SELECT a.id FROM assignments a WHERE `, "a.unit", Blobs, units)
		if err != nil {
			return nil, err
		}
		again, err := p.resets(ctx, origins)
		if err != nil {
			return nil, err
		}
		var others []any
		for _, id := range append(of, again...) {
			if !have[id] {
				have[id] = true
				others = append(others, id)
			}
		}
		if fresh, err = p.assignmentsIn(ctx, "a.id", Ints, others); err != nil {
			return nil, err
		}
		all = append(all[:len(all):len(all)], fresh...)
	}
	slices.SortFunc(all, func(a, b assignmentRow) int { return cmp.Compare(a.id, b.id) })
	return all, nil
}

// resets returns the assignments of the runs that resets made of some runs.
func (p parts) resets(ctx context.Context, origins []any) ([]int64, error) {
	return inLists(ctx, p, scanID, `SELECT a.id FROM runs g JOIN assignments a ON a.run = g.id
		WHERE EXISTS (SELECT 1 FROM runs h WHERE h.origin = g.origin AND h.id <> g.id) AND `, "g.origin", Blobs, origins)
}

// rows returns the rows of assignments, with the runs and scores of the chains for which full is true, or of all.
func (p parts) rows(ctx context.Context, seed []assignmentRow, full func(assignmentRow) bool) (rows experiments.Rows, err error) {
	all, err := p.close(ctx, seed)
	if err != nil {
		return rows, err
	}
	var chains, firsts []any
	units := map[string]bool{}
	for _, a := range all {
		if full == nil || full(a) {
			first := cmp.Or(a.FirstRunID, a.Run.RunID)
			chains, firsts = append(chains, a.chain), append(firsts, first)
			if unit := string(a.unit); a.Unit != first && !units[unit] {
				units[unit] = true
				chains = append(chains, a.unit) // the session that it is
			}
		}
	}
	runs, err := p.runs(ctx, chains, firsts)
	if err != nil {
		return rows, err
	}
	// A shadow's children inherit from the served unit. They are none of its runs.
	var heirs []any
	ids := make([]any, len(runs))
	for i, r := range runs {
		ids[i] = r.id
		if !isSession(r.facts.Run) {
			rows.Runs = append(rows.Runs, r.facts)
		}
		if r.heir {
			heirs = append(heirs, r.chain)
		}
	}
	shadows, err := p.assignmentsIn(ctx, "a.chain", Blobs, heirs)
	if err != nil {
		return rows, err
	}
	for _, a := range shadows {
		if a.By == scoring.ByShadow && !slices.ContainsFunc(all, func(b assignmentRow) bool { return b.id == a.id }) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b assignmentRow) int { return cmp.Compare(a.id, b.id) })
	for _, a := range all {
		rows.Assignments = append(rows.Assignments, a.Assignment)
	}
	rows.Records, err = p.scoresOfRuns(ctx, ids)
	return rows, err
}

// partRun is a run of a part.
type partRun struct {
	id    int64
	chain []byte
	heir  bool
	facts scoring.RunFacts
}

// runs returns the runs of chains, and the ones that inherited the assignments of chains with some first runs, in the order
// of their rows.
func (p parts) runs(ctx context.Context, chains, firsts []any) (all []partRun, err error) {
	have := map[int64]bool{}
	add := func(heir bool, where string, args ...any) error {
		found, err := collect(ctx, p.q, func(rows *sql.Rows) (r partRun, err error) {
			r.heir = heir
			r.facts, err = scanLearned(rows, &r.id, &r.chain)
			return r, err
		}, `SELECT r.id, r.chain, r.superseded, r.recorded_at, r.start_recorded_at, r.flush_recorded_at, r.end_recorded_at, r.superseded_at, r.doc FROM runs r WHERE `+where, args...)
		for _, r := range found {
			if !have[r.id] {
				have[r.id] = true
				all = append(all, r)
			}
		}
		return err
	}
	for chunk := range slices.Chunk(chains, maxListed) {
		is, list := p.dialect.Lists.In(1, Blobs, chunk)
		if err := add(false, `r.chain `+is, list); err != nil {
			return nil, err
		}
		// A run whose chain became known after its assignment is not in the chain that this one names.
		if err := add(false, `r.id IN (SELECT a.run FROM assignments a JOIN runs x ON x.id = a.run WHERE a.chain `+is+` AND x.chain <> a.chain)`, list); err != nil {
			return nil, err
		}
	}
	for chunk := range slices.Chunk(firsts, maxListed) {
		is, list := p.dialect.Lists.In(3, Texts, chunk)
		if err := add(true, `r.id IN (SELECT run FROM run_experiments WHERE experiment = $1 AND version = $2 AND heir_of <> '' AND heir_of `+is+`)`,
			p.key.Experiment, p.key.Version, list); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b partRun) int { return cmp.Compare(a.id, b.id) })
	return all, nil
}

// scanLearned scans a run's facts, with the times at which the store learned of them, behind other columns.
func scanLearned(rows *sql.Rows, before ...any) (f scoring.RunFacts, err error) {
	var doc string
	var superseded bool
	var run, start, flush, end, reset sql.NullInt64
	if err = rows.Scan(append(before, &superseded, &run, &start, &flush, &end, &reset, &doc)...); err != nil {
		return f, err
	}
	f, err = decode[scoring.RunFacts](doc)
	f.Learned = scoring.Learned{Run: learned(run), Start: learned(start), Flush: learned(flush), End: learned(end), Removed: superseded}
	if superseded {
		f.Learned.Reset = learned(reset)
	}
	return f, err
}

// scoresOfSessions returns the scores of the sessions that are the units of assignments, as scoresOfRuns has them.
func (p parts) scoresOfSessions(ctx context.Context, all []assignmentRow) ([]scoring.Record, error) {
	var units, ids []any
	asked := map[string]bool{}
	for _, a := range all {
		if unit := string(a.unit); a.Unit != cmp.Or(a.FirstRunID, a.Run.RunID) && !asked[unit] {
			asked[unit], units = true, append(units, a.unit)
		}
	}
	for chunk := range slices.Chunk(units, maxListed) {
		is, list := p.dialect.Lists.In(1, Blobs, chunk)
		found, err := collect(ctx, p.q, scanID, `SELECT r.id FROM runs r WHERE r.chain `+is+` ORDER BY r.id`, list)
		if err != nil {
			return nil, err
		}
		ids = append(ids, anyOf(found)...)
	}
	return p.scoresOfRuns(ctx, ids)
}

// scoresOfRuns returns whole histories, as ExperimentRows has them.
func (p parts) scoresOfRuns(ctx context.Context, runs []any) (all []scoring.Record, err error) {
	now, due, err := p.anyDue(ctx)
	if err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(runs, maxListed) {
		is, list := p.dialect.Lists.In(1, Ints, chunk)
		records, _, err := p.scoresWhere(ctx, conditions{clauses: []string{"s.run " + is}, args: []any{list}}, ` ORDER BY s.id`, true)
		if err != nil {
			return nil, err
		}
		if due {
			if records, err = p.withDue(ctx, records, store.Filter{History: true, Retracted: true, Superseded: true}, now, true); err != nil {
				return nil, err
			}
		}
		all = append(all, records...)
	}
	return all, nil
}
