package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A run says something about another one, from its workflow function or an activity. It goes along with the run's own scores,
// costs no event, and the other run's own set does not take it back.
func TestAScoreAboutAnotherRun(t *testing.T) {
	t.Parallel()
	for name, slots := range map[string]int{"by a local activity": 0, "by a side effect": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			refused := make(chan error, 1)
			cfg := b.Config()
			cfg.Refused = func(err error) { refused <- err }
			o := worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}, MaxConcurrentLocalActivityExecutionSize: slots}
			b.Worker(b.Queue, o, func(w worker.Worker) {
				w.RegisterActivityWithOptions(func(ctx context.Context, about verdict.Run) error {
					verdict.Score(ctx, "in_activity", 3, verdict.About(about))
					return nil
				}, registerActivity("look"))
				w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
					verdict.Score(ctx, "own", 1)
					workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
					return nil
				}, workflow.RegisterOptions{Name: "judged"})
				w.RegisterWorkflowWithOptions(func(ctx workflow.Context, about verdict.Run) error {
					ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
					verdict.Score(ctx, "own", 2)
					verdict.Score(ctx, "before", true, verdict.About(about))
					verdict.Score(ctx, "before", false, verdict.About(about))
					verdict.Flush(ctx, "half")
					verdict.Score(ctx, "after", 0.5, verdict.About(about), verdict.OnStep("7", "Retrieve"), verdict.Reason("it was wrong"))
					verdict.Score(ctx, "nobody", 1, verdict.About(verdict.Run{}))
					self := workflow.GetInfo(ctx).WorkflowExecution
					verdict.Score(ctx, "self", 1, verdict.About(verdict.Run{WorkflowID: self.ID, RunID: self.RunID}))
					return workflow.ExecuteActivity(ctx, "look", about).Get(ctx, nil)
				}, workflow.RegisterOptions{Name: "judges"})
			})
			judged := b.Start("judged")
			run := b.Start("judges", verdict.Run{WorkflowID: judged.GetID(), RunID: judged.GetRunID()})
			require.NoError(t, run.Get(t.Context(), nil))
			require.ErrorContains(t, <-refused, "workflow id")
			require.ElementsMatch(t, []string{"own=2", "self=1"}, b.Scores(run, 2))
			require.Len(t, b.History(run).Events, 5+6+3+3, "the run, its activity, a flush, the end")
			b.Scores(judged, 3)
			require.NoError(t, b.Client.SignalWorkflow(t.Context(), judged.GetID(), "", "end", nil))
			require.NoError(t, judged.Get(t.Context(), nil))
			require.ElementsMatch(t, []string{"own=1", "before=false", "after=0.5", "in_activity=3"}, b.Scores(judged, 4))
			after, err := b.Store.Scores(t.Context(), store.Filter{Run: of(judged), Name: "after"})
			require.NoError(t, err)
			require.Equal(t, scoring.Step{ID: "7", Type: "Retrieve"}, after[0].Step)
			require.Equal(t, scoring.FromClient, after[0].Source)
			require.Equal(t, "it was wrong", after[0].Reason)
			require.False(t, after[0].RecordedAt.IsZero())

			err = b.Verdict.Score(t.Context(), verdict.Run{WorkflowID: run.GetID()}, "x", 1, verdict.About(verdict.Run{WorkflowID: judged.GetID(), RunID: judged.GetRunID()}))
			var invalid *scoring.InvalidError
			require.ErrorAs(t, err, &invalid)
		})
	}
}

// A standalone activity is part of no run, and scores the one that it names.
func TestAStandaloneActivityScoresARun(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	refused := make(chan error, 1)
	cfg := b.Config()
	cfg.Refused = func(err error) { refused <- err }
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterActivityWithOptions(func(ctx context.Context, about verdict.Run) error {
			verdict.Score(ctx, "of_nothing", 1)
			verdict.Score(ctx, "alone", 3, verdict.About(about))
			return nil
		}, registerActivity("alone"))
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "judged"})
	})
	run := b.Start("judged")
	require.NoError(t, run.Get(t.Context(), nil))
	h, err := b.Client.ExecuteActivity(t.Context(), client.StartActivityOptions{
		ID: "alone-" + b.Queue, TaskQueue: b.Queue, StartToCloseTimeout: time.Minute,
	}, "alone", verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()})
	require.NoError(t, err)
	require.NoError(t, h.Get(t.Context(), nil))
	require.ErrorContains(t, <-refused, "name one with About")
	require.Equal(t, []string{"alone=3"}, b.Scores(run, 1))
}
