package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
)

// A run whose scores neither the store nor Temporal takes in time carries them itself, so that a worker that is killed loses none: the
// child that records them is a part of the run's own end. What the code says in a replay changes nothing of that.
func TestWhatNobodyTookTravelsWithTheRun(t *testing.T) {
	t.Parallel()
	for shape, o := range map[string]worker.Options{"local activity": {}, "side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			user := b.By(b.Dial(harness.StartsNothing))
			cfg := b.Config(declared)
			cfg.Store, cfg.Client = harness.Gone{}, user.Client
			says := func(n int) func(ctx workflow.Context, key string) error {
				return func(ctx workflow.Context, key string) error {
					for range n {
						verdict.Score(ctx, "quality", 0.5)
					}
					verdict.Defer(ctx, declared, pullRequest{key})
					return nil
				}
			}
			o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
			stop := user.Worker(b.Queue, o, func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(says(1), workflow.RegisterOptions{Name: "said"})
			})
			key := uuid.NewString()
			run := b.Start("said", key)
			require.NoError(t, run.Get(t.Context(), nil))
			stop() // and with it the memory of its plugin

			b.StoreWorker()
			require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
			require.ElementsMatch(t, []string{"declared=true", "quality=0.5"}, b.Scores(run, 2))
			shapeOf := harness.Shape(b.History(run))
			require.Equal(t, 1, count(shapeOf, "StartChildWorkflowExecutionInitiated"), "%v", shapeOf)
			for _, n := range []int{0, 1, 3} {
				replay(t, b, run, func(r worker.WorkflowReplayer) {
					r.RegisterWorkflowWithOptions(says(n), workflow.RegisterOptions{Name: "said"})
				}, verdict.NewPlugin(cfg))
			}

			// A run that is reset says it again, by a child of its own.
			stop = user.Worker(b.Queue, o, func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(says(1), workflow.RegisterOptions{Name: "said"})
			})
			defer stop()
			again := b.Reset(run, 4)
			require.NoError(t, again.Get(t.Context(), nil))
			require.ElementsMatch(t, []string{"declared=true", "quality=0.5"}, b.Scores(again, 2))
		})
	}
}

// What a run carries never stops it: a codec that makes more of a payload makes more parts, and what is refused for a reason that
// nobody foresaw is not tried for ever.
func TestWhatARunCarriesDoesNotStopIt(t *testing.T) {
	t.Parallel()
	for shape, o := range map[string]worker.Options{"local activity": {}, "side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		for name, how := range map[string]func(*client.Options){
			"a codec that makes more": func(o *client.Options) {
				o.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), wasteful(16))
			},
			"a connection that makes more": func(o *client.Options) { intercept(o, makingMore) },
			"a command that is refused":    func(o *client.Options) { intercept(o, refusingChildren) },
		} {
			t.Run(shape+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := harness.New(t, nil)
				if name != "a command that is refused" {
					b = b.By(b.Dial(how))
				}
				user := b.By(b.Dial(func(o *client.Options) {
					harness.StartsNothing(o)
					how(o)
				}))
				cfg := b.Config()
				cfg.Store, cfg.Client = harness.Gone{}, user.Client
				o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
				user.Worker(b.Queue, o, func(w worker.Worker) {
					w.RegisterWorkflowWithOptions(func(ctx workflow.Context, n int) error {
						for i := range n {
							verdict.Score(ctx, fmt.Sprint(i), i, verdict.Reason(reasons["words"]))
						}
						return nil
					}, workflow.RegisterOptions{Name: "wasted"})
				})
				run := b.StartWith(client.StartWorkflowOptions{TaskQueue: b.Queue, WorkflowTaskTimeout: 3 * time.Second}, "wasted", 150)
				require.NoError(t, run.Get(t.Context(), nil))
				if name != "a command that is refused" {
					b.StoreWorker()
					b.Scores(run, 150)
				}
			})
		}
	}
}

func intercept(o *client.Options, by grpc.UnaryClientInterceptor) {
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(by))
}

// makingMore makes more of every payload that a worker sends, where the SDK does not see it.
func makingMore(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	by, err := converter.NewPayloadCodecGRPCClientInterceptor(converter.PayloadCodecGRPCClientInterceptorOptions{Codecs: []converter.PayloadCodec{wasteful(4)}})
	if err != nil {
		return err
	}
	return by(ctx, method, req, reply, cc, invoke, opts...)
}

// refusingChildren refuses to complete a task that starts a child.
func refusingChildren(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if task, ok := req.(*workflowservice.RespondWorkflowTaskCompletedRequest); ok {
		for _, c := range task.Commands {
			if c.GetStartChildWorkflowExecutionCommandAttributes() != nil {
				return serviceerror.NewInvalidArgument("no children")
			}
		}
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

func count(all []string, one string) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != one }))
}
