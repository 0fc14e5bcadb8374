package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Ledger implements store.Store.
func (s *Store) Ledger(ctx context.Context, f store.LedgerFilter) ([]store.Entry, error) {
	var entries []store.Entry
	if f.State != store.Rejected && f.State != store.Held {
		received, err := s.ledgerOutcomes(ctx, f)
		if err != nil {
			return nil, err
		}
		entries = append(entries, received...)
	}
	if f.State == store.Rejected || f.State == "" {
		rejected, err := s.ledgerRejections(ctx, f)
		if err != nil {
			return nil, err
		}
		entries = append(entries, rejected...)
	}
	if f.State == store.Held || f.State == "" {
		held, err := s.ledgerHeld(ctx, f)
		if err != nil {
			return nil, err
		}
		entries = append(entries, held...)
	}
	slices.SortStableFunc(entries, func(a, b store.Entry) int { return received(b.Outcome).Compare(received(a.Outcome)) })
	if f.Limit > 0 && len(entries) > f.Limit {
		entries = entries[:f.Limit]
	}
	return entries, nil
}

func (c *conditions) ledger(f store.LedgerFilter) {
	if !f.Since.IsZero() {
		c.add("received_at >= ?", micro(f.Since))
	}
}

// ledgerOutcomes returns outcomes, newest first, with those whom they met.
func (s *Store) ledgerOutcomes(ctx context.Context, f store.LedgerFilter) ([]store.Entry, error) {
	const (
		counts = `EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id AND NOT m.late)`
		met    = `EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id)`
	)
	var c conditions
	c.ledger(f)
	switch f.State {
	case store.Matched:
		c.add(counts)
	case store.Late:
		c.add("NOT " + counts + " AND " + met)
	case store.Unclaimed:
		c.add("NOT " + met)
	}
	type line struct {
		id         int64
		deliveries int
		late       sql.NullBool
		doc        string
		scorer     sql.NullString
	}
	lines, err := collect(ctx, s.read, func(rows *sql.Rows) (l line, err error) {
		err = rows.Scan(&l.id, &l.deliveries, &l.doc, &l.late, &l.scorer)
		return l, err
	}, `SELECT p.id, p.deliveries, p.doc, m.late, e.doc
		FROM (SELECT o.id, o.received_at, o.deliveries, o.doc FROM outcomes o`+c.String()+
		` ORDER BY o.received_at DESC, o.id DESC`+limit(f.Limit)+`) p
		LEFT JOIN matches m ON m.outcome = p.id LEFT JOIN expectations e ON e.id = m.expectation
		ORDER BY p.received_at DESC, p.id DESC, e.id`, c.args...)
	if err != nil {
		return nil, err
	}
	var entries []store.Entry
	last := int64(-1)
	for _, l := range lines {
		if l.id != last {
			last = l.id
			o, err := decode[scoring.Outcome](l.doc)
			if err != nil {
				return nil, err
			}
			o.ReceivedAt = received(o) // some say only when it was observed
			entries = append(entries, store.Entry{Outcome: o, State: store.Unclaimed, Deliveries: l.deliveries})
		}
		if !l.scorer.Valid {
			continue
		}
		entry := &entries[len(entries)-1]
		if !l.late.Bool {
			entry.State = store.Matched
		} else if entry.State == store.Unclaimed {
			entry.State = store.Late
		}
		e, err := decode[scoring.Expectation](l.scorer.String)
		if err != nil {
			return nil, err
		}
		scorer := e.ScorerRun.WorkflowID
		if e.Declared() {
			scorer = e.Scorer + " of " + e.Run.WorkflowID
		}
		if !slices.Contains(entry.Scorers, scorer) { // once, also if it met several of its waits
			entry.Scorers = append(entry.Scorers, scorer)
		}
	}
	return entries, nil
}

// ledgerRejections returns refused deliveries, newest first.
func (s *Store) ledgerRejections(ctx context.Context, f store.LedgerFilter) ([]store.Entry, error) {
	var c conditions
	c.ledger(f)
	return collect(ctx, s.read, func(rows *sql.Rows) (e store.Entry, err error) {
		var doc string
		if err = rows.Scan(&e.Deliveries, &doc); err != nil {
			return e, err
		}
		r, err := decode[store.Rejection](doc)
		e.Outcome = scoring.Outcome{ID: r.DeliveryID, Source: r.Source, ReceivedAt: r.At}
		e.State, e.Reason = store.Rejected, r.Reason
		return e, err
	}, `SELECT deliveries, doc FROM rejections`+c.String()+` ORDER BY received_at DESC, id DESC`+limit(f.Limit), c.args...)
}
