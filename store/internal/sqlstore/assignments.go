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
	k, err := s.say(ctx, wording{assign: &a})
	return k.assignment, err
}

func (t txn) assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	run, err := t.run(ctx, assignedRun(a), true)
	if err != nil {
		return a, err
	}
	chain := inGroup(a.Run, a.FirstRunID)
	if a.Disowned {
		if err := t.served(ctx, a.Experiment, a.Version, chain, ""); err != nil {
			return a, err
		}
	}
	find := func() (scoring.Assignment, bool, error) {
		return one(ctx, t.tx, scanAssignment, selectAssignment+` WHERE a.experiment = $1 AND a.version = $2 AND a.chain = $3`,
			a.Experiment, a.Version, chain)
	}
	kept, found, err := find()
	if err != nil || found {
		return kept, err
	}
	if a.Disowned {
		return a, nil
	}
	doc, err := encode(a)
	if err != nil {
		return a, err
	}
	variant := sql.NullString{String: a.Variant, Valid: a.Vouched}
	if err := t.exec(ctx, `INSERT INTO assignments (experiment, version, chain, run, variant, assigned_at, unit, recorded_at, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, `+t.dialect.Now+`, $8)`, a.Experiment, a.Version, chain, run.id, variant, micro(a.At), unitHash(a), doc); err != nil {
		return a, err
	}
	kept, _, err = find()
	return kept, err
}

// served records the variant that a run of a chain was served, or none if the run continued without its assignment. What the kept
// assignment says as well needs no row: only another variant takes the unit out.
func (t txn) served(ctx context.Context, experiment, version string, chain []byte, variant string) error {
	return t.serveAll(ctx, [][]any{{experiment, version, chain, variant}})
}

// serveAll looks for assignments by their chain. The concatenations keep Postgres, while it has no statistics, from an index that begins
// with experiment and version, and so from reading all assignments of the experiment for each row.
func (t txn) serveAll(ctx context.Context, rows [][]any) error {
	return t.addAll(ctx, []Kind{Texts, Texts, Blobs, Texts}, rows,
		`INSERT INTO served (experiment, version, chain, variant, recorded_at) SELECT c1, c2, c3, c4, `+t.dialect.Now,
		` AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.chain = c3 AND a.experiment || '' = c1 AND a.version || '' = c2 AND (a.variant IS NULL OR a.variant = c4))
		ON CONFLICT DO NOTHING`)
}

// serve records what a run reports as served from its own chain's assignments. Inherited assignments belong to the
// other chain, which reports them.
func (t txn) serve(ctx context.Context, f scoring.RunFacts) error {
	if f.FirstRunID == "" {
		return nil
	}
	chain := inGroup(f.Run, f.FirstRunID)
	for _, ref := range servedIn(f) {
		if err := t.served(ctx, ref.Experiment, ref.Version, chain, ref.Variant); err != nil {
			return err
		}
	}
	return nil
}

// servedIn returns what a run reports as served by its own chain's assignments: none of the variants where it has none.
func servedIn(f scoring.RunFacts) (all []scoring.Ref) {
	if f.FirstRunID == "" {
		return nil
	}
	for _, ref := range f.Assigned {
		if ref.FirstRunID == f.FirstRunID {
			all = append(all, ref)
		}
	}
	for _, ref := range f.Unserved {
		ref.Variant = ""
		all = append(all, ref)
	}
	return all
}

// selectAssignment reads assignments. One is superseded when its run was reset away and no run continues its chain: a
// run that was reset to after the assignment has replayed it, and is the unit now. One is unserved when a run of its
// chain was served something else.
const (
	selectAssignment   = `SELECT ` + isSuperseded + `, ` + isUnserved + `, a.doc FROM assignments a JOIN runs r ON r.id = a.run`
	selectAssignmentOf = `SELECT a.chain, ` + isSuperseded + `, ` + isUnserved + `, a.doc FROM assignments a JOIN runs r ON r.id = a.run`
	isSuperseded       = `r.superseded AND NOT EXISTS (SELECT 1 FROM runs c WHERE c.chain = a.chain AND NOT c.superseded)`
	isUnserved         = `a.variant IS NOT NULL AND EXISTS (SELECT 1 FROM served s WHERE s.chain = a.chain AND s.experiment = a.experiment
		AND s.version = a.version AND s.variant <> a.variant)`
)

func scanAssignment(rows *sql.Rows) (scoring.Assignment, error) { return scanAssignmentOf(rows) }

// scanAssignmentOf scans an assignment behind other columns.
func scanAssignmentOf(rows *sql.Rows, before ...any) (a scoring.Assignment, err error) {
	var doc string
	var superseded, unserved bool
	if err = rows.Scan(append(before, &superseded, &unserved, &doc)...); err != nil {
		return a, err
	}
	a, err = decode[scoring.Assignment](doc)
	a.Superseded, a.Unserved = superseded, unserved
	return a, err
}

// Assignments implements store.Store.
func (s *Store) Assignments(ctx context.Context, experiment, version string) ([]scoring.Assignment, error) {
	return collect(ctx, s.read, scanAssignment, selectAssignment+
		` WHERE a.experiment = $1 AND ($2 = '' OR a.version = $2) ORDER BY a.id`, experiment, version)
}

// Experiments implements store.Store. It goes from one version's assignments to the next version's in an index, as Unsealed does: to
// group them would read them all. The first counted assignment has position 1 once it is sealed.
func (s *Store) Experiments(ctx context.Context) ([]store.ExperimentKey, error) {
	next := func(where string) string {
		return `SELECT a.id FROM assignments a WHERE ` + where + ` ORDER BY a.experiment, a.version, a.chain LIMIT 1`
	}
	keys, err := collect(ctx, s.read, func(rows *sql.Rows) (k store.ExperimentKey, err error) {
		var first int64
		err = rows.Scan(&k.Experiment, &k.Version, &first)
		return k, err
	}, `WITH RECURSIVE version (id) AS (
			SELECT (`+next("TRUE")+`)
			UNION ALL
			SELECT COALESCE((`+next("a.experiment = o.experiment AND a.version > o.version")+`), (`+next("a.experiment > o.experiment")+`))
			FROM version JOIN assignments o ON o.id = version.id
		)
		SELECT o.experiment, o.version, COALESCE(
			(SELECT a.id FROM assignments a WHERE a.experiment = o.experiment AND a.version = o.version AND a.position > 0 ORDER BY a.experiment, a.version, a.position LIMIT 1),
			(SELECT a.id FROM assignments a WHERE a.experiment = o.experiment AND a.version = o.version AND a.position IS NULL ORDER BY a.experiment, a.version, a.assigned_at, a.id LIMIT 1),
			o.id) AS first
		FROM version JOIN assignments o ON o.id = version.id ORDER BY 3`)
	// Sorted here, by bytes: how a database compares texts depends on how it was set up.
	slices.SortStableFunc(keys, func(a, b store.ExperimentKey) int { return strings.Compare(a.Experiment, b.Experiment) })
	return keys, err
}
