package ticket_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/examples/ticket"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

func bench(t *testing.T) *harness.Bench {
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(ticket.StayedClosed), func(w worker.Worker) {
		w.RegisterWorkflow(ticket.Solve)
		w.RegisterActivity(ticket.Close)
	})
	return b
}

func TestReopened(t *testing.T) {
	t.Parallel()
	b := bench(t)
	id, event := uuid.NewString(), uuid.NewString()
	// The customer came back a moment ago, so the ticket is solved once more. That is not held against this run.
	require.NoError(t, ticket.Reopen(t.Context(), b.Verdict, id, event+"-1", time.Now()))
	run := b.Start(ticket.Solve, ticket.Ticket{ID: id, Problem: "no hot water"})
	require.NoError(t, run.Get(t.Context(), nil))
	b.Waiting(id, 1)
	waiting, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(72*time.Hour), waiting[0].Window.Until, time.Minute)

	require.NoError(t, ticket.Reopen(t.Context(), b.Verdict, id, event+"-2", time.Now()))
	require.Equal(t, []string{"stayed_closed=false"}, b.Scores(run, 1))
	b.Eventually(func() error { // once the run's flush has brought it
		scores, err := b.Store.Scores(t.Context(), store.Filter{Session: scoring.Session{Key: "ticket", ID: id}})
		if err == nil && len(scores) != 1 {
			err = fmt.Errorf("%d scores are in the run's session", len(scores))
		}
		return err
	})
}

func TestStayedClosed(t *testing.T) {
	t.Parallel()
	b := bench(t)
	id, event := uuid.NewString(), uuid.NewString()
	require.NoError(t, ticket.Reopen(t.Context(), b.Verdict, id, event+"-1", time.Now()))
	run := b.Start(ticket.Solve, ticket.Ticket{ID: id, Problem: "no hot water", Calm: 300 * time.Millisecond})
	require.Equal(t, []string{"stayed_closed=true"}, b.Scores(run, 1))

	// Whoever comes back after that has a new problem: the score stays, and the outcome is kept as late.
	require.NoError(t, ticket.Reopen(t.Context(), b.Verdict, id, event+"-2", time.Now()))
	b.Eventually(func() error {
		late, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Late})
		if err == nil && (len(late) != 1 || late[0].Outcome.ID != "helpdesk:"+event+"-2") {
			err = fmt.Errorf("late: %v", late)
		}
		return err
	})
	require.Equal(t, []string{"stayed_closed=true"}, b.Scores(run, 1))
}

func TestNotSolved(t *testing.T) {
	t.Parallel()
	b := bench(t)
	run := b.Start(ticket.Solve, ticket.Ticket{ID: uuid.NewString()})
	require.Error(t, run.Get(t.Context(), nil))
	require.Equal(t, []string{"stayed_closed:not_applicable"}, b.Scores(run, 1))
}
