package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// How many runs the tests score: a few in every run, and the whole promise with -past 5000 and -closing 10000.
var (
	pastRuns    = flag.Int("past", 300, "how many closed runs a backfill scores")
	closingRuns = flag.Int("closing", 200, "how many runs a rule scores as they close")
)

// plainRun is a workflow whose worker does not know Verdict.
func plainRun(ctx workflow.Context, n int) (int, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	err := workflow.ExecuteLocalActivity(ctx, func(context.Context) (int, error) { return n, nil }).Get(ctx, &n)
	if n%10 == 9 {
		return 0, temporal.NewNonRetryableApplicationError("it fails", "Nine", nil)
	}
	return n, err
}

// past is a bench with closed runs of a worker that does not know Verdict.
func past(t *testing.T, runs int) *harness.Bench {
	t.Helper()
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(plainRun, workflow.RegisterOptions{Name: "plain"})
	})
	var all errgroup.Group
	all.SetLimit(16)
	for i := range runs {
		all.Go(func() error {
			run, err := b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", b.Queue, i), TaskQueue: b.Queue}, "plain", i)
			if err == nil {
				_ = run.Get(t.Context(), nil)
			}
			return err
		})
	}
	require.NoError(t, all.Wait())
	b.Eventually(func() error {
		r, err := b.Client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: ofQueue(b) + " AND ExecutionStatus != 'Running'"})
		if err == nil && r.Count != int64(runs) {
			err = fmt.Errorf("%d are listed", r.Count)
		}
		return err
	})
	return b
}

// visibilityFails makes a client for which visibility fails every third time.
func visibilityFails(calls *atomic.Int64) func(*client.Options) {
	return func(o *client.Options) {
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
			func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				if name := method[strings.LastIndex(method, "/")+1:]; name == "ListWorkflowExecutions" || name == "CountWorkflowExecutions" {
					if calls.Add(1)%3 == 1 {
						return serviceerror.NewInternal("visibility is away")
					}
				}
				return invoke(ctx, method, req, reply, cc, opts...)
			}))
	}
}

func ofQueue(b *harness.Bench) string { return "TaskQueue = '" + b.Queue + "'" }

func backfill(t *testing.T, b *harness.Bench, x activities.Backfill) client.WorkflowRun {
	t.Helper()
	x.Query = ofQueue(b)
	x.Since, x.Until = time.Now().Add(-time.Hour), time.Now()
	run, err := b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "verdict/backfill/" + b.Queue + fmt.Sprint(time.Now().UnixNano()), TaskQueue: b.VerdictQueue}, activities.BackfillWorkflow, x)
	require.NoError(t, err)
	return run
}

