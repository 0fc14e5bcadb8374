package sqlstore

import (
	"bytes"
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// A source may ignore the case of letters in keys. Rows keep a key as it was written, and so does eventHash. The table
// of spellings says which of them are one event; each writer of a key adds its spelling there.

// events locks an event, with all the ways to write it.
func (l *locks) events(ev scoring.Event) {
	l.event(eventHash(ev.Name, ev.Key))
	if folded, ok := ev.Folded(); ok {
		l.event(eventHash(folded.Name, folded.Key))
	}
}

// spellings returns the digests of all known ways to write an event, this one included, and notes this one. The event's
// locks are held.
func (t txn) spellings(ctx context.Context, ev scoring.Event) ([][]byte, error) {
	written := eventHash(ev.Name, ev.Key)
	folded, ok := ev.Folded()
	if !ok {
		return [][]byte{written}, nil
	}
	all := eventHash(folded.Name, folded.Key)
	for _, event := range [][]byte{all, written} {
		if err := t.spell(ctx, all, event); err != nil {
			return nil, err
		}
	}
	return collect(ctx, t.tx, func(rows *sql.Rows) (event []byte, err error) {
		err = rows.Scan(&event)
		return bytes.Clone(event), err
	}, `SELECT event FROM spellings WHERE folded = $1 ORDER BY event`, all)
}

// spellArrivals finds the spellings of the events of outcomes. With note, it adds their own to the table; then the events'
// locks are held.
func (t txn) spellArrivals(ctx context.Context, all []*arrival, note bool) error {
	var foldeds [][]byte
	var rows [][]any
	folds := make([][]byte, len(all))
	for i, a := range all {
		a.spellings = [][]byte{a.event}
		if ev, ok := a.Event().Folded(); ok {
			folded := eventHash(ev.Name, ev.Key)
			folds[i], foldeds = folded, append(foldeds, folded)
			rows = append(rows, []any{folded, folded}, []any{folded, a.event})
		}
	}
	if len(foldeds) == 0 {
		return nil
	}
	if note {
		table, args := t.rows([]Kind{Blobs, Blobs}, rows)
		if err := t.exec(ctx, `INSERT INTO spellings (folded, event) SELECT c1, c2 FROM `+table+` WHERE TRUE ON CONFLICT DO NOTHING`, args...); err != nil {
			return err
		}
	}
	type spelling struct{ folded, event []byte }
	is, list := in(*t.dialect, 1, Blobs, foldeds)
	known, err := collect(ctx, t.tx, func(rows *sql.Rows) (s spelling, err error) { return s, rows.Scan(&s.folded, &s.event) },
		`SELECT folded, event FROM spellings WHERE folded `+is+` ORDER BY event`, list)
	for i, a := range all {
		for _, s := range known {
			if folds[i] != nil && bytes.Equal(s.folded, folds[i]) && !bytes.Equal(s.event, a.event) {
				a.spellings = append(a.spellings, s.event)
			}
		}
	}
	return err
}

func (t txn) spell(ctx context.Context, folded, event []byte) error {
	return t.exec(ctx, `INSERT INTO spellings (folded, event) VALUES ($1, $2) ON CONFLICT DO NOTHING`, folded, event)
}

// matchSpellings matches the expectations of a settling scorer with outcomes that are spelled differently: a release
// that treated them as different events may have written both, without matching them.
func (t txn) matchSpellings(ctx context.Context, waits []expected) error {
	for _, x := range waits {
		for _, ev := range x.e.Events {
			if _, ok := ev.Folded(); !ok {
				continue
			}
			if err := t.matchOtherSpellings(ctx, x, ev); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t txn) matchOtherSpellings(ctx context.Context, x expected, ev scoring.Event) error {
	spellings, err := t.spellings(ctx, ev)
	if err != nil {
		return err
	}
	w, written := x.e.Window, eventHash(ev.Name, ev.Key)
	for _, event := range spellings {
		if bytes.Equal(event, written) {
			continue
		}
		missed, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` WHERE o.event = $1 AND o.at >= $2 AND o.at < $3
			AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id AND m.expectation = $4)`,
			event, micro(w.Since), micro(w.Until.Add(w.Grace)), x.id)
		if err != nil {
			return err
		}
		for _, o := range missed {
			if err := t.rematch(ctx, o, spellings, x.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// ignoresCase selects documents that may have an event whose key ignores case.
const ignoresCase = `(doc LIKE '%"name":"pull_request%' OR doc LIKE '%"name":"issue%')`

// fillExpected notes how the keys of expectations from before there were spellings are written.
func fillExpected(ctx context.Context, tx migrate.Tx, from, to int64) error {
	return fillSpellings(ctx, tx, `SELECT doc FROM expectations WHERE id > $1 AND id <= $2 AND `+ignoresCase, from, to,
		func(e scoring.Expectation) []scoring.Event { return e.Events })
}

// fillReceived does so for outcomes.
func fillReceived(ctx context.Context, tx migrate.Tx, from, to int64) error {
	return fillSpellings(ctx, tx, `SELECT doc FROM outcomes WHERE id > $1 AND id <= $2 AND `+ignoresCase, from, to,
		func(o scoring.Outcome) []scoring.Event { return []scoring.Event{o.Event()} })
}

func fillSpellings[T any](ctx context.Context, tx migrate.Tx, query string, from, to int64, events func(T) []scoring.Event) error {
	rows, err := collect(ctx, tx, func(rows *sql.Rows) (v T, err error) {
		var doc string
		if err = rows.Scan(&doc); err != nil {
			return v, err
		}
		return decode[T](doc)
	}, query, from, to)
	if err != nil {
		return err
	}
	t := txn{tx: tx, dialect: &Dialect{}}
	for _, row := range rows {
		for _, ev := range events(row) {
			folded, ok := ev.Folded()
			if !ok {
				continue
			}
			if err := t.spell(ctx, eventHash(folded.Name, folded.Key), eventHash(ev.Name, ev.Key)); err != nil {
				return err
			}
		}
	}
	return nil
}
