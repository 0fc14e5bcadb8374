package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// flushed is the place of a flush among the flushes of its run.
type flushed struct {
	sequence sql.NullInt64 // NULL: the run has never flushed
	at       sql.NullInt64 // NULL: it is from before it was kept
	ordinal  sql.NullInt64
	ended    bool
}

// placeOf is the place of f. A part does not say whether its set is the end, so it takes the place known for its set.
func placeOf(f scoring.Flush, run runRow) flushed {
	at := func(n int64) sql.NullInt64 { return sql.NullInt64{Int64: n, Valid: true} }
	return flushed{at(f.Sequence), at(micro(f.At)), at(f.Ordinal), f.Facts.Status != "" || f.Partial && run.flushed.ended}
}

// compare orders two flushes of a run by the fields that both have. If those do not decide, the flush that says how the
// run ended is the later one.
func (f flushed) compare(g flushed) int {
	known := func(a, b sql.NullInt64) int {
		if !a.Valid || !b.Valid {
			return 0
		}
		return cmp.Compare(a.Int64, b.Int64)
	}
	ended := func(f flushed) int {
		if f.ended {
			return 1
		}
		return 0
	}
	return cmp.Or(known(f.sequence, g.sequence), known(f.at, g.at), known(f.ordinal, g.ordinal), cmp.Compare(ended(f), ended(g)))
}

// Flush implements store.Store.
func (s *Store) Flush(ctx context.Context, f scoring.Flush) error {
	f, err := checkFlush(f)
	if err != nil {
		return err
	}
	if f.Facts.Attributes, err = s.admit(ctx, f.Facts.Attributes); err != nil {
		return err
	}
	_, err = s.say(ctx, wording{flush: &f})
	return err
}

func (t txn) flush(ctx context.Context, f scoring.Flush, had []waitRow) error {
	run, err := t.run(ctx, f.Facts, false)
	if err != nil {
		return err
	}
	if err := t.serve(ctx, f.Facts); err != nil {
		return err
	}
	order := 1
	if run.flushed.sequence.Valid {
		order = placeOf(f, run).compare(run.flushed)
	}
	if order < 0 {
		return t.sayAll(ctx, run, f.Records, overtaken)
	}
	if err := t.keep(ctx, &run, f); err != nil {
		return err
	}
	if err := t.wait(ctx, run, f, had); err != nil {
		return err
	}
	if f.Facts.Status != "" && f.Facts.Status != scoring.RunContinuedAsNew {
		if err := t.askSoon(ctx, f.Facts); err != nil {
			return err
		}
	}
	if err := t.sayAll(ctx, run, f.Records, last); err != nil || f.Partial {
		return err
	}
	if order == 0 && f.Ordinal == 0 && len(f.Elsewhere) == 0 {
		return nil // the same flush again, or one that may be earlier or later: nothing of either is lost
	}
	return t.retractOthers(ctx, run, f)
}

// keep records which flush is the last one, with its facts and declarations. A part has neither.
func (t txn) keep(ctx context.Context, run *runRow, f scoring.Flush) error {
	run.flushed = placeOf(f, *run)
	if f.Partial {
		return t.changeRun(ctx, run)
	}
	run.flushes(f.Facts)
	if err := t.changeRun(ctx, run); err != nil {
		return err
	}
	if err := t.declare(ctx, *run); err != nil {
		return err
	}
	return t.releaseDeclared(ctx, *run)
}

func (t txn) sayAll(ctx context.Context, run runRow, records []scoring.Record, how manner) error {
	for _, r := range records {
		if err := t.say(ctx, run, r, how); err != nil {
			return err
		}
	}
	return nil
}

// retractOthers takes back the statements of the run's code that the flush does not name, also where another source's
// statement holds.
func (t txn) retractOthers(ctx context.Context, run runRow, f scoring.Flush) error {
	named := make(map[string]bool, len(f.Records))
	for _, r := range f.Records {
		named[string(scoreIdentity(r))] = true
	}
	elsewhere := make(map[string]bool, len(f.Elsewhere))
	for _, mark := range f.Elsewhere {
		elsewhere[mark] = true
	}
	words, err := t.revisions(ctx, `WHERE s.run = $1 AND s.source = $2 AND NOT s.retracted AND NOT s.overtaken AND NOT EXISTS (
		SELECT 1 FROM scores h WHERE h.identity = s.identity AND h.revision > s.revision AND h.source = $2 AND NOT h.overtaken)`,
		run.id, string(scoring.FromWorkflow))
	if err != nil {
		return err
	}
	slices.SortFunc(words, func(a, b revision) int { return cmp.Compare(a.id, b.id) })
	for _, w := range words {
		identity := scoreIdentity(w.rec)
		if named[string(identity)] || elsewhere[w.rec.Mark()] {
			continue
		}
		if err := t.retract(ctx, run, identity, scoring.FromWorkflow, f.At); err != nil {
			return err
		}
	}
	return nil
}

// declare replaces the run's sessions, keys and experiments with the ones in its facts.
func (t txn) declare(ctx context.Context, run runRow) error {
	for _, query := range []string{
		`DELETE FROM run_sessions WHERE run = $1`, `DELETE FROM run_keys WHERE run = $1`, `DELETE FROM run_experiments WHERE run = $1`,
	} {
		if err := t.exec(ctx, query, run.id); err != nil {
			return err
		}
	}
	for _, session := range run.facts.Sessions {
		if err := t.exec(ctx, `INSERT INTO run_sessions (key, id, run) VALUES ($1, $2, $3)`, session.Key, session.ID, run.id); err != nil {
			return err
		}
	}
	for _, key := range run.facts.Keys {
		if err := t.exec(ctx, `INSERT INTO run_keys (key, run) VALUES ($1, $2) ON CONFLICT DO NOTHING`, key, run.id); err != nil {
			return err
		}
	}
	for _, ref := range run.facts.Assigned {
		if err := t.exec(ctx, `INSERT INTO run_experiments (experiment, version, run, heir_of) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			ref.Experiment, ref.Version, run.id, heirOf(run.facts, ref)); err != nil {
			return err
		}
	}
	return nil
}
