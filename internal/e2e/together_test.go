package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

// A run starts as many scorers at once as it likes: they go in requests that the server takes.
func TestManyScorersAtOnce(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	type order struct{ Key, Text string }
	bulky := verdict.NewScorer("bulky", "1", func(ctx workflow.Context, o order) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("never", o.Key), verdict.Within(time.Millisecond), verdict.ExpiresTrue)
		return got.Score(), err
	})
	b.UserWorker(b.Config(bulky), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, n, bytes int) (int, error) {
			all := make([]order, n)
			for i := range all {
				all[i] = order{fmt.Sprint(workflow.GetInfo(ctx).WorkflowExecution.RunID, i), strings.Repeat("<", bytes)}
			}
			started := 0
			for _, d := range verdict.DeferAll(ctx, bulky, all) {
				if d.Started() {
					started++
				}
			}
			return started, nil
		}, workflow.RegisterOptions{Name: "at once"})
	})
	run := b.Start("at once", 18, 40_000) // which JSON makes 4.3 MB
	var started int
	require.NoError(t, run.Get(t.Context(), &started))
	require.Equal(t, 18, started)
	require.Empty(t, failedTasks(b, run))
}

// An input around the server's limit is refused or starts its scorer; it never ends the run. A scorer is told more than its
// input.
func TestAnInputAtTheLimit(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	large := verdict.NewScorer("large", "1", func(ctx workflow.Context, text string) (scoring.Score, error) {
		return scoring.Number("bytes", float64(len(text))), nil
	})
	b.UserWorker(b.Config(large), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, bytes int) (bool, error) {
			return verdict.Defer(ctx, large, strings.Repeat("x", bytes)).Started(), nil
		}, workflow.RegisterOptions{Name: "large"})
	})
	for _, below := range []int{0, 200, 700, 1_100, 5_000, 12_000, 14_000, 30_000} {
		run := b.Start("large", 2<<20-below)
		var started bool
		require.NoError(t, run.Get(t.Context(), &started), "%d bytes below the limit", below)
		require.Empty(t, failedTasks(b, run))
		require.Equal(t, below >= 14_000, started, "%d bytes below the limit", below)
	}
}

// A run that was assigned in many experiments starts as many children in one task as one that was not. Those that cannot be
// told are logged.
func TestManyChildrenOfAnAssignedRun(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var all []*experiments.Experiment
	for i := range 30 {
		e, err := experiments.New(experiments.Definition{
			Name: fmt.Sprint(i, strings.Repeat("<", 120)), Version: strings.Repeat(">", 128), Control: strings.Repeat("&", 128),
			Variants: []experiments.Variant{{Name: strings.Repeat("&", 128), Weight: 1}, {Name: strings.Repeat("<", 128), Weight: 1}},
			Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean},
		})
		require.NoError(t, err)
		all = append(all, e)
	}
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, children int) error {
			for _, e := range all {
				verdict.Experiment(ctx, e, verdict.ThisRun)
			}
			var started []workflow.ChildWorkflowFuture
			for i := range children {
				ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: fmt.Sprint(workflow.GetInfo(ctx).WorkflowExecution.RunID, i)})
				started = append(started, workflow.ExecuteChildWorkflow(ctx, "leaf"))
			}
			for _, child := range started {
				if err := child.Get(ctx, nil); err != nil {
					return err
				}
			}
			return nil
		}, workflow.RegisterOptions{Name: "many children"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "leaf"})
	})
	run := b.Start("many children", 70)
	require.NoError(t, run.Get(t.Context(), nil))
	require.Empty(t, failedTasks(b, run))
	require.True(t, b.Log.Contains("too many children in one workflow task"))
	headers := 0
	for _, e := range b.History(run).Events {
		if a := e.GetStartChildWorkflowExecutionInitiatedEventAttributes(); a != nil && len(a.GetHeader().GetFields()) > 0 {
			headers++
		}
	}
	require.Greater(t, headers, 10, "as many are told as there is room for")
	require.Less(t, headers, 70)
}
