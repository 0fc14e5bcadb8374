package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// later is a time after everything that a test has written, by the store's clock.
func later() time.Time { return time.Now().Add(time.Hour) }

// erase deletes everything that may be deleted by an hour from now.
func (b bench) erase(t *testing.T, finished ...store.ExperimentKey) store.Pruned {
	t.Helper()
	p := store.Pruning{Scores: later(), Revisions: later(), Outcomes: later(), Runs: later(), Finished: finished}
	p.DryRun = true
	would, err := b.Prune(t.Context(), p)
	require.NoError(t, err)
	p.DryRun = false
	done, err := b.Prune(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, would, done)
	again, err := b.Prune(t.Context(), p)
	require.NoError(t, err)
	require.Zero(t, again)
	return done
}

func (b bench) everything(t *testing.T) []scoring.Record {
	t.Helper()
	return b.scores(t, store.Filter{History: true, Retracted: true, Superseded: true})
}

// countsNow are the counts of everything.
func (b bench) countsNow(t *testing.T) (all []store.Count) {
	t.Helper()
	for _, of := range []store.Counted{store.CountScores, store.CountRuns, store.CountOutcomes} {
		c, err := b.Counts(t.Context(), store.CountFilter{Of: of})
		require.NoError(t, err)
		all = append(all, c.Rows...)
	}
	return all
}

