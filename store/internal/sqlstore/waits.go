package sqlstore

import (
	"cmp"
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// A run's code declares expectations at its calls, and names all of them in each of its flushes. A workflow task that the
// server refuses leaves a phantom, which the next flush does not name.

// waitRow is an expectation that the store decides for a run, or for a run that it was reset from or to.
type waitRow struct {
	id, run int64
	e       scoring.Expectation
}

// waits locks the events of expectations.
func (l *locks) waits(all []scoring.Expectation) {
	for _, e := range all {
		for _, ev := range e.Events {
			l.events(ev)
		}
	}
}

// declareLate keeps a declared expectation that comes by itself, unless its run has flushed since without it: then the call
// was made in a workflow task that the server refused. Of one that is there it returns the outcomes that have met it.
func (t txn) declareLate(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	id, there, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE scorer = $1`, declaredHash(e))
	if err != nil {
		return nil, err
	}
	if there {
		return t.metBy(ctx, id, e)
	}
	run, known, err := one(ctx, t.tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE hash = $1`, runHash(e.Run))
	if err != nil {
		return nil, err
	}
	if known && run.flushed.sequence.Valid && declaredBefore(e, run.flushed.sequence.Int64, run.flushed.at.Int64) {
		return nil, nil
	}
	return nil, t.expectDeclared(ctx, e)
}

// expectDeclared keeps a declared expectation, unless it is there, or was withdrawn.
func (t txn) expectDeclared(ctx context.Context, e scoring.Expectation) error {
	scorer := declaredHash(e)
	_, known, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE scorer = $1`, scorer)
	if err != nil || known {
		return err
	}
	id, err := t.addExpectation(ctx, scorer, e)
	t.touched.decide(id)
	return err
}

// wait brings the expectations of a run in line with its last flush. had are its expectations and the ones of the runs that
// it was reset from or to.
func (t txn) wait(ctx context.Context, run runRow, f scoring.Flush, had []waitRow) error {
	if run.superseded {
		if holds, found, err := t.holder(ctx, run.id); err != nil || found && holds.flushed.sequence.Valid {
			return err // that one has said what it waits for
		}
	}
	named := make(map[string]bool, len(f.Waits)+len(f.Elsewhere))
	for _, identity := range f.Elsewhere {
		named[identity] = true
	}
	for _, e := range f.Waits {
		named[e.Identity()] = true
		if err := t.expectDeclared(ctx, e); err != nil {
			return err
		}
	}
	if f.Partial {
		return nil
	}
	for _, w := range had {
		mine := w.run == run.id
		if mine && (named[w.e.Identity()] || !declaredBefore(w.e, f.Sequence, micro(f.At))) || !mine && run.superseded {
			continue
		}
		if err := t.withdraw(ctx, w, f); err != nil {
			return err
		}
	}
	return nil
}

// declaredBefore tells whether an expectation was made before a flush. One that was made in the same place and at the same time was made
// after it, in the same workflow task, if the flush does not name it. A flush of a task that the server refused says nothing of
// what the task that ran in its place has declared, and may come after that.
func declaredBefore(e scoring.Expectation, sequence, at int64) bool {
	return cmp.Or(cmp.Compare(e.Place, sequence), cmp.Compare(micro(e.At), at)) < 0
}

// withdraw ends an expectation as if it had never been: its score is retracted, and the outcomes that it had are decided
// again for the others.
func (t txn) withdraw(ctx context.Context, w waitRow, f scoring.Flush) error {
	err := t.rematching(ctx, w.id, func() error {
		if err := t.exec(ctx, `DELETE FROM expectation_events WHERE expectation = $1`, w.id); err != nil {
			return err
		}
		return t.exec(ctx, `UPDATE expectations SET decides = FALSE, due = NULL, follow_at = NULL, settled_at = $2 WHERE id = $1`, w.id, micro(f.At))
	})
	if err != nil {
		return err
	}
	score := pendingRecord(w.e)
	others, err := collect(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE pending = $1 AND decides`, scoreIdentity(score))
	for _, id := range others {
		t.touched.decide(id) // it speaks for the score now
	}
	if err != nil || len(others) > 0 {
		return err
	}
	own, err := t.run(ctx, scoring.RunFacts{Run: w.e.Run}, true)
	if err != nil {
		return err
	}
	if err := t.retract(ctx, own, scoreIdentity(score), scoring.FromScorer, f.At); err != nil {
		return err
	}
	holds, err := t.subject(ctx, own, &score)
	if err != nil || holds.id == own.id {
		return err
	}
	_, waits, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE pending = $1 AND scorer <> $2 LIMIT 1`, scoreIdentity(score), declaredHash(w.e))
	if err != nil || waits {
		return err
	}
	return t.retract(ctx, holds, scoreIdentity(score), scoring.FromScorer, f.At)
}
