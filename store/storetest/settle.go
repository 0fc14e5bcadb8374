package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// paid is the score with which the scorer of e replaces its pending one.
func paid(e scoring.Expectation, v bool, minutes int) scoring.Record {
	s := scoring.Bool(e.Scorer, v)
	s.Key = e.Scorer + "@" + e.ScorerVersion
	return fromScorer(e.Run, s, minutes)
}

var settleTests = []namedTest{
	{"the pending score becomes the scorer's", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		b.receive(t, outcome("o1", "k", 5))
		require.Empty(t, b.settle(t, settlement(e, []string{"o1"}, paid(e, true, 6))))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
		require.Equal(t, []string{"paid:pending", "paid=true"}, b.said(t, store.Filter{History: true}))
		waiting, err := b.Waiting(t.Context(), at(1000))
		require.NoError(t, err)
		require.Empty(t, waiting)
	}},
	{"an unseen outcome refuses it", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Window.Grace = 10 * time.Minute
		b.expect(t, e)
		b.receive(t, outcome("o1", "k", 5))
		b.receive(t, outcome("in grace", "k", 65))
		b.receive(t, outcome("o2", "k", 6))
		require.Equal(t, []string{"o2", "in grace"}, b.settle(t, settlement(e, []string{"o1", "unknown"}, paid(e, true, 6))))
		require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{History: true}))
		waiting, err := b.Waiting(t.Context(), at(1000))
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.Empty(t, b.settle(t, settlement(e, []string{"o1", "o2", "in grace"}, paid(e, true, 6))))
	}},
	{"again with the same changes nothing", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		s := settlement(e, nil, paid(e, false, 60))
		require.Empty(t, b.settle(t, s))
		require.Empty(t, b.settle(t, s))
		require.Equal(t, []string{"paid:pending", "paid=false"}, b.said(t, store.Filter{History: true, Retracted: true}))
	}},
	{"a late outcome within the grace is a revision", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Window.Grace = 10 * time.Minute
		b.expect(t, e)
		first := settlement(e, nil, paid(e, false, 60))
		require.Empty(t, b.settle(t, first))
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 65)))
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 66)), "again")
		require.Equal(t, []string{"o1"}, b.settle(t, first), "a stale call")
		require.Empty(t, b.settle(t, settlement(e, []string{"o1"}, paid(e, true, 66))))
		require.Equal(t, []string{"paid:pending", "paid=false", "paid=true"}, b.said(t, store.Filter{History: true}))
		require.Equal(t, store.Matched, b.ledger(t)["o1"].State)
	}},
	{"after the grace, or without one, it is late", func(t *testing.T, b bench) {
		strict, gracious := expectation(freshRun(), "k1"), expectation(freshRun(), "k2")
		gracious.Window.Grace = 10 * time.Minute
		for _, e := range []scoring.Expectation{strict, gracious} {
			b.expect(t, e)
			require.Empty(t, b.settle(t, settlement(e, nil, paid(e, false, 60))))
		}
		held := outcome("held up", "k2", 30) // happened inside, reached us after the grace
		held.ReceivedAt = at(70)
		inside := outcome("o1", "k1", 5)
		inside.ReceivedAt = at(61)
		for _, o := range []scoring.Outcome{inside, outcome("o2", "k2", 70), held} {
			require.Empty(t, b.receive(t, o), o.ID)
			require.Equal(t, store.Late, b.ledger(t)[o.ID].State, o.ID)
		}
		require.Empty(t, b.settle(t, settlement(strict, nil, paid(strict, false, 60))))
		require.Empty(t, b.settle(t, settlement(gracious, nil, paid(gracious, false, 60))))
	}},
	{"a settlement without a score of its own name retracts the pending one", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		require.Empty(t, b.settle(t, settlement(e, nil, fromScorer(e.Run, scoring.Number("amount", 3), 60))))
		require.Equal(t, []string{"amount=3"}, b.said(t, store.Filter{}))
		require.Equal(t, []string{"amount=3", "paid:pending!"}, b.said(t, store.Filter{Retracted: true}))
		require.Empty(t, b.settle(t, settlement(e, nil, fromScorer(e.Run, scoring.Number("amount", 3), 60))))
		require.Len(t, b.scores(t, store.Filter{History: true, Retracted: true}), 3)
	}},
	{"an existing score is not retracted", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.record(t, paid(e, true, 0))
		b.expect(t, e)
		require.Empty(t, b.settle(t, settlement(e, nil)))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{History: true, Retracted: true}))
	}},
	{"two scorers of one name on one run", func(t *testing.T, b bench) {
		first := expectation(freshRun(), "k1")
		second := expectation(first.Run, "k2")
		second.ScorerRun = run("second", "r")
		b.expect(t, first)
		b.expect(t, second)
		require.Empty(t, b.settle(t, settlement(first, nil)))
		require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{}), "the second still waits")
		require.Empty(t, b.settle(t, settlement(second, nil)))
		require.Empty(t, b.said(t, store.Filter{}))
	}},
	{"all waits of the scorer at once, others' not", func(t *testing.T, b bench) {
		first, other := expectation(freshRun(), "k1"), expectation(freshRun(), "k2")
		second := first
		second.Wait, second.Events = 2, []scoring.Event{{Name: "paid", Key: "k2"}}
		for _, e := range []scoring.Expectation{first, second, other} {
			b.expect(t, e)
		}
		b.receive(t, outcome("o1", "k2", 5))
		require.Equal(t, []string{"o1"}, b.settle(t, settlement(first, nil)))
		require.Empty(t, b.settle(t, settlement(first, []string{"o1"})))
		waiting, err := b.Waiting(t.Context(), at(1000))
		require.NoError(t, err)
		require.Equal(t, []scoring.Expectation{other}, waiting)
	}},
	{"a scorer that never waited", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		require.Empty(t, b.settle(t, settlement(e, nil, paid(e, true, 1))))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
	}},
	{"a wait that the store does not know refuses it", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		second := e
		second.Wait = 2
		b.expect(t, second)
		s := settlement(e, nil, paid(e, true, 60))
		for _, c := range []struct{ expected, forgotten []int }{{[]int{1, 2, 3}, []int{1, 3}}, {[]int{1}, []int{1}}} {
			s.Expected = c.expected
			_, err := b.Settle(t.Context(), s)
			var forgotten *store.ForgottenError
			require.ErrorAs(t, err, &forgotten)
			require.Equal(t, c.forgotten, forgotten.Waits)
		}
		require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{}))
		waiting, err := b.Waiting(t.Context(), at(1000))
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		b.receive(t, outcome("o1", "k", 5))
		require.Equal(t, []string{"o1"}, b.expect(t, e))
		s.Expected = []int{1, 2}
		require.Equal(t, []string{"o1"}, b.settle(t, s))
		s.Seen = []string{"o1"}
		require.Empty(t, b.settle(t, s))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
	}},
	{"each state that is not pending", func(t *testing.T, b bench) {
		for _, s := range []scoring.Score{scoring.Decline("paid", "x"), scoring.Expire("paid"), scoring.Fail("paid", "x")} {
			e := expectation(freshRun(), fresh("key"))
			b.expect(t, e)
			s.Key = "paid@v1"
			require.Empty(t, b.settle(t, settlement(e, nil, fromScorer(e.Run, s, 60))))
			require.Equal(t, []string{"paid:" + string(s.State)}, b.said(t, store.Filter{Run: e.Run}))
		}
	}},
}

