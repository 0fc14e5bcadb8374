package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// A scorer outlives its run. When the run is reset to after the call of Defer, the scorer belongs to both the run that
// holds and the run that was reset away, so its scores move to the run that holds. When the run is reset to before the
// call, the run that holds may start a scorer of its own, whose score then replaces the moved one.

// subject returns the run that a record is about: the run that it names or, if that was reset away and a scorer made
// the record, the run that holds. It sets the record's Run accordingly.
func (t txn) subject(ctx context.Context, run runRow, r *scoring.Record) (runRow, error) {
	if !run.superseded || r.Source != scoring.FromScorer {
		return run, nil
	}
	holds, found, err := t.holder(ctx, run.id)
	if err != nil || !found {
		return run, err
	}
	r.Run = holds.facts.Run
	return holds, nil
}

// holder returns the run that holds of the reset group of a run.
func (t txn) holder(ctx context.Context, run int64) (runRow, bool, error) {
	return one(ctx, t.tx, scanRun, `SELECT `+runColumns+` FROM runs
		WHERE origin = (SELECT origin FROM runs WHERE id = $1) AND NOT superseded`, run)
}

// displaced tells whether a scorer's word about a run that was reset away comes too late for the run that holds: another
// scorer of the same name and version waits there, or has settled.
func (t txn) displaced(ctx context.Context, scorer []byte, holds runRow, r scoring.Record) (bool, error) {
	pending := pendingRecord(scoring.Expectation{Scorer: r.Scorer, ScorerVersion: r.ScorerVersion, Run: holds.facts.Run, Step: r.Step})
	_, other, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE pending = $1 AND scorer <> $2 LIMIT 1`,
		scoreIdentity(pending), scorer)
	return other, err
}

// forward copies the scores of scorers about a run that was reset away to the run that holds. The rows of the former
// stay unchanged.
func (t txn) forward(ctx context.Context, from int64) error {
	holds, found, err := t.holder(ctx, from)
	if err != nil || !found {
		return err
	}
	said, err := t.revisions(ctx, `WHERE s.run = $1 AND s.latest AND NOT s.retracted AND s.source = $2`, from, string(scoring.FromScorer))
	if err != nil {
		return err
	}
	slices.SortFunc(said, func(a, b revision) int { return cmp.Compare(a.id, b.id) })
	for _, old := range said {
		r := old.rec
		r.Run, r.Said = holds.facts.Run, nil
		now, there, err := t.latest(ctx, scoreIdentity(r))
		if err != nil {
			return err
		}
		if there && !now.rec.Retracted {
			continue // the run that holds has one of its own
		}
		if err := t.say(ctx, holds, r, last); err != nil {
			return err
		}
	}
	return nil
}

// forwarded tells whether the score that holds under the identity of a pending score about run was moved to it from a
// run that was reset away: a scorer waited there, and none has waited here.
func (t txn) forwarded(ctx context.Context, run runRow, now revision, pending []byte) (bool, error) {
	if now.rec.Source != scoring.FromScorer {
		return false, nil
	}
	_, waited, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE pending = $1 LIMIT 1`, pending)
	if err != nil || waited {
		return false, err
	}
	_, there, err := one(ctx, t.tx, scanID, `SELECT e.id FROM expectations e JOIN runs r ON r.id = e.run WHERE r.superseded
		AND r.origin = (SELECT origin FROM runs WHERE id = $1) LIMIT 1`, run.id)
	return there, err
}
