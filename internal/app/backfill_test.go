package app

import (
	"encoding/json"
	"fmt"
	"path/filepath"
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
	"github.com/verdict-dev/verdict/scoring"
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

	backfill("--scorer", "retries", "--name", "slow", "--rate", "0.1", "--detach")
	require.Contains(t, p.starter("backfill", "pause", "slow"), "backfill slow: paused\n")
	require.NoError(t, c.TerminateWorkflow(t.Context(), backfillPrefix+"slow", "", "enough"))
	require.Contains(t, p.starter("backfill", "status", "slow"), "backfill slow: terminated\n")

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

// Two versions of a scorer are compared on the runs that both have scored.
func TestCompareVersions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	db, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	var records []scoring.Record
	say := func(run int, version string, v float64) {
		r := scoring.NewRecord(scoring.Number("polite", v).WithReason("because\nof that"), scoring.FromClient, scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("w-", run), RunID: "r"}, scoring.Step{}, time.Now())
		r.Key, r.Scorer, r.ScorerVersion = "polite@"+version, "polite", version
		records = append(records, r)
	}
	for run := range 40 {
		say(run, "1", 0.5)
		if run > 0 {
			say(run, "2", 0.5+float64(run%4)/10)
		}
	}
	say(40, "2", 1)
	require.NoError(t, db.Record(t.Context(), records))
	require.NoError(t, db.Close())
	got := call(t, RunStarter, nil, "backfill", "compare", "polite", "1", "2", "--db", path, "-o", "json")
	require.NoError(t, got.err)
	var c compared
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &c))
	require.Equal(t, []int{39, 1, 1, 30, 9, 0}, []int{c.Both, c.OnlyFrom, c.OnlyTo, c.Higher, c.Same, c.Lower})
	require.Len(t, c.Changed, 20)
	require.InDelta(t, 0.8, c.Changed[0].To, 1e-9)
	require.InDelta(t, 0.5, c.MeanFrom, 1e-9)
	got = call(t, RunStarter, nil, "backfill", "compare", "polite", "1", "2", "--db", path)
	require.Contains(t, got.stdout, "polite: 39 scored by both, 1 by 1 alone, 1 by 2 alone\nmean 0.6538, was 0.5; 30 higher, 9 the same, 0 lower\nrun     step  was  is   reason\nw-11/r  -     0.5  0.8  because\n")
	got = call(t, RunStarter, nil, "backfill", "compare", "polite", "1", "3", "--db", path)
	require.Equal(t, "no run has a value of polite by both 1 and 3: 40 by the first alone, 0 by the second alone\n", got.stdout)
}
