package e2e

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// scoreEverywhere scores in the run and in an activity of it, and defers a scorer.
func scoreEverywhere(ctx workflow.Context, pr pullRequest) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	if err := workflow.ExecuteActivity(ctx, scoreStep).Get(ctx, nil); err != nil {
		return err
	}
	verdict.Score(ctx, "in_run", true)
	verdict.Defer(ctx, merged, pr)
	return nil
}

func scoreStep(ctx context.Context) error { verdict.Score(ctx, "in_activity", true); return nil }

func scoresEverywhere(w worker.Worker) {
	w.RegisterWorkflow(scoreEverywhere)
	w.RegisterActivity(scoreStep)
}

// rows are all that the store has about a run, whatever became of it.
func rows(b *harness.Bench, run client.WorkflowRun) []scoring.Record {
	b.T.Helper()
	all, err := b.Store.Scores(b.T.Context(), store.Filter{Run: of(run), History: true, Retracted: true, Superseded: true})
	require.NoError(b.T, err)
	return all
}

// scorerOf returns the execution of the scorer that a run deferred.
func scorerOf(b *harness.Bench, run client.WorkflowRun) client.WorkflowRun {
	b.T.Helper()
	for _, e := range b.History(run).Events {
		if started := e.GetChildWorkflowExecutionStartedEventAttributes(); started != nil {
			return b.Client.GetWorkflow(b.T.Context(), started.WorkflowExecution.WorkflowId, started.WorkflowExecution.RunId)
		}
	}
	require.FailNow(b.T, "the run has no child")
	return nil
}

// commands are the events of a run that its code asked for, but for timers, of which there is none if an outcome is early.
func commands(b *harness.Bench, run client.WorkflowRun) []string {
	asked := []string{
		"ActivityTaskScheduled", "MarkerRecorded", "UpsertWorkflowSearchAttributes", "StartChildWorkflowExecutionInitiated",
		"RequestCancelExternalWorkflowExecutionInitiated", "WorkflowExecutionCompleted",
	}
	return slices.DeleteFunc(harness.Shape(b.History(run)), func(event string) bool { return !slices.Contains(asked, event) })
}

// The kill switch stops recording, wherever a score comes from, and changes the shape of no history.
func TestKillSwitch(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var off atomic.Bool
	cfg := b.Config(merged)
	cfg.Off, cfg.Store, cfg.SearchAttributes, cfg.Client = off.Load, b.Store, true, b.Client
	b.UserWorker(cfg, scoresEverywhere)
	start := func() (pullRequest, client.WorkflowRun) {
		pr := pullRequest{uuid.NewString()}
		run := b.Start(scoreEverywhere, pr)
		require.NoError(t, run.Get(t.Context(), nil))
		return pr, run
	}
	scored, on := start()
	pending, waiting := start()
	b.Waiting(scored.Key, 1)
	b.Waiting(pending.Key, 1)
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", scored.Key)))
	require.ElementsMatch(t, []string{"in_run=true", "in_activity=true", "merged=true"}, b.Scores(on, 3))

	off.Store(true)
	// What is deferred now ends at once, and waits for nothing.
	pr, silent := start()
	require.Equal(t, commands(b, on), commands(b, silent))
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	require.NoError(t, scorerOf(b, silent).Get(t.Context(), nil))
	require.NotContains(t, harness.Shape(b.History(scorerOf(b, silent))), "ActivityTaskScheduled")
	// What waited before gets its outcome, and leaves no score.
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pending.Key)))
	require.NoError(t, scorerOf(b, waiting).Get(t.Context(), nil))
	require.Equal(t, commands(b, scorerOf(b, on)), commands(b, scorerOf(b, waiting)))
	require.ElementsMatch(t, []string{"in_run=true", "in_activity=true"}, b.Scores(waiting, 2), "what was kept before stays")
	require.Empty(t, rows(b, silent))
	for run, scores := range map[client.WorkflowRun]bool{on: true, silent: false} {
		d, err := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
		require.NoError(t, err)
		require.Equal(t, scores, d.WorkflowExecutionInfo.SearchAttributes.GetIndexedFields()[workflows.RunAttribute] != nil)
	}

	off.Store(false)
	_, again := start()
	require.NotEmpty(t, rows(b, again))
}

// Nothing is recorded of a disabled workflow type, wherever it is scored.
func TestDisabledWorkflowsRecordNothing(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config(merged)
	cfg.Store, cfg.DisabledWorkflows = b.Store, []string{"disabled"}
	b.UserWorker(cfg, func(w worker.Worker) {
		scoresEverywhere(w)
		w.RegisterWorkflowWithOptions(scoreEverywhere, workflow.RegisterOptions{Name: "disabled"})
	})
	disabled := b.Start("disabled", pullRequest{uuid.NewString()})
	require.NoError(t, disabled.Get(t.Context(), nil))
	require.NotContains(t, harness.Shape(b.History(disabled)), "MarkerRecorded")
	enabled := b.Start(scoreEverywhere, pullRequest{uuid.NewString()})
	require.NoError(t, enabled.Get(t.Context(), nil))
	require.NotEmpty(t, rows(b, enabled))
	require.Empty(t, rows(b, disabled))
}

// A workflow of the user's is recorded, whatever its type begins with; ours are not.
func TestTypesThatBeginLikeOurs(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config(merged)
	cfg.Store = b.Store
	types := []string{"verdict.checkout", "verdict.scorer.checkout", "verdict.RecordWorkflows", "Verdict"}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterActivity(scoreStep)
		for _, name := range types {
			w.RegisterWorkflowWithOptions(scoreEverywhere, workflow.RegisterOptions{Name: name})
		}
	})
	for _, name := range types {
		pr := pullRequest{uuid.NewString()}
		run := b.Start(name, pr)
		require.NoError(t, run.Get(t.Context(), nil))
		require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
		require.ElementsMatch(t, []string{"in_run=true", "in_activity=true", "merged=true"}, b.Scores(run, 3), name)
		scorer := scorerOf(b, run)
		require.NoError(t, scorer.Get(t.Context(), nil))
		require.NotContains(t, harness.Shape(b.History(scorer)), "MarkerRecorded", "a scorer is not flushed")
	}
}
