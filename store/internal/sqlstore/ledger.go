package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// The lists that the ledger is made of, in the order of their entries of one time.
const (
	outcomeLine = iota
	rejectionLine
	heldLine
)

// line is an entry with its place in the ledger.
type line struct {
	place
	store.Entry
}

// place is a place in the ledger: newest first, and of one time by list and number.
type place struct {
	at   int64 // when it was received
	list int
	id   int64
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(q.at, p.at), cmp.Compare(p.list, q.list), cmp.Compare(q.id, p.id))
}

// Ledger implements store.Store.
func (s *Store) Ledger(ctx context.Context, f store.LedgerFilter) ([]store.Entry, error) {
	lines, err := s.ledgerOf(ctx, f)
	entries := make([]store.Entry, len(lines))
	for i, l := range lines {
		entries[i] = l.Entry
	}
	return entries, err
}

// ledgerOf returns the lines that a filter selects by name and key, too.
func (s *Store) ledgerOf(ctx context.Context, f store.LedgerFilter) (all []line, err error) {
	if f.Name == "" && f.Key == "" {
		return s.ledger(ctx, f, nil)
	}
	atMost := f.Limit
	f.Limit = store.MaxPage
	for after := (*place)(nil); ; {
		lines, err := s.ledger(ctx, f, after)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if f.Selects(l.Entry) {
				all = append(all, l)
			}
		}
		if atMost > 0 && len(all) >= atMost {
			return all[:atMost], nil
		}
		if len(lines) < f.Limit {
			return all, nil
		}
		after = &lines[len(lines)-1].place
	}
}

// ledger returns lines after a place, if one is given.
func (s *Store) ledger(ctx context.Context, f store.LedgerFilter, after *place) (all []line, err error) {
	for list, read := range []func(context.Context, store.LedgerFilter, *place) ([]line, error){s.ledgerOutcomes, s.ledgerRejections, s.ledgerHeld} {
		if f.State != "" && list != listOf(f.State) || list == rejectionLine && (f.Name != "" || f.Key != "") {
			continue
		}
		lines, err := read(ctx, f, after)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortFunc(all, func(a, b line) int { return a.compare(b.place) })
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// listOf is the list that has the entries in a state.
func listOf(state store.OutcomeState) int {
	switch state {
	case store.Rejected:
		return rejectionLine
	case store.Held:
		return heldLine
	}
	return outcomeLine
}

// ledger selects the rows of a list whose time is in a column.
func (c *conditions) ledger(f store.LedgerFilter, after *place, list int, column string) {
	if !f.Since.IsZero() {
		c.add(column+" >= ?", micro(f.Since))
	}
	if !f.Until.IsZero() {
		c.add(column+" < ?", micro(f.Until))
	}
	switch {
	case after == nil:
	case after.list == list:
		c.add("("+column+", id) < (?, ?)", after.at, after.id)
	case after.list < list:
		c.add(column+" <= ?", after.at)
	default:
		c.add(column+" < ?", after.at)
	}
}

// ledgerOutcomes returns outcomes, newest first, with those whom they met.
func (s *Store) ledgerOutcomes(ctx context.Context, f store.LedgerFilter, after *place) ([]line, error) {
	const (
		counts = `EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id AND NOT m.late)`
		met    = `EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id)`
	)
	var c conditions
	c.ledger(f, after, outcomeLine, "o.received_at")
	if f.Name != "" && f.Key != "" {
		c.add("o.event = ?", eventHash(f.Name, f.Key))
	}
	switch f.State {
	case store.Matched:
		c.add(counts)
	case store.Late:
		c.add("NOT " + counts + " AND " + met)
	case store.Unclaimed:
		c.add("NOT " + met)
	}
	type row struct {
		id, at     int64
		deliveries int
		late       sql.NullBool
		doc        string
		scorer     sql.NullString
	}
	found, err := collect(ctx, s.read, func(rows *sql.Rows) (r row, err error) {
		err = rows.Scan(&r.id, &r.at, &r.deliveries, &r.doc, &r.late, &r.scorer)
		return r, err
	}, `SELECT p.id, p.received_at, p.deliveries, p.doc, m.late, e.doc
		FROM (SELECT o.id, o.received_at, o.deliveries, o.doc FROM outcomes o`+c.String()+
		` ORDER BY o.received_at DESC, o.id DESC`+limit(f.Limit)+`) p
		LEFT JOIN matches m ON m.outcome = p.id LEFT JOIN expectations e ON e.id = m.expectation
		ORDER BY p.received_at DESC, p.id DESC, e.id`, c.args...)
	if err != nil {
		return nil, err
	}
	var lines []line
	last := int64(-1)
	for _, l := range found {
		if l.id != last {
			last = l.id
			o, err := decode[scoring.Outcome](l.doc)
			if err != nil {
				return nil, err
			}
			o.ReceivedAt = received(o) // some say only when it was observed
			lines = append(lines, line{place{l.at, outcomeLine, l.id}, store.Entry{Outcome: o, State: store.Unclaimed, Deliveries: l.deliveries}})
		}
		if !l.scorer.Valid {
			continue
		}
		entry := &lines[len(lines)-1]
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
	return lines, nil
}

// ledgerRejections returns refused deliveries, newest first.
func (s *Store) ledgerRejections(ctx context.Context, f store.LedgerFilter, after *place) ([]line, error) {
	var c conditions
	c.ledger(f, after, rejectionLine, "received_at")
	return collect(ctx, s.read, func(rows *sql.Rows) (l line, err error) {
		var doc string
		l.list = rejectionLine
		if err = rows.Scan(&l.id, &l.at, &l.Deliveries, &doc); err != nil {
			return l, err
		}
		r, err := decode[store.Rejection](doc)
		l.Outcome = scoring.Outcome{ID: r.DeliveryID, Source: r.Source, ReceivedAt: r.At}
		l.State, l.Reason = store.Rejected, r.Reason
		return l, err
	}, `SELECT id, received_at, deliveries, doc FROM rejections`+c.String()+` ORDER BY received_at DESC, id DESC`+limit(f.Limit), c.args...)
}
