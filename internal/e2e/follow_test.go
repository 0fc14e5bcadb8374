package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/storeworker"
)

var startModes = map[string]verdict.DeferOption{"close": verdict.OnClose(), "success": verdict.OnSuccess(), "failure": verdict.OnFailure()}

// following defers a declared scorer that begins with the close of its chain, and ends in some way.
func following(ctx workflow.Context, key, mode, end string) error {
	info := workflow.GetInfo(ctx)
	if info.Attempt == 1 && info.ContinuedExecutionRunID == "" {
		verdict.Defer(ctx, declared, pullRequest{key}, startModes[mode])
	}
	switch end {
	case "fail":
		return temporal.NewNonRetryableApplicationError("no", "No", nil)
	case "retry":
		if info.Attempt == 1 {
			return temporal.NewApplicationError("not yet", "No", nil)
		}
	case "continue":
		if info.ContinuedExecutionRunID == "" {
			return workflow.NewContinueAsNewError(ctx, "following", key, mode, end)
		}
	case "terminate", "time out":
		workflow.GetSignalChannel(ctx, "never").Receive(ctx, nil)
	}
	return nil
}

// A declared scorer that begins with the close of its run's chain costs the run what any declared scorer costs, and no workflow.
// It learns of the close, whatever the way: a run that ends says so, for one that is terminated or timed out the server is asked.
func TestADeclaredScorerFollowsItsRun(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	server := devservertest.ForTest(t)
	w, err := storeworker.Start(t.Context(), storeworker.Options{
		Client: client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger()},
		Store:  b.Store, TaskQueue: b.VerdictQueue,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	b.UserWorker(b.Config(declared), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(following, workflow.RegisterOptions{Name: "following"})
	})
	const yes, no = "declared=true", "declared:not_applicable"
	for end, want := range map[string]map[string]string{
		"":          {"close": yes, "success": yes, "failure": no},
		"fail":      {"close": yes, "success": no, "failure": yes},
		"retry":     {"close": yes, "success": yes, "failure": no},
		"continue":  {"close": yes, "success": yes, "failure": no},
		"cron":      {"close": yes, "success": yes, "failure": no}, // each run of the schedule is a chain
		"terminate": {"close": yes, "success": no, "failure": no},
		"time out":  {"close": yes, "success": no, "failure": yes},
	} {
		for mode, score := range want {
			t.Run(end+"/"+mode, func(t *testing.T) {
				t.Parallel()
				b := b.In(t)
				key := uuid.NewString()
				o := client.StartWorkflowOptions{ID: key}
				if end == "retry" {
					o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2}
				}
				if end == "cron" {
					o.CronSchedule = "@every 1s"
					t.Cleanup(func() {
						require.NoError(t, b.Client.TerminateWorkflow(context.WithoutCancel(t.Context()), key, "", "enough"))
					})
				}
				require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
				var run client.WorkflowRun
				if end == "time out" {
					run = b.TimesOut(o, func(shape []string) bool { return count(shape, "MarkerRecorded") > 0 }, "following", key, mode, end)
				} else {
					run = b.StartWith(o, "following", key, mode, end)
				}
				if end == "terminate" {
					b.Waiting(key, 1)
					require.NoError(t, b.Client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "no more"))
				}
				require.Equal(t, []string{score}, b.Scores(run, 1))
			})
		}
	}
}
