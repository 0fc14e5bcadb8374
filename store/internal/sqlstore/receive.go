package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Receive implements store.Store.
func (s *Store) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	o, err := checkOutcome(o)
	if err != nil {
		return store.Receipt{}, err
	}
	return write(ctx, s, "receive", func(ctx context.Context, t txn) (store.Receipt, error) {
		var l locks
		l.events(o.Event())
		if err := t.hold(ctx, l); err != nil {
			return store.Receipt{}, err
		}
		return t.receive(ctx, o)
	})
}

func (t txn) receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	doc, err := encode(o)
	if err != nil {
		return store.Receipt{}, err
	}
	event := eventHash(o.Name, o.Key)
	// One statement both finds out and claims: the same id under another name, and so under another lock, is a
	// duplicate too.
	id, fresh, err := one(ctx, t.tx, scanID, `INSERT INTO outcomes (outcome, event, at, received_at, deliveries, doc)
		VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (outcome) DO NOTHING RETURNING id`,
		o.ID, event, micro(o.When()), micro(received(o)), doc)
	if err != nil {
		return store.Receipt{}, err
	}
	if !fresh {
		return t.receiveAgain(ctx, o)
	}
	spellings, err := t.spellings(ctx, o.Event())
	if err != nil {
		return store.Receipt{}, err
	}
	waiters, err := t.waiters(ctx, spellings, micro(o.When()))
	if err != nil {
		return store.Receipt{}, err
	}
	receipt := store.Receipt{Outcome: o}
	met := meets(o.When(), waiters, nil)
	for _, w := range waiters {
		if !met[w.id] {
			continue
		}
		late := w.closed(received(o))
		if err := t.match(ctx, id, match{w.id, late}); err != nil {
			return receipt, err
		}
		if !late {
			receipt.Waiting = append(receipt.Waiting, w.e)
		}
	}
	if len(waiters) > 0 {
		return receipt, nil
	}
	return receipt, t.matchLate(ctx, id, spellings, micro(o.When()))
}

// matchLate notes for whom an outcome that no window admits came too late: the one whose window closed last. To note
// all of them would cost an outcome as much as its key is old.
func (t txn) matchLate(ctx context.Context, id int64, spellings [][]byte, at int64) error {
	type closed struct{ at, expectation int64 }
	var last closed
	for _, event := range spellings {
		c, found, err := one(ctx, t.tx, func(rows *sql.Rows) (c closed, err error) {
			err = rows.Scan(&c.at, &c.expectation)
			return c, err
		}, `SELECT v.closes, v.expectation FROM expectation_events v WHERE v.event = $1 AND v.closes <= $2
			ORDER BY v.closes DESC, v.expectation DESC LIMIT 1`, event, at)
		if err != nil {
			return err
		}
		if found && (last == closed{} || cmp.Or(cmp.Compare(c.at, last.at), cmp.Compare(c.expectation, last.expectation)) > 0) {
			last = c
		}
	}
	if last == (closed{}) {
		return nil
	}
	return t.match(ctx, id, match{last.expectation, true})
}

// receiveAgain counts a duplicate, and returns the scorers to signal, in case no delivery has signaled them.
func (t txn) receiveAgain(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	receipt := store.Receipt{Duplicate: true}
	row, _, err := one(ctx, t.tx, scanOutcome, selectOutcome+` WHERE o.outcome = $1`, o.ID)
	if err != nil {
		return receipt, err
	}
	receipt.Outcome = row.Outcome
	same, err := t.sameDelivery(ctx, row.Outcome, o)
	if err == nil && !same {
		err = t.exec(ctx, `UPDATE outcomes SET deliveries = deliveries + 1 WHERE id = $1`, row.id)
	}
	if err != nil {
		return receipt, err
	}
	receipt.Waiting, err = waitingFor(ctx, t.tx, row.id, o)
	return receipt, err
}

// CountDelivery implements store.Store.
func (s *Store) CountDelivery(ctx context.Context, outcomeID string) (known bool, err error) {
	return write(ctx, s, "count a delivery", func(ctx context.Context, t txn) (bool, error) {
		_, known, err := one(ctx, t.tx, scanID, `UPDATE outcomes SET deliveries = deliveries + 1 WHERE outcome = $1 RETURNING id`, outcomeID)
		return known, err
	})
}

// received is when an outcome reached Verdict, as far as is known.
func received(o scoring.Outcome) time.Time {
	if o.ReceivedAt.IsZero() {
		return o.When()
	}
	return o.ReceivedAt
}

// Reject implements store.Store.
func (s *Store) Reject(ctx context.Context, r store.Rejection) error {
	r, err := checkRejection(r)
	if err != nil {
		return err
	}
	_, err = write(ctx, s, "reject", func(ctx context.Context, t txn) (nothing, error) { return nothing{}, t.reject(ctx, r) })
	return err
}

func (t txn) reject(ctx context.Context, r store.Rejection) error {
	doc, err := encode(r)
	if err != nil {
		return err
	}
	// Only the time distinguishes deliveries without an id.
	identity := hash(r.Source, r.DeliveryID, r.Reason)
	if r.DeliveryID == "" {
		identity = hash(r.Source, "", r.Reason, r.At.Format(time.RFC3339Nano))
	}
	return t.exec(ctx, `INSERT INTO rejections (hash, received_at, deliveries, doc) VALUES ($1, $2, $4, $3)
		ON CONFLICT (hash) DO UPDATE SET deliveries = rejections.deliveries + excluded.deliveries, received_at = excluded.received_at,
		doc = excluded.doc WHERE rejections.received_at < excluded.received_at`, identity, micro(r.At), doc, max(1, r.Count))
}
