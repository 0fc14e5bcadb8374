package sqlstore

import (
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/scoring"
)

// Record implements store.Store.
func (s *Store) Record(ctx context.Context, records []scoring.Record) error {
	records, err := checkRecords(records)
	if err != nil || len(records) == 0 {
		return err
	}
	_, err = write(ctx, s, "record", func(ctx context.Context, t txn) (nothing, error) {
		var l locks
		for _, r := range records {
			l.workflow(r.Run)
		}
		if err := t.hold(ctx, l); err != nil {
			return nothing{}, err
		}
		for _, r := range records {
			if err := t.record(ctx, r); err != nil {
				return nothing{}, err
			}
		}
		return nothing{}, nil
	})
	return err
}

// record appends r unless it was said before: now, or by the same call, which a retry repeats after others have
// written since.
func (t txn) record(ctx context.Context, r scoring.Record) error {
	run, err := t.run(ctx, scoring.RunFacts{Run: r.Run, OriginalRunID: r.OriginalRunID}, !r.Step.IsZero())
	if err != nil {
		return err
	}
	if run, err = t.subject(ctx, run, &r); err != nil {
		return err
	}
	now, found, err := t.latest(ctx, scoreIdentity(r))
	if err != nil {
		return err
	}
	if found && !r.RecordedAt.IsZero() && !now.rec.RecordedAt.Equal(r.RecordedAt) {
		earlier, err := collect(ctx, t.tx, scanRevision, selectRevision+` WHERE identity = $1 AND recorded_at = $2`,
			scoreIdentity(r), micro(r.RecordedAt))
		if err != nil {
			return err
		}
		for _, e := range earlier {
			if e.rec.Same(r.Score) && e.rec.Source == r.Source {
				return nil
			}
		}
	}
	return t.put(ctx, run, r, now, found)
}

// revision is a row of scores.
type revision struct {
	id        int64
	highest   int // the identity's highest revision
	retracted bool
	attempt   int32
	saidAt    int64
	rec       scoring.Record
}

// saidAt is when r was said: when what it speaks of was observed, or when it was recorded.
func saidAt(r scoring.Record) int64 {
	if r.ObservedAt.IsZero() {
		return micro(r.RecordedAt)
	}
	return micro(r.ObservedAt)
}

const selectRevision = `SELECT id, (SELECT MAX(h.revision) FROM scores h WHERE h.identity = s.identity), retracted, attempt, said_at, doc FROM scores s`

func scanRevision(rows *sql.Rows) (r revision, err error) {
	var doc string
	if err = rows.Scan(&r.id, &r.highest, &r.retracted, &r.attempt, &r.saidAt, &doc); err != nil {
		return r, err
	}
	r.rec, err = decode[scoring.Record](doc)
	return r, err
}

// latest returns the revision of an identity that holds.
func (t txn) latest(ctx context.Context, identity []byte) (revision, bool, error) {
	return one(ctx, t.tx, scanRevision, selectRevision+` WHERE identity = $1 AND latest`, identity)
}

// put makes r the next revision after now, unless it says the same. A score of an earlier attempt of a step than now's
// is kept but does not hold, and neither does what a service said before what it said now.
func (t txn) put(ctx context.Context, run runRow, r scoring.Record, now revision, found bool) error {
	if !found {
		return t.add(ctx, run, r, 1, false, true)
	}
	if attempt := r.Step.Attempt; attempt > 0 && attempt < now.attempt {
		earlier, err := collect(ctx, t.tx, scanRevision, selectRevision+` WHERE identity = $1 AND attempt = $2`, scoreIdentity(r), attempt)
		if err != nil {
			return err
		}
		for _, e := range earlier {
			if e.rec.Same(r.Score) {
				return nil
			}
		}
		return t.add(ctx, run, r, now.highest+1, false, false)
	}
	fromClient := r.Source == scoring.FromClient && now.rec.Source == scoring.FromClient
	if fromClient && saidAt(r) < now.saidAt {
		return t.add(ctx, run, r, now.highest+1, false, false)
	}
	if !now.retracted && now.rec.Same(r.Score) {
		if fromClient && saidAt(r) > now.saidAt {
			// Not a new revision, but what was said in between must not hold any more.
			return t.exec(ctx, `UPDATE scores SET said_at = $2 WHERE id = $1`, now.id, saidAt(r))
		}
		if r.Step.Attempt <= now.attempt {
			return nil
		}
		// Not a new revision, but an attempt older than this one must not hold any more.
		return t.exec(ctx, `UPDATE scores SET attempt = $2 WHERE id = $1`, now.id, r.Step.Attempt)
	}
	return t.replace(ctx, run, r, now, false)
}

// replace makes r hold in the place of now.
func (t txn) replace(ctx context.Context, run runRow, r scoring.Record, now revision, retracted bool) error {
	if err := t.exec(ctx, `UPDATE scores SET latest = FALSE WHERE id = $1`, now.id); err != nil {
		return err
	}
	return t.add(ctx, run, r, now.highest+1, retracted, true)
}

