package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// rpcs counts what a client asks the server for, and answers in the server's place.
type rpcs struct {
	mu     sync.Mutex
	counts map[string]int
	ids    map[string]map[string]bool // of the executions that each method starts
	// before, if set, is called before a call goes out; an error is the answer.
	before func(method string) error
	// after, if set, may replace the answer to a call that the server has taken.
	after func(method string) error
}

func (c *rpcs) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndex(method, "/")+1:]
	c.mu.Lock()
	c.counts[name]++
	if c.ids[name] == nil {
		c.ids[name] = map[string]bool{}
	}
	switch r := req.(type) {
	case *workflowservice.StartWorkflowExecutionRequest:
		c.ids[name][r.GetWorkflowId()] = true
	case *workflowservice.StartActivityExecutionRequest:
		c.ids[name][r.GetActivityId()] = true
	}
	before, after := c.before, c.after
	c.mu.Unlock()
	if before != nil {
		if err := before(name); err != nil {
			return err
		}
	}
	err := invoke(ctx, method, req, reply, cc, opts...)
	if err == nil && after != nil {
		err = after(name)
	}
	return err
}

// of is how often a method was called.
func (c *rpcs) of(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[method]
}

// started is how many executions a method started: a call that is repeated starts no other one.
func (c *rpcs) started(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids[method])
}

// over waits until everything that was started has ended.
func (c *rpcs) over(b *harness.Bench) {
	b.T.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.ids["StartActivityExecution"] {
		err := b.Client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: id}).Get(b.T.Context(), nil)
		var none *serviceerror.NotFound
		if !errors.As(err, &none) { // else before refused it
			require.NoError(b.T, err)
		}
	}
	for id := range c.ids["StartWorkflowExecution"] {
		require.NoError(b.T, b.Client.GetWorkflow(b.T.Context(), id, "").Get(b.T.Context(), nil))
	}
}

func (c *rpcs) set(before, after func(string) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before, c.after = before, after
}

// counting returns a client whose calls are counted.
func counting(b *harness.Bench) (client.Client, *rpcs) {
	c := &rpcs{counts: map[string]int{}, ids: map[string]map[string]bool{}}
	return b.Dial(func(o *client.Options) {
		o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(c.intercept))
	}), c
}

// without answers as a server does that has no standalone activities.
func without(method string) error {
	if method == "StartActivityExecution" {
		return serviceerror.ToStatus(serviceerror.NewUnimplemented("Standalone activity is disabled")).Err()
	}
	return nil
}

// ended returns the flush of a run that ended with a score.
func ended(id string) activities.Batch {
	run := scoring.Run{Namespace: "default", WorkflowID: id, RunID: uuid.NewString()}
	now := time.Now()
	return activities.Batch{Flush: &scoring.Flush{
		Facts:   scoring.RunFacts{Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "any", StartedAt: now, ClosedAt: now, Status: scoring.RunCompleted},
		Records: []scoring.Record{{Score: scoring.Bool("good", true), Run: run, Source: scoring.FromWorkflow}}, Sequence: 5, Ordinal: 1, At: now,
	}}
}

// stored waits until n scores of a name are in the store, each once.
func stored(b *harness.Bench, name string, n int) {
	b.T.Helper()
	b.Eventually(func() error {
		all, err := b.Store.Scores(b.T.Context(), store.Filter{Name: name, History: true})
		if err == nil && len(all) != n {
			err = fmt.Errorf("%d scores", len(all))
		}
		return err
	})
}

// A worker without a store hands its runs' scores over in bundles: 200 runs that end with a score cost two executions, standalone
// activities, or workflows on a server that has none; with a worker of a release that takes no bundles they cost a workflow each.
func TestWhatHandingOverCosts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before    func(string) error
		plain     bool
		method    string
		want      int
		otherwise string
	}{
		"standalone activities":     {nil, false, "StartActivityExecution", 2, "StartWorkflowExecution"},
		"no standalone activities":  {without, false, "StartWorkflowExecution", 2, "StartActivityExecution"},
		"a worker takes no bundles": {nil, true, "StartWorkflowExecution", 20, "StartActivityExecution"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			if c.plain {
				b.PlainStoreWorker()
			} else {
				b.StoreWorker()
			}
			by, seen := counting(b)
			seen.set(c.before, nil)
			r := &activities.Recorder{TaskQueue: b.VerdictQueue, Gather: time.Hour}
			r.Began("worker", by)
			t.Cleanup(func() { r.Ended("worker") })
			first := 0
			b.Eventually(func() error { // it has found out what the worker and the server have
				first++
				o := r.Offer(t.Context(), ended(fmt.Sprint("first-", first)))
				r.Drain()
				written(t, o)
				if !c.plain && seen.of("StartActivityExecution") == 0 {
					return errors.New("not yet")
				}
				return nil
			})
			carried, other := seen.started(c.method), seen.started(c.otherwise)
			runs := 2 * activities.MaxBundle
			if c.plain {
				runs = c.want
			}
			var all []*activities.Offer
			for i := range runs {
				all = append(all, r.Offer(t.Context(), ended(fmt.Sprint("run-", i))))
			}
			for _, o := range all {
				written(t, o)
			}
			stored(b, "good", first+runs)
			require.Equal(t, c.want, seen.started(c.method)-carried)
			require.Equal(t, other, seen.started(c.otherwise))
			require.NotContains(t, b.Log.String(), "level=ERROR")
		})
	}
}

