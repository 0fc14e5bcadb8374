package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// pruneBatch is how many outcomes one transaction deletes: each may have a lock of its own.
const pruneBatch = 500

// PruneUnclaimed implements store.Store.
func (s *Store) PruneUnclaimed(ctx context.Context, before time.Time) (pruned int, err error) {
	for {
		candidates, err := collect(ctx, s.read, scanCandidate, `SELECT o.id, o.doc FROM outcomes o
			WHERE o.received_at < $1 AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id)
			ORDER BY o.received_at, o.id`+limit(pruneBatch), micro(before))
		if err != nil || len(candidates) == 0 {
			return pruned, err
		}
		n, err := write(ctx, s, "prune", func(ctx context.Context, t txn) (int, error) { return t.prune(ctx, candidates) })
		pruned += n
		if err != nil {
			return pruned, err
		}
	}
}

// candidate is an outcome that was unclaimed when it was read.
type candidate struct {
	id int64
	ev scoring.Event
}

func scanCandidate(rows *sql.Rows) (c candidate, err error) {
	var doc string
	if err = rows.Scan(&c.id, &doc); err != nil {
		return c, err
	}
	o, err := decode[scoring.Outcome](doc)
	c.ev = o.Event()
	return c, err
}

// prune deletes the candidates that are still unclaimed: a scorer may have begun to wait since.
func (t txn) prune(ctx context.Context, candidates []candidate) (pruned int, err error) {
	var l locks
	for _, c := range candidates {
		l.events(c.ev)
	}
	if err := t.hold(ctx, l); err != nil {
		return 0, err
	}
	for _, c := range candidates {
		_, deleted, err := one(ctx, t.tx, scanID, `DELETE FROM outcomes
			WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = $1) RETURNING id`, c.id)
		if err != nil {
			return 0, err
		}
		if deleted {
			pruned++
		}
	}
	return pruned, nil
}

// PruneRequests implements store.Store.
func (s *Store) PruneRequests(ctx context.Context, before time.Time) (pruned int, err error) {
	return s.pruneRows(ctx, `DELETE FROM requests WHERE key IN (SELECT key FROM requests WHERE at < $1 ORDER BY at`+limit(pruneBatch)+`)`, before)
}

// PruneRejections implements store.Store.
func (s *Store) PruneRejections(ctx context.Context, before time.Time) (pruned int, err error) {
	return s.pruneRows(ctx, `DELETE FROM rejections WHERE id IN (SELECT id FROM rejections WHERE received_at < $1 ORDER BY received_at, id`+limit(pruneBatch)+`)`, before)
}

// pruneRows repeats a statement that deletes a batch of old rows, until none is left.
func (s *Store) pruneRows(ctx context.Context, query string, before time.Time) (pruned int, err error) {
	for {
		n, err := write(ctx, s, "prune", func(ctx context.Context, t txn) (int64, error) {
			done, err := t.tx.ExecContext(ctx, query, micro(before))
			if err != nil {
				return 0, err
			}
			return done.RowsAffected()
		})
		pruned += int(n)
		if err != nil || n == 0 {
			return pruned, err
		}
	}
}
