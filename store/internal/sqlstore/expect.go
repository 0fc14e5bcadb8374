package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// Expect implements store.Store.
func (s *Store) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	e, err := checkExpectation(e)
	if err != nil {
		return nil, err
	}
	return write(ctx, s, "expect", func(ctx context.Context, t txn) ([]scoring.Outcome, error) {
		var l locks
		l.workflow(e.Run)
		for _, ev := range e.Events {
			l.events(ev)
		}
		if err := t.hold(ctx, l); err != nil {
			return nil, err
		}
		return t.expect(ctx, e)
	})
}

func (t txn) expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	scorer := workflowHash(e.ScorerRun)
	id, known, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE scorer = $1 AND wait = $2`, scorer, e.Wait)
	if err != nil {
		return nil, err
	}
	if !known {
		if id, err = t.addExpectation(ctx, scorer, e); err != nil {
			return nil, err
		}
	}
	found, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` JOIN matches m ON m.outcome = o.id
		WHERE m.expectation = $1 AND NOT m.late`, id)
	return told(e, inOrder(found)), err
}

// told returns outcomes with their keys spelled as the scorer of e spells them.
func told(e scoring.Expectation, outcomes []scoring.Outcome) []scoring.Outcome {
	for i, o := range outcomes {
		outcomes[i] = e.Told(o)
	}
	return outcomes
}

// addExpectation keeps e with its pending score, and matches it with the stored outcomes.
func (t txn) addExpectation(ctx context.Context, scorer []byte, e scoring.Expectation) (int64, error) {
	run, err := t.run(ctx, scoring.RunFacts{
		Run: e.Run, FirstRunID: e.FirstRunID, OriginalRunID: e.OriginalRunID, StartedAt: e.RunStartedAt,
	}, true)
	if err != nil {
		return 0, err
	}
	pending := pendingRecord(e)
	about, err := t.subject(ctx, run, &pending)
	if err != nil {
		return 0, err
	}
	now, found, err := t.latest(ctx, scoreIdentity(pending))
	if err != nil {
		return 0, err
	}
	replace := !found || now.rec.Retracted
	if !replace {
		// A pending score never replaces an existing score, unless that came from another run.
		if replace, err = t.forwarded(ctx, about, now, scoreIdentity(pending)); err != nil {
			return 0, err
		}
	}
	if replace {
		if err := t.say(ctx, about, pending, last); err != nil {
			return 0, err
		}
	}
	doc, err := encode(e)
	if err != nil {
		return 0, err
	}
	id, err := t.insert(ctx, `INSERT INTO expectations (scorer, wait, run, pending, at, doc) VALUES ($1, $2, $3, $4, $5, $6)
		RETURNING id`, scorer, e.Wait, run.id, scoreIdentity(pending), micro(e.At), doc)
	if err != nil {
		return 0, err
	}
	closes := micro(e.Window.Until.Add(e.Window.Grace))
	for _, ev := range e.Events {
		if err := t.exec(ctx, `INSERT INTO expectation_events (event, since, closes, expectation) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`, eventHash(ev.Name, ev.Key), micro(e.Window.Since), closes, id); err != nil {
			return 0, err
		}
		if err := t.matchExpectation(ctx, id, ev, e.Window); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// pendingRecord is the pending score of e, which shows that its scorer waits.
func pendingRecord(e scoring.Expectation) scoring.Record {
	return scoring.Record{
		Score:         scoring.Score{Name: e.Scorer, Key: e.Scorer + "@" + e.ScorerVersion, State: scoring.Pending},
		Run:           e.Run,
		Step:          e.Step,
		OriginalRunID: e.OriginalRunID,
		Source:        scoring.FromScorer,
		Scorer:        e.Scorer,
		ScorerVersion: e.ScorerVersion,
		RecordedAt:    e.At,
	}
}

// matchExpectation matches an expectation with the stored outcomes of one of its events.
func (t txn) matchExpectation(ctx context.Context, id int64, ev scoring.Event, w scoring.Window) error {
	spellings, err := t.spellings(ctx, ev)
	if err != nil {
		return err
	}
	closes := micro(w.Until.Add(w.Grace))
	for _, event := range spellings {
		there, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` WHERE o.event = $1 AND o.at >= $2 AND o.at < $3`, event, micro(w.Since), closes)
		if err != nil {
			return err
		}
		for _, o := range there {
			if err := t.rematch(ctx, o, spellings, id); err != nil {
				return err
			}
		}
		// An outcome that came too late for e is late for it, unless it counts for, or was late for, another one.
		err = t.exec(ctx, `INSERT INTO matches (outcome, expectation, late) SELECT o.id, CAST($2 AS BIGINT), TRUE FROM outcomes o
			WHERE o.event = $1 AND o.at >= $3 AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id)`, event, id, closes)
		if err != nil {
			return err
		}
	}
	return nil
}

// rematch decides for whom an outcome counts now that the expectation id waits as well. By attribution it may have to
// move here from another one, which has not settled yet.
func (t txn) rematch(ctx context.Context, o outcomeRow, spellings [][]byte, id int64) error {
	waiters, err := t.waiters(ctx, spellings, o.at)
	if err != nil {
		return err
	}
	has, err := t.matchesOf(ctx, o.id)
	if err != nil {
		return err
	}
	met := meets(o.When(), waiters, has)
	if met[id] {
		if err := t.match(ctx, o.id, match{id, false}); err != nil {
			return err
		}
	}
	for _, w := range waiters {
		if _, matched := has[w.id]; matched && !met[w.id] {
			if err := t.exec(ctx, `DELETE FROM matches WHERE outcome = $1 AND expectation = $2`, o.id, w.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// waiters returns the expectations that name an event and whose window, with its grace, admits a time.
func (t txn) waiters(ctx context.Context, spellings [][]byte, at int64) ([]waiter, error) {
	var all []waiter
	for _, event := range spellings {
		some, err := collect(ctx, t.tx, scanWaiter, selectWaiter+` JOIN expectation_events v ON v.expectation = e.id
			WHERE v.event = $1 AND v.closes > $2 AND v.since <= $2 ORDER BY e.id`, event, at)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	// One may name an event in several ways.
	slices.SortFunc(all, func(a, b waiter) int { return cmp.Compare(a.id, b.id) })
	return slices.CompactFunc(all, func(a, b waiter) bool { return a.id == b.id }), nil
}

const selectWaiter = `SELECT e.id, e.scorer, e.settled_at IS NOT NULL, r.superseded, e.doc FROM expectations e JOIN runs r ON r.id = e.run`

func scanWaiter(rows *sql.Rows) (w waiter, err error) {
	var doc string
	if err = rows.Scan(&w.id, &w.scorer, &w.settled, &w.superseded, &doc); err != nil {
		return w, err
	}
	w.e, err = decode[scoring.Expectation](doc)
	return w, err
}

func (t txn) matchesOf(ctx context.Context, outcome int64) (held, error) {
	matches, err := collect(ctx, t.tx, func(rows *sql.Rows) (m match, err error) {
		err = rows.Scan(&m.expectation, &m.late)
		return m, err
	}, `SELECT expectation, late FROM matches WHERE outcome = $1`, outcome)
	has := make(held, len(matches))
	for _, m := range matches {
		has[m.expectation] = m.late
	}
	return has, err
}

func (t txn) match(ctx context.Context, outcome int64, m match) error {
	return t.exec(ctx, `INSERT INTO matches (outcome, expectation, late) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		outcome, m.expectation, m.late)
}

// outcomeRow is an outcome with its row's id and the time that decides about it.
type outcomeRow struct {
	scoring.Outcome
	id int64
	at int64
}

const selectOutcome = `SELECT o.id, o.at, o.doc FROM outcomes o`

func scanOutcome(rows *sql.Rows) (o outcomeRow, err error) {
	var doc string
	if err = rows.Scan(&o.id, &o.at, &doc); err != nil {
		return o, err
	}
	o.Outcome, err = decode[scoring.Outcome](doc)
	return o, err
}

// inOrder returns outcomes in the order of scoring.Outcome.Before, each once.
func inOrder(rows []outcomeRow) []scoring.Outcome {
	var sorted []scoring.Outcome
	for _, o := range rows {
		sorted = append(sorted, o.Outcome)
	}
	slices.SortFunc(sorted, func(a, b scoring.Outcome) int {
		switch {
		case a.Before(b):
			return -1
		case b.Before(a):
			return 1
		default:
			return 0
		}
	})
	return slices.CompactFunc(sorted, func(a, b scoring.Outcome) bool { return a.ID == b.ID })
}
