package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commandpb "go.temporal.io/api/command/v1"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/storeworker"
)

// Runs of a worker that does not know Verdict are scored as they close, by a rule: all of them, each once, also the ones that closed while
// no worker of the store was there. A sample is the same share of them for every worker, and says so.
func TestARuleScoresRunsAsTheyClose(t *testing.T) {
	t.Parallel()
	before, away := *closingRuns*3/4, *closingRuns/4
	b := harness.New(t, nil)
	server := devservertest.ForTest(t)
	b.Worker(b.Queue, worker.Options{}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(plainRun, workflow.RegisterOptions{Name: "plain"})
	})
	rule := func(name string, sample float64, s ...history.Scorer) storeworker.Rule {
		return storeworker.Rule{Name: name + b.Queue, Query: ofQueue(b), Scorers: s, Sample: sample, Every: time.Second}
	}
	rules := []storeworker.Rule{
		rule("all", 0, history.Succeeded()), rule("half", 0.5, history.Duration()),
		{Name: "none" + b.Queue, Query: ofQueue(b) + " AND WorkflowType = 'plane'", Scorers: []history.Scorer{history.Retries()}},
	}
	var calls atomic.Int64
	var followed time.Duration
	serve := func() (stop func()) {
		began := time.Now()
		w, err := storeworker.Start(t.Context(), storeworker.Options{
			Client: client.Options{
				HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger(), ConnectionOptions: countsLists(&calls),
			},
			Store: keptOpen{b.Store}, TaskQueue: b.VerdictQueue, Rules: rules, Logger: harnessLog(b),
		})
		require.NoError(t, err)
		stopped := false
		stop = func() {
			if !stopped {
				stopped = true
				followed += time.Since(began)
				require.NoError(t, w.Stop())
			}
		}
		t.Cleanup(stop)
		return stop
	}
	run := func(from, to int) {
		var all errgroup.Group
		all.SetLimit(8)
		for i := from; i < to; i++ {
			all.Go(func() error {
				run, err := b.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%d", b.Queue, i), TaskQueue: b.Queue}, "plain", i)
				if err == nil {
					_ = run.Get(t.Context(), nil)
				}
				return err
			})
		}
		require.NoError(t, all.Wait())
	}
	scores := func(name string) []scoring.Record {
		all, err := b.Store.Scores(t.Context(), store.Filter{Name: name, History: true})
		require.NoError(t, err)
		return all
	}
	scored := func(n int) {
		b.Eventually(func() error {
			if all := scores("succeeded"); len(all) != n {
				return fmt.Errorf("%d are scored", len(all))
			}
			return nil
		})
	}
	stop := serve()
	run(0, before)
	scored(before)
	for _, r := range scores("succeeded")[:5] { // what their histories say is kept as well
		facts, err := b.Store.Runs(t.Context(), store.RunFilter{Run: r.Run})
		require.NoError(t, err)
		require.NotEmpty(t, facts[0].BuildID)
		require.NotEmpty(t, facts[0].Status)
		require.Equal(t, []string{"plain", b.Queue}, []string{facts[0].WorkflowType, facts[0].TaskQueue})
	}
	var took []time.Duration
	for _, r := range scores("succeeded") {
		took = append(took, r.RecordedAt.Sub(r.ObservedAt))
	}
	slices.Sort(took)
	t.Logf("from close to score, looked for every second: median %s, p99 %s", took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond))
	stop()
	run(before, before+away)
	stop = serve()
	scored(before + away)

	seen := map[scoring.Run]bool{}
	for _, r := range scores("succeeded") {
		require.False(t, seen[r.Run])
		seen[r.Run] = true
		require.Equal(t, scoring.Scored, r.State)
		require.Equal(t, 1, r.Revision)
	}
	b.Eventually(func() error { // the other rule has looked at the last runs, too
		if n := len(scores("sampled")); n < (before+away)*3/10 || n != len(scores("duration")) {
			return fmt.Errorf("%d of them are in the sample", n)
		}
		return nil
	})
	for _, r := range scores("sampled") {
		require.Equal(t, "0.5", r.Value.String())
		require.Equal(t, "rule:half"+b.Queue, r.Key)
	}
	require.Less(t, len(scores("duration")), (before+away)*7/10)
	require.Empty(t, scores("retries"))
	require.True(t, b.Log.Contains("a rule matches no run that closed in the last day"))
	stop()
	// Each look is a call, and beyond these there is at most one for 100 runs.
	most := int64(len(rules)) * (int64(followed/time.Second) + 2 + int64(before+away)/100)
	t.Logf("%d calls of visibility for %d runs by %d rules, looked for every second for %s", calls.Load(), before+away, len(rules), followed.Round(time.Second))
	require.LessOrEqual(t, calls.Load(), most)
	for _, r := range rules {
		require.NoError(t, b.Client.TerminateWorkflow(t.Context(), r.WorkflowID(), "", "the test is over"))
	}
}

// countsLists counts the calls of visibility that rules make.
func countsLists(calls *atomic.Int64) client.ConnectionOptions {
	return client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if r, ok := req.(*workflowservice.ListWorkflowExecutionsRequest); ok && strings.Contains(r.Query, "CloseTime < ") {
				calls.Add(1)
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		})}}
}

// A server calls back about the end of a run where its starter asks for that, and only at addresses that its operator allows: nobody can ask
// for the runs of others. Where this test fails, a rule may hear of closes so: see activities.Closes.
func TestWhatAServerCallsBackAbout(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	_, err := b.Client.WorkflowService().StartWorkflowExecution(t.Context(), &workflowservice.StartWorkflowExecutionRequest{
		Namespace: devservertest.ForTest(t).Namespace, WorkflowId: b.Queue, RequestId: b.Queue, WorkflowType: &commonpb.WorkflowType{Name: "plain"},
		TaskQueue:           &taskqueuepb.TaskQueue{Name: b.Queue},
		CompletionCallbacks: []*commonpb.Callback{{Variant: &commonpb.Callback_Nexus_{Nexus: &commonpb.Callback_Nexus{Url: "http://127.0.0.1:1/closed"}}}},
	})
	var refused *serviceerror.InvalidArgument
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Message, "does not match any configured callback address")
	for _, starts := range []proto.Message{&commandpb.StartChildWorkflowExecutionCommandAttributes{}, &commandpb.ContinueAsNewWorkflowExecutionCommandAttributes{}} {
		fields := starts.ProtoReflect().Descriptor().Fields()
		require.Nil(t, fields.ByName("completion_callbacks"))
	}
}

// keptOpen is a store that a worker does not close.
type keptOpen struct{ store.Store }

func (keptOpen) Close() error { return nil }

func harnessLog(b *harness.Bench) *slog.Logger {
	return slog.New(slog.NewTextHandler(b.Log, nil))
}
