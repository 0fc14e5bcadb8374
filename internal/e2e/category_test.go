package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

var intent = verdict.MustCategories("intent", "refund", "question", "complaint")

func classify(ctx context.Context) error {
	verdict.Record(ctx, intent.Score("complaint"), verdict.OnRun(), verdict.Keyed("activity"))
	return nil
}

func classified(ctx workflow.Context) error {
	verdict.Record(ctx, intent.Score("refund"))
	verdict.Record(ctx, intent.Score("refnd"), verdict.Keyed("misspelled"))
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute}), "classify").Get(ctx, nil)
}

// A category comes into the store from a workflow, an activity, a scorer and a service, also where no worker has a store.
func TestCategoriesComeIntoTheStore(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	later := verdict.NewScorer("later", "1", func(workflow.Context, string) ([]scoring.Score, error) {
		return []scoring.Score{intent.Score("question")}, nil
	})
	b.UserWorker(b.Config(later), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			verdict.Defer(ctx, later, "")
			return classified(ctx)
		}, workflow.RegisterOptions{Name: "classified"})
		w.RegisterActivityWithOptions(classify, activity.RegisterOptions{Name: "classify"})
	})
	run := b.Start("classified")
	require.NoError(t, run.Get(t.Context(), nil))
	c := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue})
	require.NoError(t, c.Record(t.Context(), verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, intent.Score("question"), verdict.Keyed("service")))
	require.ElementsMatch(t, []string{"intent=refund", "intent:error", "intent=complaint", "intent=question", "intent=question"}, b.Scores(run, 5))
}
