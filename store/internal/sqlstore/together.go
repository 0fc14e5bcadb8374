package sqlstore

import (
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/scoring"
)

// bulk runs a statement for many rows: at once or, where the dialect says so, one by one. statement gets a table of them, whose columns
// are c1, c2 and so on.
func bulk[T any](ctx context.Context, t txn, kinds []Kind, rows [][]any, statement func(table string) string, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	run := func(table string, args []any) (found []T, err error) {
		if scan == nil {
			return nil, t.exec(ctx, statement(table), args...)
		}
		return collect(ctx, t.tx, scan, statement(table), args...)
	}
	if !t.dialect.Single {
		return run(t.rows(kinds, rows))
	}
	table := bound(len(kinds))
	var all []T
	for _, row := range rows {
		found, err := run(table, row)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// addAll is bulk for an INSERT that returns no rows. rest follows its condition.
func (t txn) addAll(ctx context.Context, kinds []Kind, rows [][]any, insert, rest string) error {
	_, err := bulk[nothing](ctx, t, kinds, rows, func(table string) string { return insert + " FROM " + table + " WHERE TRUE" + rest }, nil)
	return err
}

// write writes what the plain calls add.
func (b *together) write(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		b.addRuns, b.changeRuns, b.declare, b.serve, b.closeSoon, b.addScores, b.addAssignments,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// numbered is the id of a row that was added, and what tells it from the others.
type numbered struct {
	id  int64
	key string
}

func scanNumbered(rows *sql.Rows) (n numbered, err error) {
	var key []byte
	err = rows.Scan(&n.id, &key)
	n.key = string(key)
	return n, err
}

func (b *together) addRuns(ctx context.Context) error {
	var rows [][]any
	for _, x := range b.order {
		if !x.fresh {
			continue
		}
		doc, err := encode(x.facts)
		if err != nil {
			return err
		}
		f := x.facts
		rows = append(rows, []any{
			x.hash, f.Run.Namespace, f.Run.WorkflowID, f.Run.RunID, f.FirstRunID, f.OriginalRunID, chainOf(f), inGroup(f.Run, f.OriginalRunID),
			nullable(startedAt(f)), nullable(x.flushed.sequence), nullable(x.flushed.at), nullable(x.flushed.ordinal), x.enrolled, f.Status != "", doc,
		})
	}
	now := b.dialect.Now
	added, err := bulk(ctx, b.txn, []Kind{Blobs, Texts, Texts, Texts, Texts, Texts, Blobs, Blobs, Ints, Ints, Ints, Ints, Flags, Flags, Texts}, rows, func(table string) string {
		return `INSERT INTO runs (hash, namespace, workflow_id, run_id, first_run_id, original_run_id, chain, origin, started_at, sequence, flushed_at, ordinal,
			enrolled, superseded, recorded_at, start_recorded_at, flush_recorded_at, end_recorded_at, doc)
			SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, FALSE, ` + now + `, CASE WHEN c9 IS NOT NULL THEN ` + now + ` END,
			CASE WHEN c10 IS NOT NULL THEN ` + now + ` END, CASE WHEN c14 THEN ` + now + ` END, c15 FROM ` + table + ` WHERE TRUE RETURNING id, hash`
	}, scanNumbered)
	for _, n := range added {
		b.runs[n.key].id = n.id
	}
	return err
}

func (b *together) changeRuns(ctx context.Context) error {
	var rows [][]any
	for _, x := range b.order {
		if x.fresh || !x.changed {
			continue
		}
		doc, err := encode(x.facts)
		if err != nil {
			return err
		}
		f := x.facts
		rows = append(rows, []any{
			x.id, f.FirstRunID, f.OriginalRunID, chainOf(f), inGroup(f.Run, f.OriginalRunID), nullable(startedAt(f)),
			nullable(x.flushed.sequence), nullable(x.flushed.at), nullable(x.flushed.ordinal), x.enrolled, x.ends, doc,
		})
	}
	now := b.dialect.Now
	_, err := bulk[nothing](ctx, b.txn, []Kind{Ints, Texts, Texts, Blobs, Blobs, Ints, Ints, Ints, Ints, Flags, Flags, Texts}, rows, func(table string) string {
		return `UPDATE runs SET first_run_id = x.c2, original_run_id = x.c3, chain = x.c4, origin = x.c5,
			start_recorded_at = CASE WHEN runs.started_at IS NULL AND x.c6 IS NOT NULL THEN ` + now + ` ELSE runs.start_recorded_at END,
			flush_recorded_at = CASE WHEN runs.sequence IS NULL AND x.c7 IS NOT NULL THEN ` + now + ` ELSE runs.flush_recorded_at END,
			end_recorded_at = CASE WHEN x.c11 THEN ` + now + ` ELSE runs.end_recorded_at END,
			started_at = x.c6, sequence = x.c7, flushed_at = x.c8, ordinal = x.c9, enrolled = x.c10, doc = x.c12 FROM ` + table + ` WHERE runs.id = x.c1`
	}, nil)
	return err
}

// declare adds the sessions, keys and experiments of runs that have flushed first.
func (b *together) declare(ctx context.Context) error {
	var sessions, keys, refs [][]any
	for _, x := range b.order {
		if x.flush == nil {
			continue
		}
		for _, s := range x.facts.Sessions {
			sessions = append(sessions, []any{s.Key, s.ID, x.id})
		}
		for _, key := range x.facts.Keys {
			keys = append(keys, []any{key, x.id})
		}
		for _, ref := range x.facts.Assigned {
			refs = append(refs, []any{ref.Experiment, ref.Version, x.id, heirOf(x.facts, ref)})
		}
	}
	if err := b.addAll(ctx, []Kind{Texts, Texts, Ints}, sessions, `INSERT INTO run_sessions (key, id, run) SELECT c1, c2, c3`, ``); err != nil {
		return err
	}
	if err := b.addAll(ctx, []Kind{Texts, Ints}, keys, `INSERT INTO run_keys (key, run) SELECT c1, c2`, ` ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	return b.addAll(ctx, []Kind{Texts, Texts, Ints, Texts}, refs, `INSERT INTO run_experiments (experiment, version, run, heir_of) SELECT c1, c2, c3, c4`, ` ON CONFLICT DO NOTHING`)
}

func (b *together) serve(ctx context.Context) error {
	var rows [][]any
	for _, x := range b.order {
		if x.flush == nil {
			continue
		}
		f := x.flush.Facts
		for _, ref := range servedIn(f) {
			rows = append(rows, []any{ref.Experiment, ref.Version, inGroup(f.Run, f.FirstRunID), ref.Variant})
		}
	}
	return b.serveAll(ctx, rows)
}

// closeSoon is askSoon for the runs that have said that they end.
func (b *together) closeSoon(ctx context.Context) error {
	if len(b.chains) == 0 {
		return nil
	}
	is, list := in(*b.dialect, 2, Blobs, b.chains)
	return b.exec(ctx, `UPDATE expectations SET follow_at = `+b.dialect.Now+` + $1 WHERE follow_at IS NOT NULL AND decides
		AND run IN (SELECT id FROM runs WHERE chain `+is+`)`, endsWithin.Microseconds(), list)
}

func (b *together) addScores(ctx context.Context) error {
	var rows, sessions [][]any
	for _, s := range b.scores {
		r := s.r
		doc, err := encode(r)
		if err != nil {
			return err
		}
		var value any
		if v, ok := r.Value.Float(); ok {
			value = v
		}
		said := r.Times()[0]
		rows = append(rows, []any{
			s.run.id, s.identity, string(r.Source), r.Name, string(r.State), value, int64(said.Attempt), micro(said.RecordedAt), micro(said.At()), doc,
		})
		for _, session := range r.Sessions {
			sessions = append(sessions, []any{session.Key, session.ID, s.identity})
		}
	}
	if err := b.addAll(ctx, []Kind{Ints, Blobs, Texts, Texts, Texts, Reals, Ints, Ints, Ints, Texts}, rows,
		`INSERT INTO scores (run, identity, revision, latest, retracted, overtaken, source, name, state, value, attempt, recorded_at, said_at, doc, arrived_at)
		SELECT c1, c2, 1, TRUE, FALSE, FALSE, c3, c4, c5, c6, c7, c8, c9, c10, `+b.dialect.Now, ``); err != nil {
		return err
	}
	return b.addAll(ctx, []Kind{Texts, Texts, Blobs}, sessions,
		`INSERT INTO score_sessions (key, id, score) SELECT c1, c2, (SELECT s.id FROM scores s WHERE s.identity = c3 AND s.latest)`, ``)
}

// addAssignments keeps assignments, unless there are others, and returns the kept ones.
func (b *together) addAssignments(ctx context.Context) error {
	if len(b.assigned) == 0 {
		return nil
	}
	var rows [][]any
	var chains [][]byte
	for _, n := range b.assigned {
		doc, err := encode(n.a)
		if err != nil {
			return err
		}
		var variant any
		if n.a.Vouched {
			variant = n.a.Variant
		}
		rows = append(rows, []any{n.a.Experiment, n.a.Version, n.chain, n.run.id, variant, micro(n.a.At), unitHash(n.a), doc})
		chains = append(chains, n.chain)
	}
	type place struct{ experiment, version, chain string }
	added, err := bulk(ctx, b.txn, []Kind{Texts, Texts, Blobs, Ints, Texts, Ints, Blobs, Texts}, rows, func(table string) string {
		return `INSERT INTO assignments (experiment, version, chain, run, variant, assigned_at, unit, recorded_at, doc)
			SELECT c1, c2, c3, c4, c5, c6, c7, ` + b.dialect.Now + `, c8 FROM ` + table + ` WHERE TRUE ON CONFLICT (experiment, version, chain) DO NOTHING
			RETURNING experiment, version, chain`
	}, func(rows *sql.Rows) (p place, err error) {
		var chain []byte
		err = rows.Scan(&p.experiment, &p.version, &chain)
		p.chain = string(chain)
		return p, err
	})
	if err != nil {
		return err
	}
	fresh := make(map[place]bool, len(added))
	for _, p := range added {
		fresh[p] = true
	}
	is, list := in(*b.dialect, 1, Blobs, chains)
	disowned, err := collect(ctx, b.tx, func(rows *sql.Rows) (chain []byte, err error) { return chain, rows.Scan(&chain) },
		`SELECT DISTINCT chain FROM served WHERE chain `+is, list)
	if err != nil {
		return err
	}
	unclear := map[string]bool{}
	for _, chain := range disowned {
		unclear[string(chain)] = true
	}
	chains = nil
	for _, n := range b.assigned {
		p := place{n.a.Experiment, n.a.Version, string(n.chain)}
		if !fresh[p] || unclear[p.chain] {
			chains = append(chains, n.chain)
			continue
		}
		delete(fresh, p) // another call with it gets what this one has kept
		b.done[n.call].assignment = n.a
	}
	if len(chains) == 0 {
		return nil
	}
	there := map[place]scoring.Assignment{}
	is, list = in(*b.dialect, 1, Blobs, chains)
	if _, err := collect(ctx, b.tx, func(rows *sql.Rows) (nothing, error) {
		var chain []byte
		a, err := scanAssignmentOf(rows, &chain)
		there[place{a.Experiment, a.Version, string(chain)}] = a
		return nothing{}, err
	}, selectAssignmentOf+` WHERE a.chain `+is, list); err != nil {
		return err
	}
	for _, n := range b.assigned {
		if kept, found := there[place{n.a.Experiment, n.a.Version, string(n.chain)}]; found {
			b.done[n.call].assignment = kept
		}
	}
	return nil
}

func nullable(n sql.NullInt64) any {
	if !n.Valid {
		return nil
	}
	return n.Int64
}
