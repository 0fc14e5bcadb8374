package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, settlement store.Settlement) ([]scoring.Outcome, error) {
	settlement, err := checkSettlement(settlement)
	if err != nil {
		return nil, err
	}
	return write(ctx, s, "settle", func(ctx context.Context, t txn) ([]scoring.Outcome, error) {
		scorer := workflowHash(settlement.ScorerRun)
		expected, err := t.expected(ctx, scorer)
		if err != nil {
			return nil, err
		}
		var l locks
		for _, x := range expected {
			l.workflow(x.e.Run)
			for _, ev := range x.e.Events {
				l.events(ev)
			}
		}
		for _, r := range settlement.Records {
			l.workflow(r.Run)
		}
		if err := t.hold(ctx, l); err != nil {
			return nil, err
		}
		return t.settle(ctx, scorer, expected, settlement)
	})
}

// expected is an expectation of a scorer that settles. These columns never change, so they may be read before the locks
// are held.
type expected struct {
	id      int64
	pending []byte
	e       scoring.Expectation
}

func (t txn) expected(ctx context.Context, scorer []byte) ([]expected, error) {
	return collect(ctx, t.tx, func(rows *sql.Rows) (x expected, err error) {
		var doc string
		if err = rows.Scan(&x.id, &x.pending, &doc); err != nil {
			return x, err
		}
		x.e, err = decode[scoring.Expectation](doc)
		return x, err
	}, `SELECT id, pending, doc FROM expectations WHERE scorer = $1 ORDER BY wait`, scorer)
}

// forgotten returns the waits that a scorer has made and that are not known.
func forgotten(s store.Settlement, waits []expected) (missing []int) {
	for _, n := range s.Expected {
		if !slices.ContainsFunc(waits, func(x expected) bool { return x.e.Wait == n }) {
			missing = append(missing, n)
		}
	}
	return missing
}

func (t txn) settle(ctx context.Context, scorer []byte, waits []expected, s store.Settlement) ([]scoring.Outcome, error) {
	if missing := forgotten(s, waits); len(missing) > 0 {
		return nil, &store.ForgottenError{Waits: missing}
	}
	if err := t.matchSpellings(ctx, waits); err != nil {
		return nil, err
	}
	unseen, err := t.unseen(ctx, scorer, s)
	if err != nil || len(unseen) > 0 {
		return toldBy(waits, unseen), err
	}
	if err := t.taken(ctx, scorer, waits, s); err != nil {
		return nil, err
	}
	if err := t.exec(ctx, `UPDATE expectations SET settled_at = $2 WHERE scorer = $1 AND settled_at IS NULL`, scorer, micro(s.At)); err != nil {
		return nil, err
	}
	scored := make(map[string]bool, len(s.Records))
	for _, r := range s.Records {
		run, err := t.run(ctx, scoring.RunFacts{Run: r.Run, OriginalRunID: r.OriginalRunID}, !r.Step.IsZero())
		if err != nil {
			return nil, err
		}
		about := r
		holds, err := t.subject(ctx, run, &about)
		if err != nil {
			return nil, err
		}
		if holds.id != run.id {
			displaced, err := t.displaced(ctx, scorer, holds, r)
			if err != nil {
				return nil, err
			}
			if !displaced {
				run, r = holds, about
			}
		}
		identity := scoreIdentity(r)
		scored[string(identity)] = true
		if err := t.say(ctx, run, r, last); err != nil {
			return nil, err
		}
	}
	for _, x := range waits {
		own, err := t.run(ctx, scoring.RunFacts{Run: x.e.Run}, true)
		if err != nil {
			return nil, err
		}
		pending := pendingRecord(x.e)
		holds, err := t.subject(ctx, own, &pending)
		if err != nil {
			return nil, err
		}
		for _, w := range []struct {
			run     runRow
			pending []byte
		}{{own, x.pending}, {holds, scoreIdentity(pending)}} {
			if scored[string(w.pending)] {
				continue
			}
			scored[string(w.pending)] = true
			if err := t.stopWaiting(ctx, w.run, w.pending, s); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// toldBy returns outcomes with their keys spelled as the scorer of these expectations spells them.
func toldBy(waits []expected, outcomes []scoring.Outcome) []scoring.Outcome {
	for _, x := range waits {
		outcomes = told(x.e, outcomes)
	}
	return outcomes
}

// unseen returns the outcomes that count for a scorer and that it has not seen.
func (t txn) unseen(ctx context.Context, scorer []byte, s store.Settlement) ([]scoring.Outcome, error) {
	matched, err := collect(ctx, t.tx, scanOutcome, selectOutcome+` JOIN matches m ON m.outcome = o.id
		JOIN expectations e ON e.id = m.expectation WHERE e.scorer = $1 AND NOT m.late`, scorer)
	if err != nil {
		return nil, err
	}
	ids, marks := setOf(s.Seen), setOf(s.SeenMarks)
	var missing []outcomeRow
	for _, o := range matched {
		if !ids[o.ID] && !marks[o.Mark()] {
			missing = append(missing, o)
		}
	}
	return inOrder(missing), nil
}

// taken fails if a scorer has seen an outcome that counts for another one now. Only attribution takes any away.
func (t txn) taken(ctx context.Context, scorer []byte, waits []expected, s store.Settlement) error {
	attributed := slices.ContainsFunc(waits, func(x expected) bool {
		return x.e.Attribution == scoring.AttributeLast || x.e.Attribution == scoring.AttributeFirst
	})
	if !attributed || len(s.Seen)+len(s.SeenMarks) == 0 {
		return nil
	}
	own, err := collect(ctx, t.tx, func(rows *sql.Rows) (o scoring.Outcome, err error) { return o, rows.Scan(&o.ID) },
		`SELECT o.outcome FROM outcomes o JOIN matches m ON m.outcome = o.id JOIN expectations e ON e.id = m.expectation
		WHERE e.scorer = $1`, scorer)
	if err != nil {
		return err
	}
	ids, marks := map[string]bool{}, map[string]bool{}
	for _, o := range own {
		ids[o.ID], marks[o.Mark()] = true, true
	}
	var taken store.TakenError
	for _, id := range s.Seen {
		if !ids[id] {
			taken.OutcomeIDs = append(taken.OutcomeIDs, id)
		}
	}
	for _, mark := range s.SeenMarks {
		if !marks[mark] {
			taken.Marks = append(taken.Marks, mark)
		}
	}
	if len(taken.OutcomeIDs)+len(taken.Marks) > 0 {
		return &taken
	}
	return nil
}

func setOf(texts []string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, s := range texts {
		set[s] = true
	}
	return set
}

// stopWaiting retracts the pending score of a scorer that made no score in its place, unless another scorer of the
// same name still waits for the same.
func (t txn) stopWaiting(ctx context.Context, run runRow, pending []byte, s store.Settlement) error {
	h, err := t.history(ctx, pending)
	if err != nil {
		return err
	}
	if word := h.word(scoring.FromScorer); word == nil || word.rec.Retracted || word.rec.State != scoring.Pending {
		return nil
	}
	_, waits, err := one(ctx, t.tx, scanID, `SELECT id FROM expectations WHERE pending = $1 AND settled_at IS NULL LIMIT 1`, pending)
	if err != nil || waits {
		return err
	}
	return t.retract(ctx, run, pending, scoring.FromScorer, s.At)
}