var pruneOldTests = []namedTest{
	{"nothing that is younger, and nothing without an age", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 5, inWorkflow(r, scoring.Number("n", 1), 1)))
		b.record(t, record(r, scoring.Number("said", 1), 1))
		b.receive(t, outcome("o", "k", 5))
		hourAgo := time.Now().Add(-time.Hour)
		none, err := b.Prune(t.Context(), store.Pruning{Scores: hourAgo, Revisions: hourAgo, Runs: hourAgo, Outcomes: at(5)})
		require.NoError(t, err)
		require.Zero(t, none)
		none, err = b.Prune(t.Context(), store.Pruning{})
		require.NoError(t, err)
		require.Zero(t, none)
		require.Len(t, b.everything(t), 2)
		require.Contains(t, b.ledger(t), "o")
	}},
	{"revisions that do not hold", func(t *testing.T, b bench) {
		r := freshRun()
		for i := range 4 {
			b.record(t, record(r, scoring.Number("n", float64(i)), i))
		}
		b.record(t, record(r, scoring.Number("n", 3), 9)) // the same again
		done, err := b.Prune(t.Context(), store.Pruning{Revisions: later()})
		require.NoError(t, err)
		require.Equal(t, store.Pruned{Revisions: 3}, done)
		left := b.everything(t)
		require.Len(t, left, 1)
		require.Equal(t, 4, left[0].Revision)
		require.Len(t, left[0].Said, 2)
		b.record(t, record(r, scoring.Number("n", 7), 10))
		require.Equal(t, []string{"n=7"}, b.said(t, store.Filter{}))
		require.Equal(t, 5, b.scores(t, store.Filter{})[0].Revision)
	}},
	{"scores with their revisions; the run stays", func(t *testing.T, b bench) {
		r := freshRun()
		inSession := scoring.Number("n", 1)
		inSession.Sessions = []scoring.Session{{Key: "chat", ID: "1"}}
		b.flush(t, flush(r, 5, inWorkflow(r, inSession, 1), inWorkflow(r, scoring.Number("m", 1), 1)))
		b.record(t, record(r, scoring.Number("n", 2), 20))
		done, err := b.Prune(t.Context(), store.Pruning{Scores: later()})
		require.NoError(t, err)
		require.Equal(t, store.Pruned{Scores: 2}, done)
		require.Empty(t, b.everything(t))
		require.Empty(t, b.scores(t, store.Filter{Session: scoring.Session{Key: "chat", ID: "1"}}))
		runs, err := b.Runs(t.Context(), store.RunFilter{})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		b.record(t, record(r, scoring.Number("n", 3), 30))
		require.Equal(t, []string{"n=3"}, b.said(t, store.Filter{}))
	}},
	{"a run with everything that is known of it", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 5, inWorkflow(r, scoring.Number("n", 1), 1))
		f.Facts.Keys, f.Facts.Sessions = []string{"message-1"}, []scoring.Session{{Key: "chat", ID: "1"}}
		a := assignment(r, "a")
		b.assign(t, a)
		f.Facts.Assigned = []scoring.Ref{a.Ref()}
		b.flush(t, f)
		e := expectation(r, "k")
		b.expect(t, e)
		b.receive(t, outcome("o", "k", 5))
		b.settle(t, settlement(e, []string{"o"}, paid(e, true, 60)))
		other := freshRun()
		b.flush(t, flush(other, 5, inWorkflow(other, scoring.Number("n", 1), 1)))
		before := b.countsNow(t)
		require.Equal(t, store.Pruned{Scores: 3, Revisions: 1, Outcomes: 1, Runs: 2}, b.erase(t, retriever))
		require.Equal(t, before, b.countsNow(t), "the counts stand")
		require.Empty(t, b.everything(t))
		require.Empty(t, b.ledger(t))
		runs, err := b.Runs(t.Context(), store.RunFilter{Superseded: true})
		require.NoError(t, err)
		require.Empty(t, runs)
		units, err := b.Assignments(t.Context(), "retriever", "1")
		require.NoError(t, err)
		require.Empty(t, units)
		_, err = b.RunOfKey(t.Context(), "message-1")
		require.ErrorIs(t, err, store.ErrNotFound)
		b.flush(t, f) // and the store takes it again
		require.Equal(t, []string{"n=1"}, b.said(t, store.Filter{}))
	}},
	{"a run with the outcomes that are its own", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		b.receive(t, outcome("own", "k", 5))
		b.settle(t, settlement(e, []string{"own"}, paid(e, true, 60)))
		waits := expectation(freshRun(), "k2")
		e2 := expectation(freshRun(), "k2")
		b.expect(t, waits)
		b.expect(t, e2)
		b.receive(t, outcome("shared", "k2", 5))
		b.settle(t, settlement(e2, []string{"shared"}, paid(e2, true, 60)))
		before := b.countsNow(t)
		done, err := b.Prune(t.Context(), store.Pruning{Runs: later()})
		require.NoError(t, err)
		require.Equal(t, store.Pruned{Runs: 2}, done)
		require.Equal(t, before, b.countsNow(t))
		left := b.ledger(t)
		require.Len(t, left, 1)
		require.Equal(t, store.Matched, left["shared"].State)
	}},
	{"nothing of an experiment that is not finished", func(t *testing.T, b bench) {
		r, child, shared := freshRun(), freshRun(), freshRun()
		next := run(r.WorkflowID, fresh("run")) // of the same chain
		a := assignment(r, "a")
		b.assign(t, a)
		other := assignment(shared, "a")
		b.assign(t, other)
		other.Experiment = "prompt"
		b.assign(t, other)
		for _, about := range []scoring.Run{r, next, child, shared} {
			f := flush(about, 5, inWorkflow(about, scoring.Number("n", 1), 1))
			switch about {
			case next:
				f.Facts.FirstRunID = r.RunID
			case child:
				f.Facts.Assigned = []scoring.Ref{a.Ref()}
			}
			b.flush(t, f)
			b.record(t, record(about, scoring.Number("n", 2), 20))
		}
		e := expectation(child, "k")
		b.expect(t, e)
		b.receive(t, outcome("o", "k", 5))
		b.settle(t, settlement(e, []string{"o"}, paid(e, true, 60)))
		before := b.everything(t)
		require.Zero(t, b.erase(t))
		require.Zero(t, b.erase(t, store.ExperimentKey{Experiment: "retriever", Version: "2"}, store.ExperimentKey{Experiment: "prompt", Version: "1"}))
		require.Equal(t, before, b.everything(t))
		require.Equal(t, 3, b.erase(t, retriever).Runs, "the one that is in another experiment too stays")
		require.Len(t, b.everything(t), 2)
		require.Equal(t, 1, b.erase(t, retriever, store.ExperimentKey{Experiment: "prompt", Version: "1"}).Runs)
	}},
	{"nothing that a scorer waits for or may change", func(t *testing.T, b bench) {
		waits, decided, open := expectation(freshRun(), "k"), declaredFor(freshRun(), "d", ifPaid), declaredFor(freshRun(), "e", ifPaid)
		b.expect(t, waits)
		b.receive(t, outcome("o", "k", 5))
		decided.Window, open.Window = window(-time.Hour, 30*time.Minute), window(-time.Hour, 24*time.Hour)
		for _, e := range []scoring.Expectation{decided, open} {
			b.expect(t, e)
		}
		b.receive(t, b.now("p", "paid", "d"))
		b.receive(t, b.now("q", "paid", "e"))
		require.Equal(t, []string{"paid=true", "paid=true"}, b.said(t, store.Filter{States: []scoring.State{scoring.Scored}}))
		done := b.erase(t)
		require.Equal(t, 1, done.Runs, "of %v", done)
		left := b.ledger(t)
		require.NotContains(t, left, "p")
		require.Contains(t, left, "o")
		require.Contains(t, left, "q")
		require.Equal(t, []string{waits.ScorerRun.WorkflowID}, b.receive(t, outcome("r", "k", 6)))
	}},
	{"a score stays as it was decided when its outcome goes", func(t *testing.T, b bench) {
		e := declaredFor(freshRun(), "k", ifPaid)
		e.Window = window(-time.Hour, 30*time.Minute)
		b.expect(t, e)
		b.receive(t, b.now("o", "paid", "k"))
		done, err := b.Prune(t.Context(), store.Pruning{Outcomes: later()})
		require.NoError(t, err)
		require.Equal(t, store.Pruned{Outcomes: 1}, done)
		require.Empty(t, b.receive(t, b.now("late", "paid", "k")))
		b.expect(t, e)
		_, err = b.CloseDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
		require.Equal(t, store.Unclaimed, b.ledger(t)["late"].State)
	}},
	{"more than a transaction's worth", func(t *testing.T, b bench) {
		const n = 450
		records := make([]scoring.Record, n)
		for i := range records {
			records[i] = record(run(fmt.Sprint("w", i%7), "r"), scoring.Number(fmt.Sprint("n", i), 1), 1)
		}
		b.record(t, records...)
		require.Equal(t, store.Pruned{Scores: n, Runs: 7}, b.erase(t))
		require.Empty(t, b.everything(t))
	}},
}
