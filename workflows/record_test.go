package workflows_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
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
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/workflows"
)

var release = flag.String("record", "", "record the histories of this release under testdata/histories; none is ever recorded again")

// Recording is what runs here in every test run: the histories that a release would record are made and replayed, so
// that a change of shape is seen on the day it is made. With -record RELEASE they are written too, and a file that is
// there already is left alone: a history that is made by the code under test proves nothing.
func TestHistoriesOfThisRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if *release != "" {
		dir = filepath.Join(histories, *release)
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	b := harness.New(t, nil)
	b.PlainStoreWorker() // so that workflows carry everything
	save := func(name, form string, plugin bool, run client.WorkflowRun) {
		file := filepath.Join(dir, name+".json")
		data, err := protojson.MarshalOptions{Indent: " "}.Marshal(b.History(run))
		require.NoError(t, err)
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			require.NoError(t, os.WriteFile(file, append(data, '\n'), 0o644))
		}
		require.NoError(t, replay(t, file, form, kept, plugin, verdict.Config{}))
	}
	child := func(id string) client.WorkflowRun { return b.Client.GetWorkflow(t.Context(), id, "") }

	for name, c := range map[string]struct {
		form                         string
		plugin, inAttribute, limited bool
		untaken                      bool
	}{
		"plain":      {form: "plain"},
		"plugin":     {form: "plain", plugin: true},
		"scores":     {form: "scores", plugin: true},
		"attributes": {form: "scores", plugin: true, inAttribute: true},
		"everything": {form: "everything", plugin: true},
		"shadow":     {form: "shadow", plugin: true},
		// By a worker that cannot promise a local activity a slot.
		"limited":            {form: "everything", plugin: true, limited: true},
		"limited_attributes": {form: "scores", plugin: true, inAttribute: true, limited: true},
		"limited_shadow":     {form: "shadow", plugin: true, limited: true},
		"many":               {form: "many", plugin: true},
		"judged":             {form: "judged", plugin: true},
		"declared":           {form: "declared", plugin: true},
		"limited_declared":   {form: "declared", plugin: true, limited: true},
		"declared_many":      {form: "many of both", plugin: true},
		"at_end":             {form: "at end", plugin: true},
		// With a flush that neither the store nor Temporal took in time.
		"carried":         {form: "scores", plugin: true, untaken: true},
		"limited_carried": {form: "scores", plugin: true, untaken: true, limited: true},
		// With calls after the workflow function has returned, which later releases refuse.
		"late": {form: "late", plugin: true},
	} {
		cfg := b.Config(kept)
		cfg.SearchAttributes, cfg.Client, cfg.Judges = c.inAttribute, b.Client, []judges.Judge{exact}
		o := worker.Options{}
		if c.limited {
			o.MaxConcurrentLocalActivityExecutionSize = 2
		}
		if c.plugin {
			o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
		}
		queue, by := name+"-"+b.Queue, b
		if c.untaken {
			by = b.By(b.Dial(harness.StartsNothing))
			cfg.Store, cfg.Client = harness.Gone{}, by.Client
			o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
		}
		by.Worker(queue, o, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(forms[c.form], workflow.RegisterOptions{Name: "replayed"})
			w.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
		})
		key := uuid.NewString()
		run := b.StartWith(client.StartWorkflowOptions{ID: "replayed-" + name, TaskQueue: queue}, "replayed", key)
		b.Eventually(func() error { // until it waits for the signal
			d, err := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
			if err == nil && (len(d.PendingActivities) > 0 || d.PendingWorkflowTask != nil || d.WorkflowExecutionInfo.HistoryLength < 10 ||
				len(d.PendingChildren) > 0 && d.PendingChildren[0].RunId == "") {
				err = errors.New("it does not wait yet")
			}
			return err
		})
		save(name+"_open", c.form, c.plugin, run)
		require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go on", nil))
		require.NoError(t, run.Get(t.Context(), nil))
		save(name+"_closed", c.form, c.plugin, run)
		if name == "shadow" {
			beside := child("verdict/shadow/replayed@1/c/" + run.GetRunID())
			require.NoError(t, b.Client.SignalWorkflow(t.Context(), beside.GetID(), "", "go on", nil))
			require.NoError(t, beside.Get(t.Context(), nil))
			save("beside_closed", c.form, c.plugin, beside)
		}
		if name != "everything" {
			continue
		}
		scorer := child("verdict/scorer/kept/" + run.GetRunID() + "/1")
		b.Waiting(key, 1)
		b.Eventually(func() error { // until its timer runs
			for _, e := range harness.Shape(b.History(scorer)) {
				if e == "TimerStarted" {
					return nil
				}
			}
			return errors.New("it does not wait yet")
		})
		save("scorer_waiting", "plain", true, scorer)
		o1 := verdict.Outcome{ID: uuid.NewString(), Name: "kept", Key: key}
		require.NoError(t, b.Verdict.Deliver(t.Context(), o1))
		b.Scores(run, 3)
		deliver := child("verdict/outcome/" + o1.ID)
		require.NoError(t, deliver.Get(t.Context(), nil))
		save("deliver_closed", "plain", true, deliver)
		require.NoError(t, b.Verdict.CancelScorer(t.Context(), verdict.Deferred{ID: scorer.GetID()}))
		_ = scorer.Get(t.Context(), nil) // it was within its grace
		save("scorer_settled", "plain", true, scorer)
	}
	records := b.StartWith(client.StartWorkflowOptions{TaskQueue: b.VerdictQueue}, workflows.Record, batch())
	require.NoError(t, records.Get(t.Context(), nil))
	save("record_closed", "plain", true, records)
	bundle := b.StartWith(client.StartWorkflowOptions{TaskQueue: b.VerdictQueue}, activities.BundleWorkflow, activities.Bundle{Batches: []activities.Batch{batch()}})
	require.NoError(t, bundle.Get(t.Context(), nil))
	save("bundle_closed", "plain", true, bundle)
	past := b.StartWith(client.StartWorkflowOptions{TaskQueue: b.VerdictQueue}, activities.BackfillWorkflow, activities.Backfill{
		Scorers: []string{"succeeded"}, Query: "WorkflowId = '" + records.GetID() + "' OR WorkflowType = 'replayed'",
		Since: time.Now().Add(-time.Hour), Until: time.Now(), Rate: 50, MaxRuns: 5,
	})
	require.NoError(t, past.Get(t.Context(), nil))
	save("backfill_closed", "plain", true, past)
	b.Worker("rules-"+b.VerdictQueue, worker.Options{}, func(w worker.Worker) {
		rule := activities.Rule{Name: "recorded", Query: "WorkflowType = 'replayed'", Scorers: []history.Scorer{history.Succeeded()}, Every: time.Second}
		(&activities.Set{Store: b.Store, Client: b.Client, Rules: []activities.Rule{rule}}).Register(w)
		workflows.Register(w)
	})
	watch := b.StartWith(client.StartWorkflowOptions{TaskQueue: "rules-" + b.VerdictQueue}, activities.WatchWorkflow, activities.Watch{Rule: "recorded", Since: time.Now().Add(-time.Minute)})
	b.Eventually(func() error {
		if fired := slices.Index(harness.Shape(b.History(watch)), "TimerFired"); fired < 0 {
			return errors.New("it has not looked twice")
		}
		return nil
	})
	save("watch_open", "plain", true, watch)
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), watch.GetID(), "", "recorded"))
}
