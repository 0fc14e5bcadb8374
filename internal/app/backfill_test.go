package app

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// A team scores what ran before it had Verdict: it asks first what that takes, and then does it.
func TestBackfill(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	p := startWorker(t, namespace, "--search-attributes=false")
	c := server.Dial(t, client.Options{Namespace: namespace})
	user := worker.New(c, "agents", worker.Options{})
	user.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "Agent"})
	require.NoError(t, user.Start())
	t.Cleanup(user.Stop)
	const runs = 12
	for n := range runs {
		p.starter("run", "--type", "Agent", "--task-queue", "agents", "--id", fmt.Sprint("agent-", n), "--wait")
	}
	harness.Eventually(t, harness.Patience, func() error {
		r, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: "WorkflowType = 'Agent' AND ExecutionStatus = 'Completed'"})
		if err == nil && r.Count != runs {
			err = fmt.Errorf("%d are listed", r.Count)
		}
		return err
	})
	backfill := func(args ...string) (r backfillResult) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(p.starter(append([]string{"backfill", "-o", "json", "--query", "WorkflowType = 'Agent'", "--since", "1d"}, args...)...)), &r))
		return r
	}
	plan := backfill("--scorer", "succeeded,duration", "--dry-run")
	require.EqualValues(t, runs, plan.Total)
	require.EqualValues(t, runs, plan.Estimate.Runs)
	require.Equal(t, runs, plan.Estimate.Sampled)
	require.InDelta(t, 5*runs, plan.Estimate.Events, 1)
	require.EqualValues(t, 4, plan.Estimate.Actions)
	require.Contains(t, p.starter("backfill", "--scorer", "succeeded", "--dry-run"), "12 runs closed from ")

	done := backfill("--scorer", "succeeded,duration", "--name", "first")
	require.Equal(t, "done", done.Ended)
	require.EqualValues(t, runs, done.Scored)
	db, err := sqlite.Open(t.Context(), p.db)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, name := range []string{"succeeded", "duration"} {
		scores, err := db.Scores(t.Context(), store.Filter{Name: name, History: true})
		require.NoError(t, err)
		require.Len(t, scores, runs)
	}
	again := backfill("--scorer", "succeeded,duration")
	require.EqualValues(t, runs, again.Skipped)
	require.Zero(t, again.Scored)
	require.Contains(t, p.starter("backfill", "status", "first"), "backfill first: done\n12 scored, 0 skipped")

	none := p.starter("backfill", "--scorer", "succeeded", "--query", "WorkflowType = 'Agnet'")
	require.Contains(t, none, "The query itself matches no run at all")
	require.Contains(t, none, "Without the query ")
	early := p.starter("backfill", "--scorer", "succeeded", "--query", "WorkflowType = 'Agent'", "--since", "30d", "--until", "20d")
	require.Contains(t, early, "The query matches 12 runs, of which 0 are open; the others closed at another time.")
	require.Contains(t, early, "earlier ones are gone")
	require.NoError(t, p.stop())
}

func TestBackfillMistakes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--scorer", "a", "--since", "soon"}, {"--scorer", "a", "--since", "1h", "--until", "2h"}, {"--scorer", "a", "--rate", "-1"}, {"pause"}, {"status", "a", "b"}} {
		got := call(t, RunStarter, []string{away}, append([]string{"backfill"}, args...)...)
		require.True(t, isUsage(got.err), "%v: %v", args, got.err)
	}
	got := call(t, RunStarter, []string{away}, "backfill", "--scorer", "a")
	require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1")
}

func TestABarTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	p := activities.Progress{Total: 300, StartedAt: began, Counts: activities.Counts{Scored: 90, Skipped: 10}}
	require.Equal(t, "[##########                    ] 100 of 300 runs, 10 a second, 20s left", bar(p, began.Add(10*time.Second)))
	p.Paused = true
	require.Equal(t, "[##########                    ] 100 of 300 runs, paused", bar(p, began.Add(10*time.Second)))
	require.Equal(t, "[                              ] 0 of 0 runs", bar(activities.Progress{StartedAt: began}, began))
}
