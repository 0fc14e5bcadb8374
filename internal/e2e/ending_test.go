package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// endsBy fails in a way.
func endsBy(ctx workflow.Context, way string) error {
	options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}}
	switch way {
	case "slow":
		options.StartToCloseTimeout = 100 * time.Millisecond
	case "unpolled":
		options.TaskQueue, options.ScheduleToStartTimeout = workflow.GetInfo(ctx).TaskQueueName+"-nobody", 100*time.Millisecond
	case "own":
		return temporal.NewApplicationError("it says no", "No")
	}
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "fail", way).Get(ctx, nil)
	if way == "wrapped" {
		err = fmt.Errorf("it is wrapped: %w", err)
	}
	return err
}

func fail(ctx context.Context, way string) error {
	if way == "slow" {
		<-ctx.Done()
		return ctx.Err()
	}
	return temporal.NewApplicationErrorWithCause("it fails", "Refused", errors.New("because"))
}

// A run's flush and its history name one type of error and one step, for timeouts too.
func TestAFlushAndTheHistoryNameOneError(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflow(endsBy)
		w.RegisterActivity(fail)
	})
	for way, want := range map[string][2]string{
		"slow": {"timeout:start_to_close", "fail"}, "unpolled": {"timeout:schedule_to_start", "fail"},
		"application": {"Refused", "fail"}, "wrapped": {"Refused", "fail"}, "own": {"No", ""},
	} {
		run := b.Start(endsBy, way)
		require.Error(t, run.Get(t.Context(), nil))
		id := scoring.Run{Namespace: devservertest.ForTest(t).Namespace, WorkflowID: run.GetID(), RunID: run.GetRunID()}
		read, err := history.Fetch(t.Context(), history.Server(b.Client), id, history.Options{})
		require.NoError(t, err)
		kind, step := read.Failure.Ending()
		require.Equal(t, want, [2]string{kind, step}, way)
		b.Eventually(func() error {
			facts, err := b.Store.Runs(t.Context(), store.RunFilter{Run: id})
			if err != nil || len(facts) == 0 || facts[0].Status == "" {
				return fmt.Errorf("its end is not known yet: %w", err)
			}
			require.Equal(t, scoring.RunFailed, facts[0].Status)
			require.Equal(t, want, [2]string{facts[0].FailureType, facts[0].FailingStep}, way)
			return nil
		})
	}
}