var ledgerTests = []namedTest{
	{"each state, newest first", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		b.receive(t, outcome("matched", "k", 5))
		b.receive(t, outcome("late", "k", 61))
		b.receive(t, outcome("unclaimed", "other", 7))
		early := outcome("early", "k", -1)
		b.receive(t, early)
		rejection := store.Rejection{Source: "stripe", DeliveryID: "evt_1", Reason: "bad signature", At: at(6)}
		require.NoError(t, b.Reject(t.Context(), rejection))

		entries, err := b.Ledger(t.Context(), store.LedgerFilter{})
		require.NoError(t, err)
		scorer := []string{e.ScorerRun.WorkflowID}
		require.Equal(t, []store.Entry{
			{Outcome: outcome("late", "k", 61), State: store.Late, Deliveries: 1, Scorers: scorer},
			{Outcome: outcome("unclaimed", "other", 7), State: store.Unclaimed, Deliveries: 1},
			{Outcome: scoring.Outcome{ID: "evt_1", Source: "stripe", ReceivedAt: at(6)}, State: store.Rejected, Deliveries: 1, Reason: "bad signature"},
			{Outcome: outcome("matched", "k", 5), State: store.Matched, Deliveries: 1, Scorers: scorer},
			{Outcome: early, State: store.Unclaimed, Deliveries: 1},
		}, entries)

		for state, want := range map[store.OutcomeState]string{store.Matched: "matched", store.Late: "late", store.Rejected: "evt_1"} {
			entries, err := b.Ledger(t.Context(), store.LedgerFilter{State: state})
			require.NoError(t, err)
			require.Len(t, entries, 1, state)
			require.Equal(t, want, entries[0].Outcome.ID)
		}
		entries, err = b.Ledger(t.Context(), store.LedgerFilter{State: store.Unclaimed, Since: at(0)})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		entries, err = b.Ledger(t.Context(), store.LedgerFilter{Limit: 3})
		require.NoError(t, err)
		require.Len(t, entries, 3)
		require.Equal(t, "evt_1", entries[2].Outcome.ID)
	}},
	{"an outcome that met two scorers is one line", func(t *testing.T, b bench) {
		first, second := expectation(freshRun(), "k"), expectation(freshRun(), "k")
		again := first
		again.Wait = 2
		for _, e := range []scoring.Expectation{first, second, again} {
			b.expect(t, e)
		}
		b.receive(t, outcome("o1", "k", 5))
		b.receive(t, outcome("o2", "k", 6))
		entries, err := b.Ledger(t.Context(), store.LedgerFilter{Limit: 1})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, []string{first.ScorerRun.WorkflowID, second.ScorerRun.WorkflowID}, entries[0].Scorers)
	}},
	{"late for an expectation that comes after it", func(t *testing.T, b bench) {
		b.receive(t, outcome("o1", "k", 61))
		require.Equal(t, store.Unclaimed, b.ledger(t)["o1"].State)
		require.Empty(t, b.expect(t, expectation(freshRun(), "k")))
		require.Equal(t, store.Late, b.ledger(t)["o1"].State)
		claim := expectation(freshRun(), "k")
		claim.Window.Until = at(120)
		require.Equal(t, []string{"o1"}, b.expect(t, claim))
		require.Equal(t, store.Matched, b.ledger(t)["o1"].State)
	}},
	{"rejecting the same again", func(t *testing.T, b bench) {
		r := store.Rejection{Source: "stripe", DeliveryID: "evt_1", Reason: "bad signature", At: at(6)}
		anonymous := store.Rejection{Source: "stripe", Reason: "too large", At: at(6)}
		for _, each := range []store.Rejection{r, r, anonymous, anonymous} {
			require.NoError(t, b.Reject(t.Context(), each))
		}
		r.At, anonymous.At = at(7), at(7)
		for _, each := range []store.Rejection{r, anonymous} {
			require.NoError(t, b.Reject(t.Context(), each))
		}
		entries, err := b.Ledger(t.Context(), store.LedgerFilter{State: store.Rejected})
		require.NoError(t, err)
		deliveries := map[string]int{}
		for _, e := range entries {
			deliveries[e.Reason+" "+e.Outcome.ReceivedAt.Format("04")] += e.Deliveries
		}
		require.Equal(t, map[string]int{"bad signature 07": 2, "too large 06": 1, "too large 07": 1}, deliveries)
	}},
}
