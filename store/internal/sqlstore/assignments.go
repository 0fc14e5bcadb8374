package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Assign implements store.Store.
func (s *Store) Assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	a, err := checkAssignment(a)
	if err != nil {
		return scoring.Assignment{}, err
	}
	return write(ctx, s, "assign", func(ctx context.Context, t txn) (scoring.Assignment, error) {
		var l locks
		l.workflow(a.Run)
		l.experiment(a.Experiment, a.Version) // row ids become visible in their order, which is the order of assignments
		if err := t.hold(ctx, l); err != nil {
			return a, err
		}
		return t.assign(ctx, a)
	})
}

func (t txn) assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	run, err := t.run(ctx, scoring.RunFacts{
		Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.OriginalRunID, WorkflowType: a.WorkflowType,
	}, true)
	if err != nil {
		return a, err
	}
	chain := inGroup(a.Run, a.FirstRunID)
	kept, found, err := one(ctx, t.tx, scanAssignment, selectAssignment+` WHERE a.experiment = $1 AND a.version = $2 AND a.chain = $3`,
		a.Experiment, a.Version, chain)
	if err != nil || found {
		return kept, err
	}
	doc, err := encode(a)
	if err != nil {
		return a, err
	}
	a.Superseded = run.superseded
	return a, t.exec(ctx, `INSERT INTO assignments (experiment, version, chain, run, doc) VALUES ($1, $2, $3, $4, $5)`,
		a.Experiment, a.Version, chain, run.id, doc)
}

// selectAssignment reads assignments. One is superseded when its run was reset away and no run goes on with its chain:
// a run that was reset to after the assignment has replayed it, and is the unit now.
const selectAssignment = `SELECT r.superseded AND NOT EXISTS (SELECT 1 FROM runs c WHERE c.chain = a.chain AND NOT c.superseded), a.doc
	FROM assignments a JOIN runs r ON r.id = a.run`

func scanAssignment(rows *sql.Rows) (a scoring.Assignment, err error) {
	var doc string
	var superseded bool
	if err = rows.Scan(&superseded, &doc); err != nil {
		return a, err
	}
	a, err = decode[scoring.Assignment](doc)
	a.Superseded = superseded
	return a, err
}

// Assignments implements store.Store.
func (s *Store) Assignments(ctx context.Context, experiment, version string) ([]scoring.Assignment, error) {
	return collect(ctx, s.read, scanAssignment, selectAssignment+
		` WHERE a.experiment = $1 AND ($2 = '' OR a.version = $2) ORDER BY a.id`, experiment, version)
}

// Experiments implements store.Store.
func (s *Store) Experiments(ctx context.Context) ([]store.ExperimentKey, error) {
	keys, err := collect(ctx, s.read, func(rows *sql.Rows) (k store.ExperimentKey, err error) {
		err = rows.Scan(&k.Experiment, &k.Version)
		return k, err
	}, `SELECT experiment, version FROM assignments GROUP BY experiment, version ORDER BY MIN(id)`)
	// Sorted here, by bytes: how a database compares texts depends on how it was set up.
	slices.SortStableFunc(keys, func(a, b store.ExperimentKey) int { return strings.Compare(a.Experiment, b.Experiment) })
	return keys, err
}
