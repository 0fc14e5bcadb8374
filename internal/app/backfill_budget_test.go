package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
)

// biller is a judge whose answers take tokens: a million, and up to a fifth more. Each run's first question finds it away now and then.
type biller struct {
	mu    sync.Mutex
	asked map[string]int
	cost  float64
}

func (*biller) ID() judges.ID { return judges.ID{Name: "biller", Version: "1"} }

func (b *biller) Judge(_ context.Context, s judges.Sample) (judges.Verdict, error) {
	n, err := strconv.Atoi(s.Output)
	if err != nil {
		return judges.Verdict{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked[s.Output]++; n%9 == 4 && b.asked[s.Output] == 1 {
		return judges.Verdict{}, &judges.Error{Class: judges.Unavailable}
	}
	v := judges.Number(float64(n), "")
	v.Judge, v.Usage = b.ID(), judges.Usage{Model: "m-1", Prompt: 900_000 + 100_000*(n%3), Completion: 100_000}
	b.cost += float64(v.Usage.Prompt+v.Usage.Completion) / 1e6
	return v, nil
}

// A team with a judge that costs money asks what its past would cost, scores as much of it as its budget allows, and then the rest. No run is
// paid for twice, though the judge fails now and then.
func TestBackfillHasABudget(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	c := server.Dial(t, client.Options{Namespace: namespace})
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "verdict.db"))
	require.NoError(t, err)
	judge := &biller{asked: map[string]int{}}
	price := map[string]history.Price{"m": {Input: 1, Output: 1}}
	log := &harness.Log{}
	w, err := storeworker.Start(t.Context(), storeworker.Options{
		Client: client.Options{HostPort: server.Address, Namespace: namespace, Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(log, nil)))}, Store: db,
		Scorers: []history.Scorer{
			history.Judged("billed", judge, history.Sample{Output: history.RunResult("")}).Priced(price),
			history.Judged("unpriced", judge, history.Sample{Output: history.RunResult("")}),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	user := worker.New(c, "agents", worker.Options{})
	user.RegisterWorkflowWithOptions(func(_ workflow.Context, n int) (int, error) { return n, nil }, workflow.RegisterOptions{Name: "Agent"})
	require.NoError(t, user.Start())
	t.Cleanup(user.Stop)
	const runs = 80
	var all errgroup.Group
	all.SetLimit(8)
	for n := range runs {
		all.Go(func() error {
			run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "agents"}, "Agent", n)
			if err == nil {
				err = run.Get(t.Context(), nil)
			}
			return err
		})
	}
	require.NoError(t, all.Wait())
	const query = "WorkflowType = 'Agent'"
	harness.Eventually(t, harness.Patience, func() error {
		r, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query + " AND ExecutionStatus = 'Completed'"})
		if err == nil && r.Count != runs {
			err = fmt.Errorf("%d are listed", r.Count)
		}
		return err
	})
	starter := func(args ...string) string {
		t.Helper()
		got := call(t, RunStarter, []string{"TEMPORAL_ADDRESS=" + server.Address, "TEMPORAL_NAMESPACE=" + namespace}, args...)
		require.NoError(t, got.err, got.stderr)
		return got.stdout
	}
	backfill := func(args ...string) (r backfillResult) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(starter(append([]string{"backfill", "-o", "json", "--scorer", "billed", "--query", query}, args...)...)), &r))
		return r
	}
	truth := 0.0
	for n := range runs {
		truth += 1 + 0.1*float64(n%3)
	}
	plan := backfill("--dry-run", "--try", "40").Estimate
	require.InEpsilon(t, truth, *plan.Cost, 0.05, "within 5 %")
	require.LessOrEqual(t, *plan.CostLo, *plan.Cost)
	require.GreaterOrEqual(t, *plan.CostHi, *plan.Cost)
	tried := judge.cost
	require.Positive(t, tried)

	const budget = 20.0
	part := backfill("--name", "past", "--budget", fmt.Sprint(budget))
	require.True(t, part.Spent)
	require.Empty(t, part.Ended)
	require.LessOrEqual(t, part.Cost, budget)
	require.Greater(t, part.Cost, budget-1.3)
	require.InDelta(t, judge.cost-tried, part.Cost, 1e-9)
	require.Contains(t, starter("backfill", "status", "past"), "backfill past: the budget is spent: resume it with a larger --budget\n")
	starter("backfill", "resume", "past", "--budget", "1000")
	var done activities.Progress
	require.NoError(t, c.GetWorkflow(t.Context(), backfillPrefix+"past", "").Get(t.Context(), &done))
	require.Equal(t, "done", done.Ended)
	require.EqualValues(t, runs, done.Done())
	require.InDelta(t, truth, judge.cost, 1e-9, "each run was paid for once")
	require.InDelta(t, truth-tried, done.Cost, 1e-9)
	scores, err := db.Scores(t.Context(), store.Filter{Name: "billed", History: true})
	require.NoError(t, err)
	require.Len(t, scores, runs)
	require.Contains(t, starter("backfill", "status", "past"), fmt.Sprintf("it has cost %s of 1000.00\n", money(truth-tried)))

	got := call(t, RunStarter, []string{"TEMPORAL_ADDRESS=" + server.Address, "TEMPORAL_NAMESPACE=" + namespace},
		"backfill", "--scorer", "unpriced", "--query", query, "--budget", "5")
	require.ErrorContains(t, got.err, "a model that was asked has no price")
}

// The interval of an estimated cost has the cost 95 times of 100, and its middle is within 5 % of it where a few hundred runs are tried.
func TestACostIsEstimated(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const runs, tries, rounds = 5000, 500, 400
	covered, close := 0, 0
	for range rounds {
		costs, truth := make([]float64, runs), 0.0
		for i := range costs {
			costs[i] = 0.01 * math.Exp(0.5*r.NormFloat64())
			truth += costs[i]
		}
		var c activities.Counts
		for _, cost := range costs {
			if r.Float64() < tries/float64(runs) {
				c.Add(activities.Counts{Scored: 1, Cost: cost, Squares: cost * cost})
			}
		}
		e := estimate{Runs: runs}
		e.costOf(c)
		if *e.CostLo <= truth && truth <= *e.CostHi {
			covered++
		}
		if math.Abs(*e.Cost-truth) <= 0.05*truth {
			close++
		}
	}
	t.Logf("the interval has the cost %d times of %d, the estimate is within 5 %% %d times", covered, rounds, close)
	require.GreaterOrEqual(t, covered, rounds*92/100)
	require.GreaterOrEqual(t, close, rounds*92/100)
}
