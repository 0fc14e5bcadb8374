package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// firstAsked is how long after its declaration an expectation is due that waits for a close. A run that says that it ends makes it
// due at once.
const firstAsked = 10 * time.Minute

// endsWithin is how soon after a run has said that it ends it is asked for.
const endsWithin = 200 * time.Millisecond

// askedAgain and askedLast are the shortest and the longest delay after which a chain that is open is asked for again. A chain that
// closes says so, or is listed as closed, long before.
const (
	askedAgain = 2 * time.Second
	askedLast  = 6 * time.Hour
)

// followAt is when to ask for the close that e waits for.
func followAt(e scoring.Expectation) sql.NullInt64 {
	return sql.NullInt64{Int64: micro(e.At.Add(firstAsked)), Valid: e.Start != nil}
}

// Followed implements store.Store.
func (s *Store) Followed(ctx context.Context, f store.FollowFilter) ([]scoring.Run, error) {
	query := `SELECT r.namespace, r.workflow_id, r.run_id FROM expectations e JOIN runs r ON r.id = e.run WHERE e.follow_at IS NOT NULL AND r.namespace = $1`
	args := []any{f.Namespace}
	if len(f.WorkflowIDs) > 0 {
		is, list := in(s.dialect, 2, Texts, f.WorkflowIDs)
		query, args = query+` AND r.workflow_id `+is, append(args, list)
	}
	if f.Due {
		query += ` AND e.follow_at <= ` + s.dialect.Now
	}
	return collect(ctx, s.read, func(rows *sql.Rows) (r scoring.Run, err error) {
		return r, rows.Scan(&r.Namespace, &r.WorkflowID, &r.RunID)
	}, query+` GROUP BY r.namespace, r.workflow_id, r.run_id ORDER BY MIN(e.follow_at), MIN(e.id)`+limit(f.Limit), args...)
}

// FollowLater implements store.Store.
func (s *Store) FollowLater(ctx context.Context, run scoring.Run) error {
	_, err := write(ctx, s, "follow", func(ctx context.Context, t txn) (nothing, error) {
		var l locks
		l.workflow(run)
		if err := t.hold(ctx, l); err != nil {
			return nothing{}, err
		}
		// The chain's last word is its last flush. A run that has said that it ends is open for a moment more.
		type word struct{ now, at, said int64 }
		w, found, err := one(ctx, t.tx, func(rows *sql.Rows) (w word, err error) { return w, rows.Scan(&w.now, &w.at, &w.said) },
			`SELECT `+t.dialect.Now+`, MIN(e.at), COALESCE((SELECT MAX(q.flushed_at) FROM runs q WHERE q.chain = r.chain), 0)
			FROM runs r JOIN expectations e ON e.run = r.id WHERE r.hash = $1 AND e.follow_at <= `+t.dialect.Now+` GROUP BY r.id, r.chain`, runHash(run))
		if err != nil || !found {
			return nothing{}, err // it has become due for another reason since
		}
		pause := min(max((w.now-max(w.at, w.said))/4, askedAgain.Microseconds()), askedLast.Microseconds())
		return nothing{}, t.exec(ctx, `UPDATE expectations SET follow_at = $2 WHERE follow_at <= $3 AND run = (SELECT id FROM runs WHERE hash = $1)`,
			runHash(run), w.now+pause, w.now)
	})
	return err
}

// askSoon makes what waits for the close of a run's chain due in a moment: the run has said that it ends, and has not ended yet.
func (t txn) askSoon(ctx context.Context, f scoring.RunFacts) error {
	return t.exec(ctx, `UPDATE expectations SET follow_at = `+t.dialect.Now+` + $2 WHERE follow_at IS NOT NULL AND decides
		AND run IN (SELECT id FROM runs WHERE chain = $1)`, inGroup(f.Run, f.FirstRunID), endsWithin.Microseconds())
}

// ChainClosed implements store.Store.
func (s *Store) ChainClosed(ctx context.Context, run scoring.Run, c scoring.Closed) (begun int, err error) {
	if err := scoring.CheckTime("closed at", c.At); err != nil {
		return 0, err
	}
	for {
		had, err := followedBy(ctx, s.read, run)
		if err != nil || len(had) == 0 {
			return 0, err
		}
		begun, err = write(ctx, s, "begin", func(ctx context.Context, t txn) (int, error) {
			var l locks
			l.workflow(run)
			for _, w := range had {
				l.waits([]scoring.Expectation{w.e})
			}
			if err := t.hold(ctx, l); err != nil {
				return 0, err
			}
			now, err := followedBy(ctx, t.tx, run)
			if err != nil {
				return 0, err
			}
			if !slices.EqualFunc(had, now, func(a, b waitRow) bool { return a.id == b.id }) {
				return 0, errMoved
			}
			for _, w := range now {
				if err := t.begin(ctx, w, c); err != nil {
					return 0, err
				}
			}
			return len(now), t.decideTouched(ctx, own(run))
		})
		if !errors.Is(err, errMoved) {
			return begun, err
		}
	}
}

// followedBy returns the expectations that wait for the close of a run's chain.
func followedBy(ctx context.Context, q querier, run scoring.Run) ([]waitRow, error) {
	return collect(ctx, q, func(rows *sql.Rows) (w waitRow, err error) {
		var doc string
		if err = rows.Scan(&w.id, &w.run, &doc); err != nil {
			return w, err
		}
		w.e, err = decode[scoring.Expectation](doc)
		return w, err
	}, `SELECT e.id, e.run, e.doc FROM runs r JOIN expectations e ON e.run = r.id WHERE r.hash = $1 AND e.follow_at IS NOT NULL AND e.decides ORDER BY e.id`,
		runHash(run))
}

// begin gives an expectation the window that begins with the close of its run's chain. Outcomes that the window does not have are
// decided again for the others.
func (t txn) begin(ctx context.Context, w waitRow, c scoring.Closed) error {
	e, ends := w.e.Begun(c)
	doc, err := encode(e)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `UPDATE expectations SET follow_at = NULL, doc = $2 WHERE id = $1`, w.id, doc); err != nil {
		return err
	}
	if err := t.rematching(ctx, w.id, func() error {
		if ends {
			return t.exec(ctx, `DELETE FROM expectation_events WHERE expectation = $1`, w.id)
		}
		return t.exec(ctx, `UPDATE expectation_events SET closes = $2 WHERE expectation = $1`, w.id, micro(e.Last()))
	}); err != nil {
		return err
	}
	t.touched.decide(w.id)
	if ends {
		return nil
	}
	for _, ev := range e.Events {
		spellings, err := t.spellings(ctx, ev)
		if err != nil {
			return err
		}
		for _, event := range spellings {
			if err := t.tooLate(ctx, w.id, event, micro(e.Last())); err != nil {
				return err
			}
		}
	}
	return nil
}

// rematching changes what an expectation waits for, and decides the outcomes that it had again for all.
func (t txn) rematching(ctx context.Context, id int64, change func() error) error {
	had, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` JOIN matches m ON m.outcome = o.id WHERE m.expectation = $1`, id)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `DELETE FROM matches WHERE expectation = $1`, id); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	for _, o := range had {
		spellings, err := t.spellings(ctx, o.Event())
		if err != nil {
			return err
		}
		if err := t.rematch(ctx, o, spellings, id); err != nil {
			return err
		}
	}
	return nil
}
