package workflows_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// recordTo returns what saves a history of this release: into the folder of the release that -record names, unless it is
// there already, and into a temporary one otherwise.
func recordTo(t *testing.T, b *harness.Bench) (save func(name string, run client.WorkflowRun) (file string)) {
	dir := t.TempDir()
	if *release != "" {
		dir = filepath.Join(histories, *release)
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	return func(name string, run client.WorkflowRun) string {
		file := filepath.Join(dir, name+".json")
		data, err := protojson.MarshalOptions{Indent: " "}.Marshal(b.History(run))
		require.NoError(t, err)
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
		}
		return file
	}
}

// The histories of started experiments are made and replayed in every test run, and recorded with -record: one that people change
// and that continues as new, and one whose policy stops a harmful variant.
func TestRolloutHistoriesOfThisRelease(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	save := recordTo(t, b)
	run := func(d experiments.Definition) client.WorkflowRun {
		id := activities.ExperimentID(d.Name, d.Version)
		described, err := b.Client.DescribeWorkflow(t.Context(), id, "")
		require.NoError(t, err)
		return b.Client.GetWorkflow(t.Context(), id, described.WorkflowExecution.RunID)
	}
	begin := func(name string, p rollout.Policy) experiments.Definition {
		d := threeArms(func(d *experiments.Definition) { d.Name, d.Maturity = name+"-"+uuid.NewString()[:8], 0 })
		_, err := b.Verdict.StartExperiment(t.Context(), d, p, rollout.Change{Who: "ada", Reason: "to see"})
		require.NoError(t, err)
		return d
	}
	var files []string

	d := begin("people", rollout.Policy{Every: time.Hour, ContinueAfter: 50})
	first := run(d)
	for i := 0; run(d).GetRunID() == first.GetRunID(); i++ {
		for _, action := range []rollout.Action{rollout.Ramp, rollout.Pause, rollout.Resume} {
			change := rollout.Change{Who: "ada"}
			if action == rollout.Ramp {
				change.Weights = map[string]float64{"a": 1, "b": 1, "c": float64(i)}
			}
			_, err := b.Verdict.ChangeExperiment(t.Context(), d.Name, d.Version, action, change)
			require.NoError(t, err)
		}
	}
	files = append(files, save("controller_continued", first))
	_, err := b.Verdict.ChangeExperiment(t.Context(), d.Name, d.Version, rollout.Promote, rollout.Change{Who: "ada", Variant: "b", Reason: "both will do"})
	require.NoError(t, err)
	files = append(files, save("controller_people_open", run(d)))

	d = begin("policy", rollout.Policy{Every: time.Second, StopHarm: true})
	for i := range 150 {
		id := uuid.NewString()
		a := scoring.Assignment{
			Experiment: d.Name, Version: d.Version, Variant: []string{"a", "a", "b", "c"}[i%4], By: scoring.ByWeight,
			Probabilities: map[string]float64{"a": 0.5, "b": 0.25, "c": 0.25}, Unit: id,
			Run: scoring.Run{Namespace: "default", WorkflowID: id, RunID: id}, FirstRunID: id, At: time.Now().UTC(),
		}
		_, err := b.Store.Assign(t.Context(), a)
		require.NoError(t, err)
		require.NoError(t, b.Store.Record(t.Context(), []scoring.Record{{
			Score: scoring.Bool("good", a.Variant != "c"), Run: a.Run, Source: scoring.FromScorer, RecordedAt: a.At,
		}}))
	}
	b.Eventually(func() error {
		c, err := b.Verdict.ExperimentStatus(t.Context(), d.Name, d.Version)
		if err == nil && !slices.Equal(c.Harmed, []string{"c"}) {
			err = errors.New("not yet stopped")
		}
		return err
	})
	files = append(files, save("controller_policy_open", run(d)))

	for _, file := range files {
		require.NoError(t, replay(t, file, "plain", kept, false, verdict.Config{}))
	}
}

// A run of a workflow whose experiment is retired, made, replayed and recorded.
func TestRetiredHistoriesOfThisRelease(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	save := recordTo(t, b)
	b.UserWorker(b.Config(kept), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(forms["over"], workflow.RegisterOptions{Name: "replayed"})
		w.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
	})
	key := uuid.NewString()
	run := b.Start("replayed", key)
	b.Waiting(key, 1)
	open := save("retired_open", run)
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go on", nil))
	require.NoError(t, run.Get(t.Context(), nil))
	for _, file := range []string{open, save("retired_closed", run)} {
		require.NoError(t, replay(t, file, "over", kept, true, verdict.Config{}))
		require.NoError(t, replay(t, file, "gone", kept, true, verdict.Config{}))
	}
}

// How an experiment leaves running code, on the recorded histories of every release.
func TestRetiredExperimentsReplay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, histories, form string
		fails                bool
	}{
		{"runs that were picked a variant keep it", "everything_*", "over", false},
		{"but not without the call", "everything_*", "gone", true},
		{"runs from before the experiment have control", "plain_*", "over", false},
		{"runs that began under Retired go on", "retired_*", "over", false},
		{"also without the call", "retired_*", "gone", false},
		{"but not with the experiment again", "retired_*", "everything", true},
	} {
		for _, file := range recorded(t, c.histories) {
			t.Run(c.why+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				err := replay(t, file, c.form, kept, true, verdict.Config{})
				if c.fails {
					require.ErrorContains(t, err, "TMPRL1100")
					return
				}
				require.NoError(t, err)
			})
		}
	}
}

func TestRecordedRolloutsReplay(t *testing.T) {
	t.Parallel()
	for _, file := range recorded(t, "controller_*") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, replay(t, file, "plain", kept, true, verdict.Config{}))

			// The replay can fail: one that does something more first.
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflowWithOptions(func(ctx workflow.Context, c rollout.State) error {
				if err := workflow.Sleep(ctx, time.Second); err != nil {
					return err
				}
				return workflows.ManageExperiment(ctx, c)
			}, workflow.RegisterOptions{Name: activities.ExperimentWorkflow})
			h, _ := read(t, file)
			require.ErrorContains(t, r.ReplayWorkflowHistory(nil, h), "TMPRL1100")
		})
	}
}
