package e2e

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/harness"
	reporting "github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// answered is what a run has answered.
type answered struct {
	Build  string
	Number int
}

// answering scores each of three steps on five days. In build b2 the step Rank is worse on the fourth day.
func answering(ctx workflow.Context, a answered) error {
	verdict.Attribute(ctx, "prompt", fmt.Sprint("v", a.Number%2))
	verdict.Attribute(ctx, "customer", "42") // not declared
	for day := range 5 {
		for s, step := range []string{"Retrieve", "Rank", "Write"} {
			for i := range 10 {
				bad := 1
				if a.Build == "b2" && day == 3 && step == "Rank" {
					bad = 6
				}
				good := (i+a.Number+day+s)%10 >= bad
				verdict.Score(ctx, "good", good, verdict.OnStep(fmt.Sprintf("%d-%d-%d", day, s, i), step), verdict.ObservedAt(noon.AddDate(0, 0, day)))
			}
		}
	}
	return nil
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A dip in one of three steps, on one day, in one build is named as that step, day and build, in counts that nobody has
// recounted; attributes break the same scores down.
func TestAPlantedDipIsNamed(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	const runs = 8
	id := func(build string, i int) string { return fmt.Sprintf("%s-%s-%d", b.Queue, build, i) }
	for _, build := range []string{"b1", "b2"} {
		cfg := b.Config()
		cfg.Attributes = []string{"prompt", "model"}
		var refused atomic.Int64
		cfg.Refused = func(error) { refused.Add(1) }
		stop := b.Worker(b.Queue, worker.Options{
			Plugins: []worker.Plugin{verdict.NewPlugin(cfg)},
			//lint:ignore SA1019 the build of a worker without a deployment
			BuildID: build,
		}, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(answering, workflow.RegisterOptions{Name: "Answer"})
		})
		var all []client.WorkflowRun
		for i := range runs {
			run, err := b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id(build, i), TaskQueue: b.Queue}, "Answer", answered{build, i})
			require.NoError(t, err)
			all = append(all, run)
		}
		for _, run := range all {
			require.NoError(t, run.Get(t.Context(), nil))
		}
		stop()
		require.GreaterOrEqual(t, refused.Load(), int64(runs), "one undeclared attribute a run")
	}
	b.Eventually(func() error {
		counts, err := b.Store.Counts(t.Context(), store.CountFilter{Of: store.CountScores})
		if err == nil && (len(counts.Rows) != 1 || counts.Rows[0].N != 2*runs*150) {
			err = fmt.Errorf("%+v", counts.Rows)
		}
		return err
	})
	r, err := reporting.Build(t.Context(), b.Store, reporting.Options{Now: noon.AddDate(0, 0, 6)})
	require.NoError(t, err)
	require.Len(t, r.Deviations, 1)
	d := r.Deviations[0]
	require.Equal(t, []string{"good", "Rank", "2026-03-04", "b2"}, []string{d.Score, d.Step, d.Day, d.Build})
	require.InDelta(t, 0.4, d.Mean, 1e-9)
	var text bytes.Buffer
	require.NoError(t, display.Text(&text, r))
	require.Contains(t, text.String(), "stands out: good of Rank on 2026-03-04 in build b2: mean 0.4 of 80, elsewhere 0.9")

	r, err = reporting.Build(t.Context(), b.Store, reporting.Options{Now: noon, By: reporting.ByAttribute("prompt")})
	require.NoError(t, err)
	require.Len(t, r.Scores, 3*2)
	for _, row := range r.Scores {
		require.Equal(t, runs*50, row.Scored, "%+v", row)
	}
	known, err := b.Store.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	type made struct {
		build      string
		attributes []scoring.Attribute
	}
	is, want := map[string]made{}, map[string]made{}
	for _, r := range known {
		is[r.Run.WorkflowID] = made{r.BuildID, r.Attributes}
	}
	for _, build := range []string{"b1", "b2"} {
		for i := range runs {
			want[id(build, i)] = made{build, []scoring.Attribute{{Key: "prompt", Value: fmt.Sprint("v", i%2)}}}
		}
	}
	require.Len(t, known, 2*runs)
	require.Equal(t, want, is)
}

// An attribute that is said after the run's assignment is marked, and is no command: nothing is added to the history.
func TestAnAttributeAfterAnAssignmentIsMarked(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config()
	cfg.Attributes = []string{"prompt", "model"}
	x := aboutAcceptance(b.Queue, func(*experiments.Definition) {})
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			verdict.Attribute(ctx, "model", "small")
			verdict.Experiment(ctx, x, verdict.ThisRun)
			verdict.Attribute(ctx, "model", "small") // it was known before
			verdict.Attribute(ctx, "prompt", "v7")
			return nil
		}, workflow.RegisterOptions{Name: "Answer"})
	})
	run, err := b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: b.Queue, TaskQueue: b.Queue}, "Answer")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	var facts []scoring.RunFacts
	b.Eventually(func() (err error) {
		facts, err = b.Store.Runs(t.Context(), store.RunFilter{})
		if err == nil && (len(facts) != 1 || facts[0].Status == "") {
			err = fmt.Errorf("%+v", facts)
		}
		return err
	})
	require.Equal(t, []scoring.Attribute{{Key: "model", Value: "small"}, {Key: "prompt", Value: "v7", After: true}}, facts[0].Attributes)
}