// Runs that closed before the scorers were asked for are scored, each exactly once, while workers die all the time and visibility fails now
// and then. A second backfill has nothing to do, and another version of a scorer has.
func TestABackfillScoresEachRunOnce(t *testing.T) {
	t.Parallel()
	runs := *pastRuns
	b := past(t, runs)
	var calls atomic.Int64
	set := &activities.Set{Store: b.Store, Scorers: []history.Scorer{
		history.Number("even", "1", func(r *history.Run) (float64, string, error) {
			n, err := history.Decode[int](r.Input)
			return float64(1 - n%2), "", err
		}),
		history.Number("even", "2", func(r *history.Run) (float64, string, error) { return 2, "", nil }),
	}}
	serve := func() (stop func()) {
		c := b.Dial(visibilityFails(&calls))
		s := *set
		s.Client = c
		return b.WorkerBy(c, b.VerdictQueue, worker.Options{}, func(w worker.Worker) {
			s.Register(w)
			workflows.Register(w)
		})
	}
	run := backfill(t, b, activities.Backfill{Scorers: []string{"succeeded", "even@1", "steps"}})
	recorded := func() int {
		all, err := b.Store.Scores(t.Context(), store.Filter{Name: "succeeded"})
		require.NoError(t, err)
		return len(all)
	}
	// The first worker dies once it has asked visibility, and each further one once it has recorded something. A time to live would be
	// too short for any progress on a machine that is busy enough.
	deaths := 0
	for was := 0; was < runs && deaths < 5; was = recorded() {
		stop := serve()
		b.Eventually(func() error {
			if calls.Load() == 0 || deaths > 0 && recorded() == was {
				return fmt.Errorf("worker %d has done nothing", deaths)
			}
			return nil
		})
		stop()
		deaths++
	}
	defer serve()()
	var p activities.Progress
	require.NoError(t, run.Get(t.Context(), &p))
	require.Equal(t, "done", p.Ended)
	require.EqualValues(t, runs, p.Total)
	require.EqualValues(t, runs, p.Done())
	t.Logf("workers stopped %d times, visibility was asked %d times", deaths, calls.Load())
	check := func(name, key string, want int) {
		all, err := b.Store.Scores(t.Context(), store.Filter{Name: name, History: true})
		require.NoError(t, err)
		seen := map[scoring.Run]int{}
		for _, r := range all {
			if r.Key == key {
				require.Equal(t, scoring.Scored, r.State, r.Reason)
				require.Equal(t, 1, r.Revision)
				require.False(t, r.ObservedAt.IsZero())
				require.True(t, r.ObservedAt.Before(p.StartedAt), "as of the run's own time")
				seen[r.Run]++
			}
		}
		require.Len(t, seen, want)
		for run, n := range seen {
			require.Equal(t, 1, n, run)
		}
	}
	check("succeeded", "succeeded@1", runs)
	check("even", "even@1", runs)

	var again activities.Progress
	require.NoError(t, backfill(t, b, activities.Backfill{Scorers: []string{"succeeded", "even@1"}}).Get(t.Context(), &again))
	require.EqualValues(t, runs, again.Skipped)
	require.Zero(t, again.Scored)
	require.NoError(t, backfill(t, b, activities.Backfill{Scorers: []string{"even@2"}, MaxRuns: 120}).Get(t.Context(), &again))
	require.Equal(t, "max_runs", again.Ended)
	require.EqualValues(t, 120, again.Scored)
	check("even", "even@2", 120)
	check("even", "even@1", runs)
}

// A backfill pauses, resumes, keeps to its rate, and tells how far it is.
func TestABackfillPauses(t *testing.T) {
	t.Parallel()
	b := past(t, 30)
	b.StoreWorker()
	run := backfill(t, b, activities.Backfill{Scorers: []string{"duration"}, Rate: 10})
	progress := func() (p activities.Progress, err error) {
		v, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), "", activities.ProgressQuery)
		if err == nil {
			err = v.Get(&p)
		}
		return p, err
	}
	b.Eventually(func() error {
		p, err := progress()
		if err == nil && p.Scored == 0 {
			err = errors.New("nothing is scored yet")
		}
		return err
	})
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", activities.PauseSignal, nil))
	var paused activities.Progress
	b.Eventually(func() (err error) {
		if paused, err = progress(); err == nil && !paused.Paused {
			err = errors.New("it has not paused")
		}
		return err
	})
	// What was under way ends; nothing else begins.
	b.Eventually(func() error {
		p, err := progress()
		if err == nil && p.Scored == paused.Scored {
			d, derr := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
			if err = derr; err == nil && len(d.PendingActivities) == 0 {
				return nil
			}
		}
		paused = p
		return errors.Join(err, errors.New("a part is under way"))
	})
	require.Less(t, paused.Scored, int64(30))
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", activities.ResumeSignal, nil))
	var p activities.Progress
	require.NoError(t, run.Get(t.Context(), &p))
	require.Equal(t, "done", p.Ended)
	require.EqualValues(t, 30, p.Scored)

	var refused *temporal.ApplicationError
	bad := backfill(t, b, activities.Backfill{Scorers: []string{"nobody"}})
	require.ErrorAs(t, bad.Get(t.Context(), nil), &refused)
	require.Contains(t, refused.Error(), `no scorer "nobody"`)
}
