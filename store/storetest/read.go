package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var readTests = []namedTest{
	{"ping", func(t *testing.T, b bench) { require.NoError(t, b.Ping(t.Context())) }},
	{"an empty store answers", func(t *testing.T, b bench) {
		require.Empty(t, b.scores(t, store.Filter{Experiment: "e", Session: scoring.Session{Key: "k", ID: "i"}}))
		_, err := b.RunOfKey(t.Context(), "k")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Empty(t, b.ledger(t))
	}},
	{"scores by run, name, state and number", func(t *testing.T, b bench) {
		r := freshRun()
		sibling, other := run(r.WorkflowID, fresh("run")), freshRun()
		b.record(t, record(r, scoring.Number("a", 1), 1), record(sibling, scoring.Number("a", 2), 1),
			record(other, scoring.Number("a", 3), 1), record(r, scoring.Expire("b"), 1), record(r, scoring.Decline("c", ""), 1))
		for _, c := range []struct {
			filter store.Filter
			want   []string
		}{
			{store.Filter{Run: r}, []string{"a=1", "b:expired", "c:not_applicable"}},
			{store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID, RunID: r.RunID}, Name: "a"}, []string{"a=1"}},
			{store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID}, Name: "a"}, []string{"a=1", "a=2"}},
			{store.Filter{Run: scoring.Run{Namespace: "default", WorkflowID: r.WorkflowID}, Name: "a"}, []string{"a=1", "a=2"}},
			{store.Filter{Run: scoring.Run{Namespace: "other", WorkflowID: r.WorkflowID}}, nil},
			{store.Filter{States: []scoring.State{scoring.Expired, scoring.Declined}}, []string{"b:expired", "c:not_applicable"}},
			{store.Filter{Name: "a", Limit: 2}, []string{"a=1", "a=2"}},
			{store.Filter{Name: "' OR 1=1 --"}, nil},
		} {
			require.Equal(t, c.want, b.said(t, c.filter), "%+v", c.filter)
		}
	}},
	{"scores of a session are its own and its runs'", func(t *testing.T, b bench) {
		customer := scoring.Session{Key: "customer", ID: "7"}
		r, other := freshRun(), freshRun()
		f := flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1))
		f.Facts.Sessions = []scoring.Session{customer, {Key: "ticket", ID: "7"}}
		b.flush(t, f)
		own := record(other, scoring.Bool("thumb", true), 2)
		own.Sessions = []scoring.Session{customer}
		b.record(t, own, record(other, scoring.Bool("unrelated", true), 2))
		require.Equal(t, []string{"q=1", "thumb=true"}, b.said(t, store.Filter{Session: customer}))
		require.Empty(t, b.said(t, store.Filter{Session: scoring.Session{Key: "7", ID: "customer"}}))
		runs, err := b.Runs(t.Context(), store.RunFilter{Session: customer})
		require.NoError(t, err)
		require.Len(t, runs, 1)
	}},
	{"scores of an experiment are by chain", func(t *testing.T, b bench) {
		r, other := freshRun(), freshRun()
		next := run(r.WorkflowID, fresh("run"))
		child := freshRun()
		b.assign(t, assignment(r, "a"))
		b.record(t, record(r, scoring.Number("before facts", 1), 1))
		f := flush(next, 10, inWorkflow(next, scoring.Number("continued", 1), 1))
		f.Facts.FirstRunID = r.RunID
		b.flush(t, f)
		f = flush(child, 10, inWorkflow(child, scoring.Number("inherited", 1), 1))
		f.Facts.Assigned = []scoring.Ref{assignment(r, "a").Ref()}
		b.flush(t, f)
		b.flush(t, flush(other, 10, inWorkflow(other, scoring.Number("unrelated", 1), 1)))
		want := []string{"before facts=1", "continued=1", "inherited=1"}
		require.Equal(t, want, b.said(t, store.Filter{Experiment: "retriever"}))
		require.Equal(t, want, b.said(t, store.Filter{Experiment: "retriever", Version: "1"}))
		require.Empty(t, b.said(t, store.Filter{Experiment: "retriever", Version: "2"}))
		require.Empty(t, b.said(t, store.Filter{Experiment: "other"}))
		runs, err := b.Runs(t.Context(), store.RunFilter{Experiment: "retriever"})
		require.NoError(t, err)
		require.Len(t, runs, 3)
	}},
	{"an assignment that did not know its chain", func(t *testing.T, b bench) {
		r := freshRun()
		a := assignment(r, "a")
		a.FirstRunID = ""
		b.assign(t, a)
		f := flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1))
		f.Facts.FirstRunID = "an earlier run"
		b.flush(t, f)
		require.Equal(t, []string{"q=1"}, b.said(t, store.Filter{Experiment: "retriever"}))
	}},
	{"runs that never flushed", func(t *testing.T, b bench) {
		assigned, stepped, waited, flushed, scored := freshRun(), freshRun(), freshRun(), freshRun(), freshRun()
		a := assignment(assigned, "a")
		b.assign(t, a)
		b.record(t, onStep(stepped, scoring.Number("p", 1), 1, 1), onStep(flushed, scoring.Number("p", 1), 1, 1),
			record(scored, scoring.Bool("thumb", true), 1))
		b.expect(t, expectation(waited, "k"))
		b.flush(t, flush(flushed, 10))
		runs, err := b.Runs(t.Context(), store.RunFilter{Unflushed: true})
		require.NoError(t, err)
		require.Equal(t, []scoring.RunFacts{
			{Run: assigned, FirstRunID: a.FirstRunID, OriginalRunID: a.OriginalRunID, WorkflowType: "Answer"},
			{Run: stepped},
			{Run: waited, FirstRunID: waited.RunID, OriginalRunID: waited.RunID, StartedAt: at(0)},
		}, runs)
		runs, err = b.Runs(t.Context(), store.RunFilter{Limit: 2})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		newest, err := b.Runs(t.Context(), store.RunFilter{Newest: true, Limit: 2})
		require.NoError(t, err)
		all, err := b.Runs(t.Context(), store.RunFilter{})
		require.NoError(t, err)
		require.Equal(t, []scoring.RunFacts{all[len(all)-1], all[len(all)-2]}, newest)
	}},
	{"runs since a time", func(t *testing.T, b bench) {
		b.flush(t, flush(freshRun(), 10))
		for since, want := range map[time.Duration]int{-time.Hour: 1, time.Hour: 0} {
			runs, err := b.Runs(t.Context(), store.RunFilter{Since: time.Now().Add(since)})
			require.NoError(t, err)
			require.Len(t, runs, want)
			runs, err = b.Runs(t.Context(), store.RunFilter{Until: time.Now().Add(since)})
			require.NoError(t, err)
			require.Len(t, runs, 1-want)
		}
	}},
	{"the run of a key", func(t *testing.T, b bench) {
		r, other := freshRun(), freshRun()
		declare := func(f scoring.Flush, keys ...string) {
			f.Facts.Keys = keys
			b.flush(t, f)
		}
		declare(flush(r, 10), "k", "k", "shared")
		got, err := b.RunOfKey(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, r, got)

		next := flush(run(r.WorkflowID, fresh("run")), 10)
		next.Facts.FirstRunID, next.Facts.StartedAt = r.RunID, at(30)
		declare(next, "k")
		got, err = b.RunOfKey(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, next.Facts.Run, got, "the newest of the chain")

		declare(flush(other, 10), "shared")
		_, err = b.RunOfKey(t.Context(), "shared")
		require.ErrorIs(t, err, store.ErrAmbiguous)
		b.flush(t, resetOf(other, 30))
		got, err = b.RunOfKey(t.Context(), "shared")
		require.NoError(t, err)
		require.Equal(t, r, got, "the other was reset away")
	}},
	{"who waits, oldest first", func(t *testing.T, b bench) {
		var made []scoring.Expectation
		for _, minutes := range []int{3, 1, 2} {
			e := expectation(freshRun(), fresh("key"))
			e.At = at(minutes)
			b.expect(t, e)
			made = append(made, e)
		}
		waiting, err := b.Waiting(t.Context(), at(3))
		require.NoError(t, err)
		require.Equal(t, []scoring.Expectation{made[1], made[2]}, waiting)
	}},
}
