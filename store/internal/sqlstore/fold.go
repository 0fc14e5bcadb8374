package sqlstore

import (
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// AwaitWrites implements store.Store.
func (s *Store) AwaitWrites(ctx context.Context) error {
	if s.dialect.AwaitWrites == nil {
		return nil // writes follow one another
	}
	return s.dialect.AwaitWrites(ctx, s.read)
}

// Unfolded implements store.Store.
func (s *Store) Unfolded(ctx context.Context) ([]store.ExperimentKey, error) {
	return collect(ctx, s.q, func(rows *sql.Rows) (k store.ExperimentKey, err error) {
		return k, rows.Scan(&k.Experiment, &k.Version)
	}, `SELECT s.experiment, s.version FROM sealings s LEFT JOIN folds f ON f.experiment = s.experiment AND f.version = s.version
		WHERE s.position > 0 AND (f.position IS NULL OR f.position < s.position
			OR EXISTS (SELECT 1 FROM touches t WHERE t.experiment = s.experiment AND t.version = s.version)
			OR EXISTS (SELECT 1 FROM assignments a WHERE a.experiment = s.experiment AND a.version = s.version AND a.id > f.arrived))
		ORDER BY s.experiment, s.version`)
}

// LastSealed implements store.Store.
func (s *Store) LastSealed(ctx context.Context, key store.ExperimentKey) (int64, error) {
	last, err := parts{s, key}.lastSealed(ctx)
	return last.position, err
}

// FoldRows implements store.Store.
func (s *Store) FoldRows(ctx context.Context, q store.FoldQuery) (f store.FoldRows, err error) {
	if err := s.sayHeirs(ctx, q.ExperimentKey); err != nil {
		return f, err
	}
	tx, err := s.read.BeginTx(ctx, s.dialect.Snapshot)
	if err != nil {
		return f, err
	}
	defer tx.Rollback()
	p := parts{&Store{read: s.read, q: tx, dialect: s.dialect}, q.ExperimentKey}
	f, err = p.fold(ctx, q)
	f.ExperimentKey = q.ExperimentKey
	return f, err
}

func (p parts) fold(ctx context.Context, q store.FoldQuery) (f store.FoldRows, err error) {
	var now int64
	if _, _, err = one(ctx, p.q, func(rows *sql.Rows) (nothing, error) { return nothing{}, rows.Scan(&now) }, `SELECT `+p.dialect.Now); err != nil {
		return f, err
	}
	f.Now = atTime(now)
	if f.Folded, err = p.folded(ctx); err != nil {
		return f, err
	}
	if q.Again {
		f.Folded = store.Folded{Revision: f.Revision}
	}
	last, err := p.lastSealed(ctx)
	if err != nil {
		return f, err
	}
	f.Left, f.Pruned = last.left, last.pruned
	if err := p.arrived(ctx, q, &f); err != nil {
		return f, err
	}
	if err := p.touched(ctx, q, &f); err != nil {
		return f, err
	}
	f.SealedTo = last.position
	if q.Position != 0 {
		f.SealedTo = max(f.Position, min(f.SealedTo, q.Position))
	}
	if q.AtMost > 0 && f.SealedTo > f.Position+int64(q.AtMost) {
		f.SealedTo, f.More = f.Position+int64(q.AtMost), true
	}
	if f.SealedTo > f.Position {
		seed, err := p.assignments(ctx, 0, `a.position > ? AND a.position <= ?`, f.Position, f.SealedTo)
		if err != nil {
			return f, err
		}
		if f.Sealed, err = p.rows(ctx, seed, nil); err != nil {
			return f, err
		}
	}
	if q.Rest {
		if f.Rest, err = p.rest(ctx, q, now); err != nil {
			return f, err
		}
	}
	f.Sealed.LastSealed, f.Touched.LastSealed, f.Rest.LastSealed = last.time(), last.time(), last.time()
	return f, nil
}

// arrived reads the assignments that the state does not have.
func (p parts) arrived(ctx context.Context, q store.FoldQuery, f *store.FoldRows) error {
	fresh, err := p.assignments(ctx, q.AtMost, `a.id > ?`, f.Arrived)
	if err != nil || len(fresh) == 0 {
		return err
	}
	f.MoreArrived = q.AtMost > 0 && len(fresh) == q.AtMost
	last := fresh[len(fresh)-1].id
	all, err := p.close(ctx, fresh)
	if err != nil {
		return err
	}
	for _, a := range all {
		switch {
		case a.id > last:
			continue
		case a.id > f.Arrived:
			f.IDs = append(f.IDs, a.id)
		default:
			f.Known++
		}
		f.Assignments = append(f.Assignments, a.Assignment)
	}
	return nil
}

// touched reads the units of the state of which something was written.
func (p parts) touched(ctx context.Context, q store.FoldQuery, f *store.FoldRows) error {
	type touch struct{ id, assignment int64 }
	touches, err := collect(ctx, p.q, func(rows *sql.Rows) (t touch, err error) { return t, rows.Scan(&t.id, &t.assignment) },
		`SELECT id, assignment FROM touches WHERE experiment = $1 AND version = $2 ORDER BY id`+limit(q.AtMost), p.key.Experiment, p.key.Version)
	if err != nil || len(touches) == 0 {
		return err
	}
	f.More = f.More || q.AtMost > 0 && len(touches) == q.AtMost
	var ids []int64
	for _, t := range touches {
		f.LookedAt = append(f.LookedAt, t.id)
		ids = append(ids, t.assignment)
	}
	slices.Sort(ids)
	seed, err := p.assignmentsIn(ctx, "a.id", Ints, anyOf(slices.Compact(ids)))
	if err != nil {
		return err
	}
	units, err := p.close(ctx, seed)
	if err != nil {
		return err
	}
	units = slices.DeleteFunc(units, func(a assignmentRow) bool { return a.Position <= 0 || a.Position > f.Position })
	if len(units) == 0 {
		return nil
	}
	if f.Touched, err = p.rows(ctx, units, nil); err != nil {
		return err
	}
	positions, data := make([]any, len(units)), make(map[int64][]byte, len(units))
	for i, u := range units {
		positions[i] = u.Position
	}
	is, list := p.dialect.Lists.In(3, Ints, positions)
	kept, err := collect(ctx, p.q, func(rows *sql.Rows) (m store.Mark, err error) { return m, rows.Scan(&m.Position, &m.Data) },
		`SELECT position, data FROM marks WHERE experiment = $1 AND version = $2 AND position `+is, p.key.Experiment, p.key.Version, list)
	for _, m := range kept {
		data[m.Position] = m.Data
	}
	for _, u := range units {
		f.Marks = append(f.Marks, store.Mark{Position: u.Position, Data: data[u.Position]})
	}
	return err
}

// rest reads the units that have no seal, and the ones that were known too late.
func (p parts) rest(ctx context.Context, q store.FoldQuery, now int64) (rows rowsOf, err error) {
	// Two statements: a condition with OR would read all assignments.
	seed, err := p.assignments(ctx, 0, `a.position IS NULL`)
	if err != nil {
		return rows, err
	}
	late, err := p.assignments(ctx, 0, `a.position = -1`)
	if err != nil {
		return rows, err
	}
	seed = append(seed, late...)
	due, open := now-q.After.Microseconds(), 0
	for _, a := range seed {
		if micro(a.At) > due {
			open++
		}
	}
	return p.rows(ctx, seed, func(a assignmentRow) bool { return open <= q.Open || a.Position < 0 || micro(a.At) <= due })
}

func (p parts) folded(ctx context.Context) (f store.Folded, err error) {
	f, _, err = one(ctx, p.q, func(rows *sql.Rows) (f store.Folded, err error) {
		var at int64
		err = rows.Scan(&f.State, &f.Revision, &f.Arrived, &f.Position, &at)
		f.At = atTime(at)
		return f, err
	}, `SELECT state, revision, arrived, position, folded_at FROM folds WHERE experiment = $1 AND version = $2`, p.key.Experiment, p.key.Version)
	return f, err
}

// KeepFold implements store.Store.
func (s *Store) KeepFold(ctx context.Context, rows store.FoldRows, next store.Folded, marks []store.Mark) (bool, error) {
	return write(ctx, s, "keep a fold", func(ctx context.Context, t txn) (bool, error) { return t.keepFold(ctx, rows, next, marks) })
}

func (t txn) keepFold(ctx context.Context, rows store.FoldRows, next store.Folded, marks []store.Mark) (kept bool, err error) {
	key := rows.ExperimentKey
	_, kept, err = one(ctx, t.tx, scanID, `INSERT INTO folds (experiment, version, revision, state, arrived, position, folded_at)
		SELECT $1, $2, 1, $3, $4, $5, `+t.dialect.Now+` WHERE $6 = 0 ON CONFLICT DO NOTHING RETURNING revision`,
		key.Experiment, key.Version, next.State, next.Arrived, next.Position, rows.Revision)
	if err == nil && !kept {
		_, kept, err = one(ctx, t.tx, scanID, `UPDATE folds SET revision = revision + 1, state = $3, arrived = $4, position = $5, folded_at = `+t.dialect.Now+`
			WHERE experiment = $1 AND version = $2 AND revision = $6 RETURNING revision`,
			key.Experiment, key.Version, next.State, next.Arrived, next.Position, rows.Revision)
	}
	if err != nil || !kept {
		return false, err
	}
	if rows.State == nil {
		if err := t.exec(ctx, `DELETE FROM marks WHERE experiment = $1 AND version = $2`, key.Experiment, key.Version); err != nil {
			return false, err
		}
	}
	for chunk := range slices.Chunk(rows.LookedAt, math.MaxInt16) {
		is, list := in(*t.dialect, 1, Ints, chunk)
		if err := t.exec(ctx, `DELETE FROM touches WHERE id `+is, list); err != nil {
			return false, err
		}
	}
	return true, t.keepMarks(ctx, key, marks)
}

func (t txn) keepMarks(ctx context.Context, key store.ExperimentKey, marks []store.Mark) error {
	var positions []int64
	var kept [][]any
	for _, m := range marks {
		positions = append(positions, m.Position)
		if m.Data != nil {
			kept = append(kept, []any{key.Experiment, key.Version, m.Position, m.Data})
		}
	}
	if len(positions) == 0 {
		return nil
	}
	is, list := in(*t.dialect, 3, Ints, positions)
	if err := t.exec(ctx, `DELETE FROM marks WHERE experiment = $1 AND version = $2 AND position `+is, key.Experiment, key.Version, list); err != nil || len(kept) == 0 {
		return err
	}
	table, args := t.rows([]Kind{Texts, Texts, Ints, Blobs}, kept)
	return t.exec(ctx, `INSERT INTO marks (experiment, version, position, data) SELECT c1, c2, c3, c4 FROM `+table, args...)
}

// sayHeirs says whose assignments runs have inherited that a worker of an earlier release wrote down.
func (s *Store) sayHeirs(ctx context.Context, key store.ExperimentKey) error {
	for {
		runs, err := collect(ctx, s.read, scanID, `SELECT run FROM run_experiments WHERE experiment = $1 AND version = $2 AND heir_of IS NULL`+limit(sealBatch), key.Experiment, key.Version)
		if err != nil || len(runs) == 0 {
			return err
		}
		if _, err := write(ctx, s, "say heirs", func(ctx context.Context, t txn) (nothing, error) {
			is, list := in(*t.dialect, 1, Ints, runs)
			return nothing{}, sayHeirs(ctx, t.tx, `id `+is, list)
		}); err != nil {
			return err
		}
	}
}

// fillHeirs is sayHeirs for the rows of runs.
func fillHeirs(ctx context.Context, tx migrate.Tx, from, to int64) error {
	return sayHeirs(ctx, tx, `id > $1 AND id <= $2 AND EXISTS (SELECT 1 FROM run_experiments x WHERE x.run = runs.id AND x.heir_of IS NULL)`, from, to)
}

func sayHeirs(ctx context.Context, tx migrate.Tx, where string, args ...any) error {
	type heir struct {
		id    int64
		facts scoring.RunFacts
	}
	runs, err := collect(ctx, tx, func(rows *sql.Rows) (h heir, err error) {
		var doc string
		if err = rows.Scan(&h.id, &doc); err != nil {
			return h, err
		}
		h.facts, err = decode[scoring.RunFacts](doc)
		return h, err
	}, `SELECT id, doc FROM runs WHERE `+where, args...)
	if err != nil {
		return err
	}
	for _, r := range runs {
		for _, ref := range r.facts.Assigned {
			if _, err := tx.ExecContext(ctx, `UPDATE run_experiments SET heir_of = $4 WHERE experiment = $1 AND version = $2 AND run = $3 AND heir_of IS NULL`,
				ref.Experiment, ref.Version, r.id, heirOf(r.facts, ref)); err != nil {
				return err
			}
		}
		// What no assignment of the run says stays its own.
		if _, err := tx.ExecContext(ctx, `UPDATE run_experiments SET heir_of = '' WHERE run = $1 AND heir_of IS NULL`, r.id); err != nil {
			return err
		}
	}
	return nil
}

// heirOf is the first run of the chain whose assignment a run has inherited; empty if it is the run's own.
func heirOf(f scoring.RunFacts, ref scoring.Ref) string {
	if ref.FirstRunID == f.FirstRunID || f.FirstRunID == "" && ref.FirstRunID == f.Run.RunID {
		return ""
	}
	return ref.FirstRunID
}

func anyOf[T any](values []T) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}
