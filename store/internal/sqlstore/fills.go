package sqlstore

import (
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// fills are the functions that migrations name.
var fills = map[string]migrate.Fill{
	"what_holds": fillWhatHolds, "expected_spellings": fillExpected, "outcome_spellings": fillReceived,
	"assigned_units": fillAssigned, "heirs": fillHeirs,
	"counted_runs": fillCounts("runs", `SELECT id FROM runs WHERE id > $1 AND id <= $2 ORDER BY id FOR UPDATE`),
	"counted_scores": fillCounts("scores", `SELECT id FROM runs WHERE id IN (SELECT run FROM scores WHERE id > $1 AND id <= $2) ORDER BY id FOR SHARE;
		SELECT id FROM scores WHERE id > $1 AND id <= $2 ORDER BY id FOR UPDATE`),
	"counted_outcomes":   fillCounts("outcomes", `SELECT id FROM outcomes WHERE id > $1 AND id <= $2 ORDER BY id FOR UPDATE`),
	"counted_rejections": fillCounts("rejections", `SELECT id FROM rejections WHERE id > $1 AND id <= $2 ORDER BY id FOR UPDATE`),
	"counted_held":       fillCounts("held", `SELECT id FROM held WHERE id > $1 AND id <= $2 ORDER BY id FOR UPDATE`),
}

// Locker is a transaction that does not keep others from writing: a fill locks the rows before it reads them and
// decides.
type Locker interface {
	// Lock takes the locks of [Dialect.Lock].
	Lock(ctx context.Context, keys []int64) error
}

// fillWhatHolds marks, of each score with several revisions, the one that holds. Older releases marked the last to
// arrive.
func fillWhatHolds(ctx context.Context, tx migrate.Tx, from, to int64) error {
	type found struct {
		identity []byte
		run      scoring.Run
	}
	scores, err := collect(ctx, tx, func(rows *sql.Rows) (f found, err error) {
		err = rows.Scan(&f.identity, &f.run.Namespace, &f.run.WorkflowID, &f.run.RunID)
		return f, err
	}, `SELECT DISTINCT s.identity, r.namespace, r.workflow_id, r.run_id FROM scores s JOIN runs r ON r.id = s.run
		WHERE s.id > $1 AND s.id <= $2 AND s.revision > 1`, from, to)
	if err != nil {
		return err
	}
	t := txn{tx: tx, dialect: &Dialect{}}
	if locker, ok := tx.(Locker); ok {
		t.dialect.Lock = func(ctx context.Context, _ Tx, keys []int64) error { return locker.Lock(ctx, keys) }
	}
	var l locks
	for _, s := range scores {
		l.workflow(s.run)
	}
	if err := t.hold(ctx, l); err != nil {
		return err
	}
	for _, s := range scores {
		h, err := t.history(ctx, s.identity)
		if err != nil {
			return err
		}
		if err := t.mark(ctx, h); err != nil {
			return err
		}
	}
	return nil
}
