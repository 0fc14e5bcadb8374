package sqlstore

import (
	"context"
	"database/sql"
	"time"
)

// A worker of a release that knows neither declared scorers nor spellings may receive outcomes next to one of this release. It matches
// them in its own way: with a declared scorer that has a score it takes them for late, and with one that spells the key differently not
// at all. Its rows have no namespaces, which is how they are found.

// missedFor is how long after its delivery such an outcome is looked for by a worker that has just started.
const missedFor = 7 * 24 * time.Hour

// MatchMissed implements store.Store.
func (s *Store) MatchMissed(ctx context.Context, after int64) (next int64, err error) {
	next, _, err = one(ctx, s.read, scanID, `SELECT COALESCE(MAX(id), 0) FROM outcomes`)
	if err == nil && after == 0 {
		after, _, err = one(ctx, s.read, scanID, `SELECT COALESCE(MIN(id), 1) - 1 FROM outcomes WHERE received_at >= `+s.dialect.Now+` - $1`, missedFor.Microseconds())
	}
	if err != nil {
		return 0, err
	}
	for {
		all, err := collect(ctx, s.read, scanOutcome, selectOutcome+` WHERE o.id > $1 AND o.id <= $2 AND o.namespaces IS NULL
			AND (EXISTS (SELECT 1 FROM expectation_events v JOIN expectations e ON e.id = v.expectation WHERE v.event = o.event AND e.decides) OR `+ignoresCase+`)
			ORDER BY o.id`+limit(closeBatch), after, next)
		if err != nil {
			return 0, err
		}
		for _, o := range all {
			if err := s.matchMissed(ctx, o); err != nil {
				return 0, err
			}
			after = o.id
		}
		if len(all) < closeBatch {
			return next, nil
		}
	}
}

func (s *Store) matchMissed(ctx context.Context, o outcomeRow) error {
	if missed, err := s.mayMiss(ctx, o); err != nil || !missed {
		return err
	}
	_, err := write(ctx, s, "match a missed outcome", func(ctx context.Context, t txn) (nothing, error) {
		a := &arrival{incoming: incoming{Outcome: o.Outcome, untold: true}, event: eventHash(o.Name, o.Key), in: o.namespaces, id: o.id}
		held, err := t.holdArrivals(ctx, []*arrival{a})
		if err != nil {
			return nothing{}, err
		}
		_, there, err := one(ctx, t.tx, scanID, `SELECT id FROM outcomes WHERE id = $1`, o.id)
		if err != nil || !there {
			return nothing{}, err
		}
		if err := t.matchAgain(ctx, a, o); err != nil {
			return nothing{}, err
		}
		return nothing{}, t.decideTouched(ctx, held)
	})
	return err
}

// mayMiss tells whether somebody may wait for an outcome whom the release that received it does not find, or does not decide for.
func (s *Store) mayMiss(ctx context.Context, o outcomeRow) (bool, error) {
	event := eventHash(o.Name, o.Key)
	folded := event
	if ev, ok := o.Event().Folded(); ok {
		folded = eventHash(ev.Name, ev.Key)
	}
	missed, _, err := one(ctx, s.read, func(rows *sql.Rows) (yes bool, err error) { return yes, rows.Scan(&yes) },
		`SELECT EXISTS (SELECT 1 FROM expectation_events v JOIN expectations e ON e.id = v.expectation WHERE v.event = $1 AND e.decides)
			OR EXISTS (SELECT 1 FROM spellings s JOIN expectation_events v ON v.event = s.event WHERE s.folded = $2 AND s.event <> $1)`, event, folded)
	return missed, err
}

// matchAgain matches an outcome again with declared scorers, and with the other scorers that have not been found.
func (t txn) matchAgain(ctx context.Context, a *arrival, o outcomeRow) error {
	if err := t.spellArrivals(ctx, []*arrival{a}, true); err != nil {
		return err
	}
	waiters, err := t.waiters(ctx, a.spellings, o.at)
	if err != nil {
		return err
	}
	has, err := t.matchesOf(ctx, o.id)
	if err != nil {
		return err
	}
	waiters = o.namespaces.admit(waiters)
	for _, w := range waiters {
		if _, matched := has[w.id]; !matched || !w.decides {
			continue
		}
		if err := t.exec(ctx, `DELETE FROM matches WHERE outcome = $1 AND expectation = $2`, o.id, w.id); err != nil {
			return err
		}
		delete(has, w.id)
	}
	met := meets(o.Outcome, waiters, has)
	for _, w := range waiters {
		_, matched := has[w.id]
		if w.decides {
			t.touched.decide(w.id)
		}
		if !met[w.id] || matched {
			continue
		}
		if err := t.match(ctx, o.id, match{w.id, w.late(o.Outcome)}); err != nil {
			return err
		}
		if !w.decides && !w.late(o.Outcome) {
			a.receipt.Waiting = append(a.receipt.Waiting, w.e)
		}
	}
	return t.markUntold(ctx, []*arrival{a})
}
