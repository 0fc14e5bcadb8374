package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// ofSession is the score of a session.
func ofSession(key, id string, s scoring.Score, minutes int) scoring.Record {
	rec := record(scoring.Run{Namespace: "default"}, s, minutes)
	rec.Session = scoring.Session{Key: key, ID: id}
	return rec
}

// stepOf is the step type that a score is counted under.
func stepOf(r scoring.Record) string {
	if r.OfSession() {
		return scoring.SessionStep(r.Session.Key)
	}
	return r.Step.Type
}

var sessionTests = []namedTest{
	{"a score of a session is of no run", func(t *testing.T, b bench) {
		customer := scoring.Session{Key: "customer", ID: "7"}
		solved := ofSession("customer", "7", scoring.Bool("resolved", true).WithReason("asked no more"), 5)
		solved.Sessions = []scoring.Session{{Key: "ticket", ID: "12"}}
		b.record(t, solved)
		b.record(t, solved) // a call may be repeated
		r := run("7", fresh("run"))
		b.record(t, record(r, scoring.Bool("resolved", false), 6), ofSession("customer", "8", scoring.Bool("resolved", false), 7))
		got := b.scores(t, store.Filter{Session: customer})
		require.Len(t, got, 1)
		want := solved
		want.Revision, want.Run = 1, scoring.Run{}
		got[0].ObservedAt = time.Time{}
		require.Equal(t, want, got[0])
		require.Equal(t, got[0].Session, b.scores(t, store.Filter{Session: solved.Sessions[0]})[0].Session, "it is in other sessions too")
		require.Equal(t, []string{"resolved=false"}, b.said(t, store.Filter{Run: scoring.Run{WorkflowID: "7"}}))
		require.Equal(t, []string{"resolved=false"}, b.said(t, store.Filter{Run: r}))
		require.Len(t, b.scores(t, store.Filter{Name: "resolved"}), 3)
		page, _, err := b.ScorePage(t.Context(), store.Filter{Session: customer}, store.Page{Limit: 5})
		require.NoError(t, err)
		require.Equal(t, customer, page[0].Session)
		for _, f := range []store.RunFilter{{}, {Session: customer}, {Unflushed: true}, {Run: scoring.Run{RunID: "session/customer"}}} {
			runs, err := b.Runs(t.Context(), f)
			require.NoError(t, err)
			for _, f := range runs {
				require.Equal(t, r, f.Run)
			}
		}
		_, err = b.RunView(t.Context(), scoring.Run{WorkflowID: "7", RunID: "session/customer"})
		require.ErrorIs(t, err, store.ErrNotFound)
		require.Len(t, b.scores(t, store.Filter{}), 3)
	}},
	{"and is revised and counted like others", func(t *testing.T, b bench) {
		b.record(t, ofSession("customer", "7", scoring.Number("stars", 2), 5), ofSession("customer", "7", scoring.Number("stars", 4), 6))
		b.record(t, ofSession("customer", "7", scoring.Number("stars", 1), 1)) // known late
		b.record(t, ofSession("ticket", "7", scoring.Number("stars", 5), 1), record(freshRun(), scoring.Number("stars", 3), 1))
		require.Equal(t, []string{"stars=4"}, b.said(t, store.Filter{Session: scoring.Session{Key: "customer", ID: "7"}}))
		require.Len(t, b.scores(t, store.Filter{Session: scoring.Session{Key: "customer", ID: "7"}, History: true}), 3)
		count := func(step string) store.Count { return store.Count{Name: "stars", Step: step, State: "scored"} }
		b.counts(t, recount{count("(session customer)"): {1, 1, 4}, count("(session ticket)"): {1, 1, 5}, count(""): {1, 1, 3}},
			store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByStep}})
		b.counts(t, recount{{}: {n: 1}}, store.CountFilter{Of: store.CountRuns})
		first, err := b.RecordOnce(t.Context(), "request", "digest", []scoring.Record{ofSession("customer", "7", scoring.Number("stars", 5), 9)})
		require.NoError(t, err)
		require.True(t, first)
		require.Equal(t, []string{"stars=5"}, b.said(t, store.Filter{Session: scoring.Session{Key: "customer", ID: "7"}}))
	}},
	{"what no session can have is refused", func(t *testing.T, b bench) {
		for _, change := range []func(*scoring.Record){
			func(r *scoring.Record) { r.Run = freshRun() },
			func(r *scoring.Record) { r.Step.ID = "5" },
			func(r *scoring.Record) { r.Source = scoring.FromWorkflow },
			func(r *scoring.Record) { r.Session.ID = "" },
			func(r *scoring.Record) { r.Session.Key = " " },
			func(r *scoring.Record) {
				r.Source, r.Score = scoring.FromScorer, scoring.Score{Name: "n", State: scoring.Pending}
			},
			func(r *scoring.Record) { r.Session, r.Run = scoring.Session{}, run("7", "session/customer") },
		} {
			r := ofSession("customer", "7", scoring.Bool("ok", true), 1)
			change(&r)
			var invalid *scoring.InvalidError
			require.ErrorAs(t, b.Record(t.Context(), []scoring.Record{r}), &invalid, "%+v", r)
		}
		require.Empty(t, b.everything(t))
	}},
	{"an experiment whose unit it is has it", func(t *testing.T, b bench) {
		b.record(t, ofSession("customer", "7", scoring.Number("stars", 2), 5))
		a := assignment(freshRun(), "a")
		a.Unit, a.By = "7", scoring.ByBucket
		b.assign(t, a)
		b.assign(t, assignment(freshRun(), "a"))
		b.record(t, ofSession("customer", "8", scoring.Number("stars", 2), 5), ofSession("customer", "7", scoring.Number("stars", 3), 6), record(a.Run, scoring.Number("n", 1), 1))
		rows, err := b.ExperimentRows(t.Context(), retriever)
		require.NoError(t, err)
		require.Len(t, rows.Runs, 2)
		var of []string
		for _, r := range rows.Records {
			of = append(of, r.Session.String()+" "+r.Name+r.ValueText())
			require.False(t, r.ArrivedAt.IsZero())
		}
		require.Equal(t, []string{"= n1", "customer=7 stars2", "customer=7 stars3"}, of)
	}},
	{"it is pruned, and never of an experiment that is not finished", func(t *testing.T, b bench) {
		a := assignment(freshRun(), "a")
		a.Unit, a.By = "7", scoring.ByBucket
		b.assign(t, a)
		b.record(t, ofSession("customer", "7", scoring.Number("stars", 2), 5), ofSession("customer", "8", scoring.Number("stars", 2), 5))
		require.Equal(t, store.Pruned{Scores: 1, Runs: 1}, b.erase(t))
		require.Equal(t, []string{"stars=2"}, b.said(t, store.Filter{Session: scoring.Session{Key: "customer", ID: "7"}}))
		require.Equal(t, store.Pruned{Scores: 1, Runs: 2}, b.erase(t, retriever))
		require.Empty(t, b.everything(t))
	}},
}
