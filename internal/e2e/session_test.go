package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// conversation scores its customer's session, itself, and what cannot be scored.
func conversation(ctx workflow.Context, customer string) error {
	verdict.Score(ctx, "early", true, verdict.OnSession("customer", ""), verdict.Keyed("no session yet"))
	verdict.Session(ctx, "customer", customer)
	verdict.Score(ctx, "resolved", false, verdict.OnSession("customer", ""))
	verdict.Score(ctx, "resolved", true, verdict.OnSession("customer", "")) // a correction
	verdict.Score(ctx, "resolved", true)
	verdict.Score(ctx, "nobody", true, verdict.OnSession("", ""))
	verdict.Score(ctx, "both", true, verdict.OnSession("customer", ""), verdict.OnStep("5", "Ask"))
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute}), "talk", customer).Get(ctx, nil)
}

func talk(ctx context.Context, customer string) error {
	verdict.Score(ctx, "polite", .5, verdict.OnSession("customer", customer))
	verdict.Score(ctx, "unnamed", .5, verdict.OnSession("customer", ""))
	return nil
}

// A score of a session comes into the store from a workflow, an activity (of a scorer, too) and a service, also where no worker has a store. One that is
// refused is seen on the run.
func TestSessionsAreScored(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	later := verdict.NewScorer("later", "1", func(ctx workflow.Context, customer string) ([]scoring.Score, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return []scoring.Score{scoring.Bool("later", true)}, workflow.ExecuteActivity(ctx, "lookBack", customer).Get(ctx, nil)
	})
	b.UserWorker(b.Config(later), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, customer string) error {
			verdict.Defer(ctx, later, customer)
			return conversation(ctx, customer)
		}, workflow.RegisterOptions{Name: "conversation"})
		w.RegisterActivityWithOptions(func(ctx context.Context, customer string) error {
			verdict.Score(ctx, "deferred", true, verdict.OnSession("customer", customer))
			return nil
		}, activity.RegisterOptions{Name: "lookBack"})
		w.RegisterActivityWithOptions(talk, activity.RegisterOptions{Name: "talk"})
	})
	customer := scoring.Session{Key: "customer", ID: b.VerdictQueue}
	run := b.Start("conversation", customer.ID)
	require.NoError(t, run.Get(t.Context(), nil))
	c := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue})
	require.NoError(t, c.Score(t.Context(), verdict.OnSession(customer.Key, customer.ID), "stars", 4, verdict.Reason("asked afterwards")))
	_, err := c.ScoreAll(t.Context(), []verdict.Statement{{About: verdict.OnSession(customer.Key, customer.ID), Score: scoring.Decline("bought", "it was a question")}})
	require.NoError(t, err)
	var invalid *scoring.InvalidError
	require.ErrorAs(t, c.Score(t.Context(), verdict.OnSession(customer.Key, ""), "stars", 4), &invalid)
	require.ErrorAs(t, c.Score(t.Context(), verdict.OnSession(customer.Key, "1"), "stars", 4, verdict.OnStep("5", "Ask")), &invalid)
	require.ErrorAs(t, c.Score(t.Context(), verdict.Run{WorkflowID: run.GetID()}, "stars", 4, verdict.OnSession(customer.Key, "1")), &invalid)

	require.ElementsMatch(t, []string{"resolved=true", "early:error", "nobody:error", "both:error", "unnamed:error", "later=true"}, b.Scores(run, 6))
	var said []string
	require.Eventually(t, func() bool {
		records, err := b.Store.Scores(t.Context(), store.Filter{Session: customer})
		require.NoError(t, err)
		said = nil
		for _, r := range records {
			if r.OfSession() {
				require.Equal(t, customer, r.Session)
				require.Zero(t, r.Run)
				said = append(said, fmt.Sprint(r.Name, " ", r.State, " ", r.ValueText(), " ", r.Source))
			}
		}
		slices.Sort(said)
		return len(said) == 5
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"bought not_applicable  client", "deferred scored true client", "polite scored 0.5 client", "resolved scored true client", "stars scored 4 client"}, said)
}
