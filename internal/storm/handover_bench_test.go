package storm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// BenchmarkHandOver measures what it costs a worker without a store to have the flush of a run recorded, in processor time of server
// and workers: by a workflow each, as with a verdict worker that takes no bundles; and by standalone activities and by workflows that
// carry one flush or a hundred. The forms take turns in random order, a hundred flushes at a time, until they are recorded.
func BenchmarkHandOver(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		const block = activities.MaxBundle
		server := devservertest.ForTest(b)
		bench := harness.New(b, func(store.Store) store.Store { return s })
		bench.StoreWorker()
		plain := *bench
		plain.VerdictQueue += "-plain"
		plain.PlainStoreWorker()
		without := bench.Dial(func(o *client.Options) { // a server that has no standalone activities
			o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
				func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
					if method == "/temporal.api.workflowservice.v1.WorkflowService/StartActivityExecution" {
						return serviceerror.ToStatus(serviceerror.NewUnimplemented("")).Err()
					}
					return invoke(ctx, method, req, reply, cc, opts...)
				}))
		})
		type form struct {
			name    string
			carrier *activities.Carrier
			size    int
		}
		forms := []form{
			{"workflow-each", &activities.Carrier{Client: bench.Client, TaskQueue: plain.VerdictQueue}, 1},
			{"standalone-each", &activities.Carrier{Client: bench.Client, TaskQueue: bench.VerdictQueue}, 1},
			{"standalone-of-10", &activities.Carrier{Client: bench.Client, TaskQueue: bench.VerdictQueue}, 10},
			{"standalone-of-100", &activities.Carrier{Client: bench.Client, TaskQueue: bench.VerdictQueue}, 100},
			{"workflow-of-100", &activities.Carrier{Client: without, TaskQueue: bench.VerdictQueue}, 100},
		}
		for _, f := range forms[1:] {
			harness.Eventually(b, harness.Patience, func() error {
				if !f.carrier.Bundles(b.Context()) {
					return errors.New("it is not known yet that bundles are taken")
				}
				return nil
			})
		}
		busy := map[string]time.Duration{}
		for from := 0; from < b.N; from += block {
			turn := slices.Clone(forms)
			rand.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
			for _, f := range turn {
				before := processorTime(b, server.PID())
				each(b, 16, 0, block/f.size, func(int) error {
					var all []activities.Batch
					for range f.size {
						all = append(all, ended(fmt.Sprint(f.name, "-", uuid.NewString())))
					}
					for _, sent := range f.carrier.HandOver(b.Context(), all) {
						if _, err := sent.Reply(b.Context(), harness.Patience); err != nil {
							return err
						}
					}
					return nil
				})
				busy[f.name] += processorTime(b, server.PID()) - before
			}
		}
		n := (b.N + block - 1) / block * block
		for _, f := range forms {
			b.ReportMetric(float64(busy[f.name].Microseconds())/1000/float64(n), f.name+"-cpu-ms")
		}
		b.ReportMetric(0, "ns/op")
		require.NotEmpty(b, busy)
	})
}

// ended is the flush of a run that ended with a score.
func ended(id string) activities.Batch {
	run := scoring.Run{Namespace: "default", WorkflowID: id, RunID: uuid.NewString()}
	now := time.Now()
	return activities.Batch{Flush: &scoring.Flush{
		Facts:   scoring.RunFacts{Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "any", StartedAt: now, ClosedAt: now, Status: scoring.RunCompleted},
		Records: []scoring.Record{{Score: scoring.Bool("good", true), Run: run, Source: scoring.FromWorkflow}}, Sequence: 5, Ordinal: 1, At: now,
	}}
}
