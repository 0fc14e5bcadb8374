package e2e

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
)

// A later build that says something else under a scorer's name and version does not change what a run has declared: the history
// keeps it, in either shape, and the flush of the later build names that.
func TestADeclarationOutlivesItsBuild(t *testing.T) {
	t.Parallel()
	build := func(event string) *verdict.Scorer[pullRequest] {
		return verdict.NewOutcomeScorer("declared", "1", func(pr pullRequest) verdict.Wait {
			return verdict.Wait{For: verdict.On(event, pr.Key).Means(true), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse}
		})
	}
	for shape, o := range map[string]worker.Options{"local activity": {}, "side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			start := func(s *verdict.Scorer[pullRequest]) (stop func()) {
				cfg := b.Config(s)
				cfg.Store = b.Store
				o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
				o.StickyScheduleToStartTimeout = 100 * time.Millisecond
				return b.Worker(b.Queue, o, func(w worker.Worker) {
					w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
						verdict.Defer(ctx, s, pullRequest{key})
						workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
						return nil
					}, workflow.RegisterOptions{Name: "built"})
				})
			}
			stop := start(build("pr.merged"))
			key := uuid.NewString()
			run := b.Start("built", key)
			b.Waiting(key, 1)
			b.Eventually(func() error { // until its first task is over
				if !slices.Contains(harness.Shape(b.History(run)), "WorkflowTaskCompleted") {
					return errors.New("it has not deferred yet")
				}
				return nil
			})
			stop()
			start(build("pr.closed"))
			require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go on", nil))
			require.NoError(t, run.Get(t.Context(), nil))
			require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.closed", key)))
			require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
			require.Equal(t, []string{"declared=true"}, b.Scores(run, 1))
			open, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Empty(t, open)
			scores, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run)})
			require.NoError(t, err)
			require.Equal(t, "outcome pr.merged", scores[0].Reason)
		})
	}
}