// A server that loses its standalone activities while bundles are under way loses none of these, and what it had answered nothing
// to is not recorded twice.
func TestStandaloneActivitiesAreLost(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	by, seen := counting(b)
	r := &activities.Recorder{TaskQueue: b.VerdictQueue}
	r.Began("worker", by)
	t.Cleanup(func() { r.Ended("worker") })
	first := 0
	b.Eventually(func() error {
		first++
		written(t, r.Offer(t.Context(), ended(fmt.Sprint("first-", first))))
		if seen.of("StartActivityExecution") == 0 {
			return errors.New("not yet")
		}
		return nil
	})

	// The answer to one is lost, and the next tries find a server without them.
	var lost atomic.Bool
	seen.set(func(method string) error {
		if lost.Load() {
			return without(method)
		}
		return nil
	}, func(method string) error {
		if method == "StartActivityExecution" && !lost.Swap(true) {
			return serviceerror.ToStatus(serviceerror.NewUnavailable("the answer is lost")).Err()
		}
		return nil
	})
	var all []*activities.Offer
	for i := range 50 {
		all = append(all, r.Offer(t.Context(), ended(fmt.Sprint("run-", i))))
	}
	for _, o := range all {
		written(t, o)
	}
	stored(b, "good", first+50)
	require.NotZero(t, seen.of("StartWorkflowExecution"))
	tried := seen.of("StartActivityExecution")
	for i := range 10 {
		written(t, r.Offer(t.Context(), ended(fmt.Sprint("later-", i))))
	}
	require.Equal(t, tried, seen.of("StartActivityExecution"), "for a minute they are not tried again")
	stored(b, "good", first+60)
	require.NotContains(t, b.Log.String(), "level=ERROR")
}

// One batch that the store refuses is in the ledger, and the others of its bundle are recorded.
func TestABundleFailsNobody(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	good, bad := ended("good"), ended("bad")
	bad.Flush.Facts.Run.RunID = strings.Repeat("x", 2000)
	keyed := activities.Batch{RunKey: "key-" + b.Queue, Records: []scoring.Record{{
		Score: scoring.Bool("thumb", true), Source: scoring.FromClient, Run: scoring.Run{WorkflowID: "key", RunID: "key"}, RecordedAt: time.Now(),
	}}}
	unknown := activities.Batch{MustKnow: true, Records: []scoring.Record{{
		Score: scoring.Bool("late", true), Source: scoring.FromClient, Run: scoring.Run{WorkflowID: "nobody", RunID: uuid.NewString()}, RecordedAt: time.Now(),
	}}}
	c := &activities.Carrier{Client: b.Client, TaskQueue: b.VerdictQueue}
	b.Eventually(func() error {
		if !c.Bundles(t.Context()) {
			return errors.New("no worker polls for bundles")
		}
		return nil
	})
	for range 2 { // the same again is the same
		sent := c.HandOver(t.Context(), []activities.Batch{good, bad, keyed, unknown})
		require.Len(t, sent, 4)
		reply := func(i int) (activities.Recorded, error) { return sent[i].Reply(t.Context(), harness.Patience) }
		got, err := reply(0)
		require.NoError(t, err)
		require.False(t, got.Held)
		_, err = reply(1)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid)
		got, err = reply(2)
		require.NoError(t, err)
		require.True(t, got.Held)
		_, err = reply(3)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	stored(b, "good", 1)
	rejected, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Rejected})
	require.NoError(t, err)
	require.Len(t, rejected, 2)
	held, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Held})
	require.NoError(t, err)
	require.Len(t, held, 1)
}

// Runs that end together on a worker without a store share what carries their scores, and start no workflow for it.
func TestRunsShareTheirHandOver(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	by, seen := counting(b)
	// It gathers for so long that runs which end one after the other on a slow machine still share.
	r := &activities.Recorder{TaskQueue: b.VerdictQueue, Gather: 400 * time.Millisecond}
	plain := workflows.NewInterceptor(&workflows.Config{TaskQueue: b.VerdictQueue}, r)
	b.By(by).Worker(b.Queue, worker.Options{Interceptors: []interceptor.WorkerInterceptor{plain}}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error { verdict.Score(ctx, "good", true); return nil },
			workflow.RegisterOptions{Name: "scores"})
	})
	b.Eventually(func() error {
		err := b.Start("scores").Get(t.Context(), nil)
		if err == nil && seen.of("StartActivityExecution") == 0 {
			err = errors.New("it has not found out yet that bundles are taken")
		}
		return err
	})
	const runs = 60
	workflows, standalone := seen.of("StartWorkflowExecution"), seen.of("StartActivityExecution")
	started := make([]client.WorkflowRun, runs)
	var all errgroup.Group
	for i := range started {
		all.Go(func() (err error) {
			started[i], err = b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: b.Queue}, "scores")
			return err
		})
	}
	require.NoError(t, all.Wait())
	for _, run := range started {
		require.NoError(t, run.Get(t.Context(), nil))
		require.Equal(t, []string{"good=true"}, b.Scores(run, 1))
	}
	r.Drain() // of a hand-over that took long the runs waited for a second
	require.Equal(t, workflows, seen.of("StartWorkflowExecution"))
	require.LessOrEqual(t, seen.of("StartActivityExecution")-standalone, runs/2)
}
