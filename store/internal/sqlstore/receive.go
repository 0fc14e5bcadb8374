package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Receive implements store.Store.
func (s *Store) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	return s.receive(ctx, incoming{Outcome: o})
}

// incoming is an outcome that a caller hands in. Untold, its caller does not signal the waiting scorers itself.
type incoming struct {
	scoring.Outcome
	untold bool
}

func (o incoming) size() int { return 512 + len(o.Payload) }

func (s *Store) receive(ctx context.Context, o incoming) (r store.Receipt, err error) {
	if o.Outcome, err = checkOutcome(o.Outcome); err != nil {
		return r, err
	}
	if s.arrived != nil {
		return s.arrived.Call(ctx, o)
	}
	receipts, err := s.receiveAll(ctx, []incoming{o})
	if err != nil {
		return r, err
	}
	return receipts[0], nil
}

// receiveAll receives outcomes in one transaction.
func (s *Store) receiveAll(ctx context.Context, outcomes []incoming) ([]store.Receipt, error) {
	return write(ctx, s, "receive", func(ctx context.Context, t txn) ([]store.Receipt, error) { return t.receiveAll(ctx, outcomes) })
}

// arrival is an outcome that is being received.
type arrival struct {
	incoming
	event     []byte
	spellings [][]byte   // of its event, that one included
	in        namespaces // its receiver's
	id        int64
	fresh     bool
	receipt   store.Receipt
}

// receiveAll keeps outcomes, matches each with who waits for it, and decides for the declared scorers among them. Each step
// is one statement for all outcomes.
func (t txn) receiveAll(ctx context.Context, outcomes []incoming) ([]store.Receipt, error) {
	all := make([]*arrival, len(outcomes))
	for i, o := range outcomes {
		all[i] = &arrival{incoming: o, event: eventHash(o.Name, o.Key)}
		all[i].in = namespaces(o.Namespace)
		all[i].Retried, all[i].Namespace = false, "" // which belong to the delivery
		all[i].receipt.Outcome = all[i].Outcome
	}
	held, err := t.holdArrivals(ctx, all)
	if err != nil {
		return nil, err
	}
	if err := t.keepOutcomes(ctx, all); err != nil {
		return nil, err
	}
	fresh := make([]*arrival, 0, len(all))
	for i, a := range all {
		if a.fresh {
			fresh = append(fresh, a)
			continue
		}
		elsewhere, err := t.receivedElsewhere(ctx, a)
		if err != nil {
			return nil, err
		}
		if elsewhere {
			fresh = append(fresh, a)
			continue
		}
		if a.receipt, err = t.receiveAgain(ctx, outcomes[i].Outcome); err != nil {
			return nil, err
		}
	}
	if err := t.matchArrivals(ctx, fresh); err != nil {
		return nil, err
	}
	if err := t.decideTouched(ctx, held); err != nil {
		return nil, err
	}
	receipts := make([]store.Receipt, len(all))
	for i, a := range all {
		receipts[i] = a.receipt
	}
	return receipts, nil
}

// holdArrivals locks the events of outcomes, and the workflow ids of those runs for which the store will have to decide.
// It returns the latter. More runs may wait by the time the locks are held: decideTouched leaves them to the closer.
func (t txn) holdArrivals(ctx context.Context, all []*arrival) (held stripes, err error) {
	if t.dialect.Lock == nil {
		return nil, nil // it holds everything
	}
	var l locks
	for _, a := range all {
		l.events(a.Event())
	}
	if err := t.spellArrivals(ctx, all, false); err != nil {
		return nil, err
	}
	var events [][]byte
	for _, a := range all {
		events = append(events, a.spellings...)
	}
	is, list := in(*t.dialect, 1, Blobs, events)
	runs, err := collect(ctx, t.tx, func(rows *sql.Rows) (r scoring.Run, err error) {
		return r, rows.Scan(&r.Namespace, &r.WorkflowID)
	}, `SELECT DISTINCT r.namespace, r.workflow_id FROM expectation_events v JOIN expectations e ON e.id = v.expectation
		JOIN runs r ON r.id = e.run WHERE v.event `+is+` AND e.decides`+limit(maxDecided), list)
	if err != nil {
		return nil, err
	}
	held = stripes{}
	for _, r := range runs {
		held.add(r)
		l.workflow(r)
	}
	return held, t.hold(ctx, l)
}

// stripes are locks of workflow ids that a transaction holds. Nil holds all.
type stripes map[int64]bool

func (s stripes) add(r scoring.Run) { s[stripe(r)] = true }

func (s stripes) has(r scoring.Run) bool { return s == nil || s[stripe(r)] }

