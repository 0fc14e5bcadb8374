package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// ReceiveUntold implements [store.Correlator].
func (s *Store) ReceiveUntold(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	return s.receive(ctx, incoming{Outcome: o, untold: true})
}

// markUntold marks the outcomes whose waiting scorers are not signaled by the caller.
func (t txn) markUntold(ctx context.Context, fresh []*arrival) error {
	var rows [][]any
	for _, a := range fresh {
		if a.untold && len(a.receipt.Waiting) > 0 {
			rows = append(rows, []any{a.id, micro(time.Now()), a.in.nullable()})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	table, args := t.rows([]Kind{Ints, Ints, Texts}, rows)
	return t.exec(ctx, `INSERT INTO untold (outcome, at, namespace) SELECT c1, c2, c3 FROM `+table+`
		WHERE TRUE ON CONFLICT (outcome) DO UPDATE SET namespace = NULL`, args...)
}

// Untold implements [store.Correlator].
func (s *Store) Untold(ctx context.Context, namespace string, atMost int) ([]store.Receipt, error) {
	rows, err := collect(ctx, s.read, scanOutcome, selectOutcome+` JOIN untold u ON u.outcome = o.id
		WHERE u.namespace IS NULL OR u.namespace = $1 ORDER BY u.at, o.id`+limit(atMost), namespace)
	if err != nil {
		return nil, err
	}
	var all []store.Receipt
	for _, row := range rows {
		waiting, err := waitingFor(ctx, s.read, row.id, row.Outcome)
		if err != nil {
			return nil, err
		}
		all = append(all, store.Receipt{Outcome: row.Outcome, Waiting: waiting})
	}
	return all, nil
}

// ToldOf implements [store.Correlator].
func (s *Store) ToldOf(ctx context.Context, outcomeID string) error {
	_, err := write(ctx, s, "told", func(ctx context.Context, t txn) (nothing, error) {
		return nothing{}, t.exec(ctx, `DELETE FROM untold WHERE outcome IN (SELECT id FROM outcomes WHERE outcome = $1)`, outcomeID)
	})
	return err
}

// waitingFor returns the expectations that an outcome has met, and whose scorers may still be signaled about outcomes
// received when o was.
func waitingFor(ctx context.Context, q querier, id int64, o scoring.Outcome) ([]scoring.Expectation, error) {
	matched, err := collect(ctx, q, scanWaiter, selectWaiter+` JOIN matches m ON m.expectation = e.id
		WHERE m.outcome = $1 AND NOT m.late ORDER BY e.id`, id)
	var waiting []scoring.Expectation
	for _, w := range matched {
		if !w.decides && !w.closed(received(o)) {
			waiting = append(waiting, w.e)
		}
	}
	return waiting, err
}

// waitingAgain is waitingFor a duplicate. The store decides again for its declared scorers: a release that does not know them
// may have kept the outcome.
func (t txn) waitingAgain(ctx context.Context, id int64, o scoring.Outcome) ([]scoring.Expectation, error) {
	declared, err := collect(ctx, t.tx, scanID, `SELECT e.id FROM matches m JOIN expectations e ON e.id = m.expectation
		WHERE m.outcome = $1 AND e.decides AND e.settled_at IS NULL`, id)
	if err != nil {
		return nil, err
	}
	for _, id := range declared {
		t.touched.decide(id)
	}
	return waitingFor(ctx, t.tx, id, o)
}

// sameDelivery tells whether a delivery is the one that is kept, on another way, and not another one: its sender could not know
// whether the first way had led anywhere.
func (t txn) sameDelivery(ctx context.Context, kept, again scoring.Outcome) (bool, error) {
	same := received(kept).Equal(received(again))
	if !same || again.Retried {
		return same, nil
	}
	_, untold, err := one(ctx, t.tx, func(rows *sql.Rows) (id int64, err error) { return id, rows.Scan(&id) },
		`SELECT u.outcome FROM untold u JOIN outcomes o ON o.id = u.outcome WHERE o.outcome = $1`, again.ID)
	return untold, err
}

// TryWrite implements [store.Store].
func (s *Store) TryWrite(ctx context.Context) error {
	_, err := write(ctx, s, "try to write", func(ctx context.Context, t txn) (nothing, error) {
		return nothing{}, t.exec(ctx, `INSERT INTO probes (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, micro(time.Now()))
	})
	return err
}
