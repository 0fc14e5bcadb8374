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
		var early []scoring.Outcome
		if e.Declared() {
			early, err = t.declareLate(ctx, e)
		} else {
			early, err = t.expect(ctx, e)
		}
		if err != nil {
			return nil, err
		}
		return early, t.decideTouched(ctx, own(e.Run))
	})
}

// own are the locks of a transaction that holds one run's workflow id.
func own(r scoring.Run) stripes {
	s := stripes{}
	s.add(r)
	return s
}

// arrivalWaiters are the expectations that several outcomes may meet, by event.
type arrivalWaiters map[string][]waiter

// waitersOf returns the expectations that name the events of outcomes.
func (t txn) waitersOf(ctx context.Context, all []*arrival) (arrivalWaiters, error) {
	var events [][]byte
	first, last := micro(all[0].When()), micro(all[0].When())
	for _, a := range all {
		events = append(events, a.spellings...)
		first, last = min(first, micro(a.When())), max(last, micro(a.When()))
	}
	is, list := in(*t.dialect, 1, Blobs, events)
	found := arrivalWaiters{}
	_, err := collect(ctx, t.tx, func(rows *sql.Rows) (nothing, error) {
		var w waiter
		var event []byte
		var doc string
		err := rows.Scan(&w.id, &w.scorer, &w.settled, &w.superseded, &w.decides, &doc, &event, &w.since, &w.closes)
		if err == nil {
			w.e, err = decode[scoring.Expectation](doc)
		}
		found[string(event)] = append(found[string(event)], w)
		return nothing{}, err
	}, `SELECT `+waiterColumns+`, v.event, v.since, v.closes FROM expectation_events v JOIN expectations e ON e.id = v.expectation
		JOIN runs r ON r.id = e.run WHERE v.event `+is+` AND v.closes > $2 AND v.since <= $3 ORDER BY e.id`, list, first, last)
	return found, err
}

// of returns the expectations whose window, with its grace, admits an outcome, each once.
func (all arrivalWaiters) of(spellings [][]byte, o scoring.Outcome) []waiter {
	var here []waiter
	at := micro(o.When())
	for _, event := range spellings {
		for _, w := range all[string(event)] {
			if w.since <= at && at < w.closes {
				here = append(here, w)
			}
		}
	}
	if len(spellings) > 1 { // one may name an event in several ways
		slices.SortFunc(here, func(a, b waiter) int { return cmp.Compare(a.id, b.id) })
		here = slices.CompactFunc(here, func(a, b waiter) bool { return a.id == b.id })
	}
	return here
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
	return t.metBy(ctx, id, e)
}

// metBy returns the outcomes that have met an expectation in time.
func (t txn) metBy(ctx context.Context, id int64, e scoring.Expectation) ([]scoring.Outcome, error) {
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
	score := scoreIdentity(pending)
	if e.Declared() {
		score = scoreIdentity(pendingRecord(e)) // of its own run, though its score may go to another one
	}
	id, err := t.insert(ctx, `INSERT INTO expectations (scorer, wait, run, pending, at, decides, follow_at, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`, scorer, e.Wait, run.id, score, micro(e.At), e.Declared(), followAt(e), doc)
	if err != nil {
		return 0, err
	}
	closes := micro(e.Last())
	for _, ev := range e.Events {
		if err := t.exec(ctx, `INSERT INTO expectation_events (event, since, closes, expectation) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`, eventHash(ev.Name, ev.Key), micro(e.Window.Since), closes, id); err != nil {
			return 0, err
		}
		if err := t.matchExpectation(ctx, id, ev, micro(e.Window.Since), closes); err != nil {
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
func (t txn) matchExpectation(ctx context.Context, id int64, ev scoring.Event, since, closes int64) error {
	spellings, err := t.spellings(ctx, ev)
	if err != nil {
		return err
	}
	for _, event := range spellings {
		there, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` WHERE o.event = $1 AND o.at >= $2 AND o.at < $3`, event, since, closes)
		if err != nil {
			return err
		}
		for _, o := range there {
			if err := t.rematch(ctx, o, spellings, id); err != nil {
				return err
			}
		}
		if err := t.tooLate(ctx, id, event, closes); err != nil {
			return err
		}
	}
	return nil
}

// tooLate notes the outcomes of an event that came after an expectation closed: they are late for it, unless they count for, or were
// late for, another one.
func (t txn) tooLate(ctx context.Context, id int64, event []byte, closes int64) error {
	return t.exec(ctx, `INSERT INTO matches (outcome, expectation, late) SELECT o.id, CAST($2 AS BIGINT), TRUE FROM outcomes o
		WHERE o.event = $1 AND o.at >= $3 AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.outcome = o.id)`, event, id, closes)
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
	return t.moved(ctx, o, waiters, has, id)
}

// moved brings the matches of an outcome in line with who waits for it now. A scorer that is a workflow and
// has not had it gets it only as the expectation id, because it asks; declared scorers always get it.
func (t txn) moved(ctx context.Context, o outcomeRow, waiters []waiter, has held, id int64) error {
	waiters = o.namespaces.admit(waiters)
	met := meets(o.Outcome, waiters, has)
	for _, w := range waiters {
		_, matched := has[w.id]
		switch {
		case met[w.id] && !matched && (w.decides || w.id == id):
			if err := t.match(ctx, o.id, match{w.id, w.decides && w.late(o.Outcome)}); err != nil {
				return err
			}
		case matched && !met[w.id]:
			if err := t.exec(ctx, `DELETE FROM matches WHERE outcome = $1 AND expectation = $2`, o.id, w.id); err != nil {
				return err
			}
		default:
			continue
		}
		if w.decides {
			t.touched.decide(w.id)
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

const (
	waiterColumns = `e.id, e.scorer, e.settled_at IS NOT NULL, r.superseded, e.decides, e.doc`
	selectWaiter  = `SELECT ` + waiterColumns + ` FROM expectations e JOIN runs r ON r.id = e.run`
)

func scanWaiter(rows *sql.Rows) (w waiter, err error) {
	var doc string
	if err = rows.Scan(&w.id, &w.scorer, &w.settled, &w.superseded, &w.decides, &doc); err != nil {
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
	namespaces namespaces
	id         int64
	at         int64
}

const selectOutcome = `SELECT o.id, o.at, o.namespaces, o.doc FROM outcomes o`

func scanOutcome(rows *sql.Rows) (o outcomeRow, err error) {
	var doc string
	var names sql.NullString
	if err = rows.Scan(&o.id, &o.at, &names, &doc); err != nil {
		return o, err
	}
	o.namespaces = namespaces(names.String)
	o.Outcome, err = decode[scoring.Outcome](doc)
	return o, err
}

// inOrder returns outcomes in the order of scoring.Outcome.Before, each once.
func inOrder(rows []outcomeRow) []scoring.Outcome {
	var sorted []scoring.Outcome
	for _, o := range rows {
		sorted = append(sorted, o.Outcome)
	}
	slices.SortFunc(sorted, scoring.Outcome.Compare)
	return slices.CompactFunc(sorted, func(a, b scoring.Outcome) bool { return a.ID == b.ID })
}