// retract adds the revision that says: this score is not said any more.
func (t txn) retract(ctx context.Context, run runRow, now revision, r scoring.Record) error {
	return t.replace(ctx, run, r, now, true)
}

func (t txn) add(ctx context.Context, run runRow, r scoring.Record, number int, retracted, latest bool) error {
	doc, err := encode(r)
	if err != nil {
		return err
	}
	var value sql.NullFloat64
	value.Float64, value.Valid = r.Value.Float()
	id, err := t.insert(ctx, `INSERT INTO scores (run, identity, revision, latest, retracted, source, name, state, value, attempt,
		recorded_at, said_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`, run.id, scoreIdentity(r), number, latest,
		retracted, string(r.Source), r.Name, string(r.State), value, r.Step.Attempt, micro(r.RecordedAt), saidAt(r), doc)
	if err != nil {
		return err
	}
	for _, session := range r.Sessions {
		if err := t.exec(ctx, `INSERT INTO score_sessions (key, id, score) VALUES ($1, $2, $3)`, session.Key, session.ID, id); err != nil {
			return err
		}
	}
	return nil
}

// Flush implements store.Store.
func (s *Store) Flush(ctx context.Context, f scoring.Flush) error {
	f, err := checkFlush(f)
	if err != nil {
		return err
	}
	_, err = write(ctx, s, "flush", func(ctx context.Context, t txn) (nothing, error) {
		var l locks
		l.workflow(f.Facts.Run)
		if err := t.hold(ctx, l); err != nil {
			return nothing{}, err
		}
		return nothing{}, t.flush(ctx, f)
	})
	return err
}

func (t txn) flush(ctx context.Context, f scoring.Flush) error {
	run, err := t.run(ctx, f.Facts, false)
	if err != nil {
		return err
	}
	if run.sequence.Valid && f.Sequence < run.sequence.Int64 {
		return nil
	}
	if !f.Partial {
		known := run.facts
		run.facts = f.Facts
		fill(&run.facts.FirstRunID, known.FirstRunID)
		fill(&run.facts.OriginalRunID, known.OriginalRunID)
		fill(&run.facts.WorkflowType, known.WorkflowType)
		if run.facts.StartedAt.IsZero() {
			run.facts.StartedAt = known.StartedAt
		}
	}
	run.sequence = sql.NullInt64{Int64: f.Sequence, Valid: true}
	if err := t.changeRun(ctx, &run); err != nil {
		return err
	}
	if !f.Partial {
		if err := t.declare(ctx, run); err != nil {
			return err
		}
	}
	named := make(map[string]bool, len(f.Records))
	for _, r := range f.Records {
		identity := scoreIdentity(r)
		named[string(identity)] = true
		if err := t.flushed(ctx, run, identity, r); err != nil {
			return err
		}
	}
	if f.Partial {
		return nil
	}
	return t.retractOthers(ctx, run, f, named)
}

// retractOthers retracts what the workflow has said and a flush no longer names.
func (t txn) retractOthers(ctx context.Context, run runRow, f scoring.Flush, named map[string]bool) error {
	held, err := collect(ctx, t.tx, scanRevision, selectRevision+` WHERE run = $1 AND latest AND NOT retracted AND source = $2`,
		run.id, string(scoring.FromWorkflow))
	if err != nil {
		return err
	}
	elsewhere := make(map[string]bool, len(f.Elsewhere))
	for _, mark := range f.Elsewhere {
		elsewhere[mark] = true
	}
	for _, now := range held {
		if named[string(scoreIdentity(now.rec))] || elsewhere[now.rec.Mark()] {
			continue
		}
		gone := now.rec
		gone.RecordedAt = f.At
		if err := t.retract(ctx, run, now, gone); err != nil {
			return err
		}
	}
	return nil
}

// flushed keeps one score of a flush. It is compared with what the workflow said last, not with what holds: a
// correction from outside stays when the same flush is repeated.
func (t txn) flushed(ctx context.Context, run runRow, identity []byte, r scoring.Record) error {
	now, found, err := t.latest(ctx, identity)
	if err != nil {
		return err
	}
	if found && now.rec.Source != scoring.FromWorkflow {
		own, said, err := one(ctx, t.tx, scanRevision, selectRevision+` WHERE identity = $1 AND source = $2 ORDER BY revision DESC LIMIT 1`,
			identity, string(scoring.FromWorkflow))
		if err != nil {
			return err
		}
		if said && !own.retracted && own.rec.Same(r.Score) {
			return nil
		}
	}
	return t.put(ctx, run, r, now, found)
}

// declare replaces the run's sessions, keys and experiments with those of its facts.
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
		if err := t.exec(ctx, `INSERT INTO run_experiments (experiment, version, run) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			ref.Experiment, ref.Version, run.id); err != nil {
			return err
		}
	}
	return nil
}