// keepOutcomes keeps the outcomes whose ids are new. One statement both finds out and claims: the same id under another
// name, and so under another lock, is a duplicate too.
func (t txn) keepOutcomes(ctx context.Context, all []*arrival) error {
	rows := make([][]any, len(all))
	for i, a := range all {
		doc, err := encode(a.Outcome)
		if err != nil {
			return err
		}
		rows[i] = []any{a.ID, a.event, micro(a.When()), micro(received(a.Outcome)), doc, a.in.nullable()}
	}
	table, args := t.rows([]Kind{Texts, Blobs, Ints, Ints, Texts, Texts}, rows)
	type kept struct {
		id      int64
		outcome string
	}
	added, err := collect(ctx, t.tx, func(rows *sql.Rows) (k kept, err error) { return k, rows.Scan(&k.id, &k.outcome) },
		`INSERT INTO outcomes (outcome, event, at, received_at, deliveries, doc, namespaces) SELECT c1, c2, c3, c4, 1, c5, c6 FROM `+table+`
		WHERE TRUE ON CONFLICT (outcome) DO NOTHING RETURNING id, outcome`, args...)
	if err != nil {
		return err
	}
	ids := make(map[string]int64, len(added))
	for _, k := range added {
		ids[k.outcome] = k.id
	}
	for _, a := range all {
		if a.id, a.fresh = ids[a.ID], ids[a.ID] != 0; a.fresh {
			delete(ids, a.ID) // the next one with this id is a duplicate
		}
	}
	return nil
}

// matchArrivals matches outcomes with the expectations that they meet.
func (t txn) matchArrivals(ctx context.Context, fresh []*arrival) error {
	if len(fresh) == 0 {
		return nil
	}
	if err := t.spellArrivals(ctx, fresh, true); err != nil {
		return err
	}
	waiters, err := t.waitersOf(ctx, fresh)
	if err != nil {
		return err
	}
	var rows [][]any
	var unclaimed []*arrival
	for _, a := range fresh {
		here := a.in.admit(waiters.of(a.spellings, a.Outcome))
		met := meets(a.Outcome, here, nil)
		for _, w := range here {
			if !met[w.id] {
				continue
			}
			late := w.late(a.Outcome)
			rows = append(rows, []any{a.id, w.id, late})
			switch {
			case late:
			case w.decides:
				t.touched.decide(w.id)
			default:
				a.receipt.Waiting = append(a.receipt.Waiting, w.e)
			}
		}
		if len(here) == 0 {
			unclaimed = append(unclaimed, a)
		}
	}
	if err := t.matchAll(ctx, rows); err != nil {
		return err
	}
	if err := t.markUntold(ctx, fresh); err != nil {
		return err
	}
	return t.matchLate(ctx, unclaimed)
}

// matchAll adds rows of matches: outcome, expectation, late.
func (t txn) matchAll(ctx context.Context, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	table, args := t.rows([]Kind{Ints, Ints, Flags}, rows)
	return t.exec(ctx, `INSERT INTO matches (outcome, expectation, late) SELECT c1, c2, c3 FROM `+table+` WHERE TRUE ON CONFLICT DO NOTHING`, args...)
}

// matchLate notes for whom outcomes that no window admits came too late: for each, the expectation whose window closed last.
// To note all of them would cost an outcome as much as its key is old.
func (t txn) matchLate(ctx context.Context, unclaimed []*arrival) error {
	var asked [][]any
	for _, a := range unclaimed {
		for _, event := range a.spellings {
			asked = append(asked, []any{a.id, event, micro(a.When())})
		}
	}
	if len(asked) == 0 {
		return nil
	}
	type closed struct{ outcome, at, expectation int64 }
	const last = `(SELECT v.%s FROM expectation_events v WHERE v.event = x.c2 AND v.closes <= x.c3 ORDER BY v.closes DESC, v.expectation DESC LIMIT 1)`
	table, args := t.rows([]Kind{Ints, Blobs, Ints}, asked)
	found, err := collect(ctx, t.tx, func(rows *sql.Rows) (c closed, err error) {
		var at, expectation sql.NullInt64
		err = rows.Scan(&c.outcome, &at, &expectation)
		c.at, c.expectation = at.Int64, expectation.Int64
		return c, err
	}, `SELECT x.c1, `+fmt.Sprintf(last, "closes")+`, `+fmt.Sprintf(last, "expectation")+` FROM `+table, args...)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b closed) int {
		return cmp.Or(cmp.Compare(a.outcome, b.outcome), cmp.Compare(b.at, a.at), cmp.Compare(b.expectation, a.expectation))
	})
	var rows [][]any
	for i, c := range found {
		if c.expectation != 0 && (i == 0 || found[i-1].outcome != c.outcome) {
			rows = append(rows, []any{c.outcome, c.expectation, true})
		}
	}
	return t.matchAll(ctx, rows)
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
	receipt.Waiting, err = t.waitingAgain(ctx, row.id, o)
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
