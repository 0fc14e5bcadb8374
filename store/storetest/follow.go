package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// afterClose is a declared scorer that waits for an hour from the close of its run's chain.
func afterClose(mode scoring.StartMode) scoring.Expectation {
	e := declaredFor(freshRun(), fresh("k"), ifPaid)
	e.Start, e.Window.Until = &scoring.Start{On: mode, Length: time.Hour}, scoring.OpenEnd
	return e
}

func (b bench) followed(t *testing.T, f store.FollowFilter) []scoring.Run {
	t.Helper()
	runs, err := b.Followed(t.Context(), f)
	require.NoError(t, err)
	return runs
}

func (b bench) chainClosed(t *testing.T, e scoring.Expectation, status scoring.RunStatus, at time.Time) {
	t.Helper()
	_, err := b.ChainClosed(t.Context(), e.Run, scoring.Closed{Status: status, At: at})
	require.NoError(t, err)
}

var followTests = []namedTest{
	{"what has come counts once the run's chain has closed", func(t *testing.T, b bench) {
		for mode, ends := range map[scoring.StartMode]map[scoring.RunStatus]string{
			scoring.StartOnClose:   {scoring.RunCompleted: "=true", scoring.RunTerminated: "=true"},
			scoring.StartOnSuccess: {scoring.RunCompleted: "=true", scoring.RunFailed: ":not_applicable", scoring.RunCanceled: ":not_applicable"},
			scoring.StartOnFailure: {scoring.RunCompleted: ":not_applicable", scoring.RunFailed: "=true", scoring.RunTimedOut: "=true", scoring.RunTerminated: ":not_applicable"},
		} {
			for status, want := range ends {
				e := afterClose(mode)
				b.expect(t, e)
				b.receive(t, b.now(fresh("o"), "paid", e.Events[0].Key))
				require.Equal(t, []string{"paid:pending"}, b.current(t, e.Run))
				b.chainClosed(t, e, status, time.Now())
				require.Equal(t, []string{"paid" + want}, b.current(t, e.Run), "%s %s", mode, status)
				n, err := b.ChainClosed(t.Context(), e.Run, scoring.Closed{Status: scoring.RunFailed, At: time.Now()})
				require.NoError(t, err)
				require.Zero(t, n)
				require.Equal(t, []string{"paid" + want}, b.current(t, e.Run))
			}
		}
	}},
	{"the window begins with the close", func(t *testing.T, b bench) {
		e := afterClose(scoring.StartOnClose)
		b.expect(t, e)
		after := b.now(fresh("o"), "paid", e.Events[0].Key)
		b.receive(t, after)
		b.chainClosed(t, e, scoring.RunCompleted, time.Now().Add(-2*time.Hour)) // it is learned late: after's time is outside
		require.Equal(t, []string{"paid=false"}, b.current(t, e.Run))
		require.Equal(t, store.Late, b.ledger(t)[after.ID].State)
		open := afterClose(scoring.StartOnClose)
		b.expect(t, open)
		b.chainClosed(t, open, scoring.RunCompleted, time.Now())
		require.Equal(t, []string{"paid:pending"}, b.current(t, open.Run))
		b.receive(t, b.now(fresh("o"), "paid", open.Events[0].Key))
		require.Equal(t, []string{"paid=true"}, b.current(t, open.Run))
	}},
	{"outcomes of a scorer that does not begin count for another one", func(t *testing.T, b bench) {
		key := fresh("k")
		first := declaredFor(freshRun(), key, ifPaid)
		e := declaredFor(freshRun(), key, ifPaid)
		e.RunStartedAt = first.RunStartedAt.Add(time.Minute)
		e.Start, e.Window.Until = &scoring.Start{On: scoring.StartOnSuccess, Length: time.Hour}, scoring.OpenEnd
		first.Attribution, e.Attribution = scoring.AttributeLast, scoring.AttributeLast
		b.expect(t, first)
		b.expect(t, e)
		b.receive(t, b.now(fresh("o"), "paid", key))
		require.Equal(t, []string{"paid:pending"}, b.current(t, first.Run))
		b.chainClosed(t, e, scoring.RunFailed, time.Now())
		require.Equal(t, []string{"paid:not_applicable"}, b.current(t, e.Run))
		require.Equal(t, []string{"paid=true"}, b.current(t, first.Run))
	}},
	{"a chain that cannot be followed is an error, and no number", func(t *testing.T, b bench) {
		e := afterClose(scoring.StartOnClose)
		b.expect(t, e)
		_, err := b.ChainClosed(t.Context(), e.Run, scoring.Closed{At: time.Now(), Reason: "it is not known"})
		require.NoError(t, err)
		require.Equal(t, []string{"paid:error"}, b.current(t, e.Run))
	}},
	{"a run that says that it ends is due at once, any other later", func(t *testing.T, b bench) {
		e := afterClose(scoring.StartOnClose)
		e.Run.Namespace, e.At = fresh("ns"), e.At.Add(-5*time.Minute)
		due, any := store.FollowFilter{Namespace: e.Run.Namespace, Due: true}, store.FollowFilter{Namespace: e.Run.Namespace}
		f := waits(e.Run, 10, e)
		f.Facts.Status, f.At = "", e.At
		b.flush(t, f)
		require.Empty(t, b.followed(t, due))
		require.Equal(t, []scoring.Run{e.Run}, b.followed(t, any))
		require.Equal(t, []scoring.Run{e.Run}, b.followed(t, store.FollowFilter{Namespace: e.Run.Namespace, WorkflowIDs: []string{"other", e.Run.WorkflowID}}))
		require.Empty(t, b.followed(t, store.FollowFilter{Namespace: e.Run.Namespace, WorkflowIDs: []string{"other"}}))
		require.Empty(t, b.followed(t, store.FollowFilter{Namespace: fresh("ns")}))

		f.Facts.Status, f.Sequence = scoring.RunContinuedAsNew, 11
		b.flush(t, f)
		require.Empty(t, b.followed(t, due), "its chain has another run")
		next := flush(scoring.Run{Namespace: e.Run.Namespace, WorkflowID: e.Run.WorkflowID, RunID: fresh("next")}, 10)
		next.Facts.FirstRunID = e.FirstRunID
		b.flush(t, next)
		require.Eventually(t, func() bool { return len(b.followed(t, due)) == 1 }, time.Minute, 10*time.Millisecond)
		require.Equal(t, []scoring.Run{e.Run}, b.followed(t, due))
		require.NoError(t, b.FollowLater(t.Context(), e.Run))
		require.Empty(t, b.followed(t, due))
		require.Len(t, b.followed(t, any), 1)
		b.chainClosed(t, e, scoring.RunCompleted, time.Now())
		require.Empty(t, b.followed(t, any))

		again := waits(e.Run, 12, e) // the run says it again
		again.Facts.Status = scoring.RunContinuedAsNew
		b.flush(t, again)
		require.Empty(t, b.followed(t, any))
		require.Equal(t, []string{"paid:pending"}, b.current(t, e.Run))
		b.receive(t, b.now(fresh("o"), "paid", e.Events[0].Key))
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
		b.flush(t, waits(e.Run, 13))
		require.Empty(t, b.current(t, e.Run), "it is withdrawn")
	}},
	{"a run that has said that it ends is asked for soon, also after a day", func(t *testing.T, b bench) {
		e := afterClose(scoring.StartOnClose)
		e.Run.Namespace, e.At = fresh("ns"), e.At.Add(-24*time.Hour)
		due := store.FollowFilter{Namespace: e.Run.Namespace, Due: true}
		b.expect(t, e)
		require.Len(t, b.followed(t, due), 1)
		require.NoError(t, b.FollowLater(t.Context(), e.Run))
		require.Empty(t, b.followed(t, due), "for a quarter of its age")
		ends := waits(e.Run, 10, e)
		b.flush(t, ends)
		require.NoError(t, b.FollowLater(t.Context(), e.Run), "it was asked for just before")
		require.Eventually(t, func() bool { return len(b.followed(t, due)) == 1 }, time.Minute, 10*time.Millisecond)
		require.NoError(t, b.FollowLater(t.Context(), e.Run), "and is still open")
		require.Eventually(t, func() bool { return len(b.followed(t, due)) == 1 }, time.Minute, 10*time.Millisecond)
	}},
	{"a caller cannot say how a chain closed", func(t *testing.T, b bench) {
		e := afterClose(scoring.StartOnClose)
		begun, _ := e.Begun(scoring.Closed{Status: scoring.RunCompleted, At: time.Now()})
		require.Equal(t, e.Identity(), begun.Identity())
		b.expect(t, begun)
		b.receive(t, b.now(fresh("o"), "paid", e.Events[0].Key))
		require.Equal(t, []string{"paid:pending"}, b.current(t, e.Run))
	}},
}
