package storm

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
)

// durable calls f with each kind of store, whose commits are on the disk.
func durable(b *testing.B, f func(b *testing.B, s store.Store)) {
	b.Run("sqlite", func(b *testing.B) {
		s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "verdict.db"))
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		f(b, s)
	})
	b.Run("postgres", func(b *testing.B) {
		url := pgtest.Durable(b)
		require.NoError(b, postgres.Migrate(b.Context(), url))
		s, err := postgres.Open(b.Context(), url)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		f(b, s)
	})
}

// declared is an expectation of the payment of an order.
func declared(order string, until time.Duration) scoring.Expectation {
	now := time.Now()
	rule := scoring.Rule{
		Need: scoring.NeedAny, End: scoring.ExpiresFalse,
		Events: []scoring.RuleEvent{{Event: scoring.Event{Name: "order.paid", Key: order}, Means: scoring.BoolValue(true)}},
	}
	return scoring.Expectation{
		Scorer: "paid", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: "1", At: now, RunStartedAt: now,
		Window: scoring.Window{Since: now.Add(-24 * time.Hour), Until: now.Add(until)},
		Run:    scoring.Run{Namespace: "default", WorkflowID: order, RunID: uuid.NewString()},
	}
}

func expectAll(b *testing.B, s store.Store, n int, of func(i int) scoring.Expectation) {
	each(b, 64, 0, n, func(i int) error {
		_, err := s.Expect(b.Context(), of(i))
		return err
	})
}

// BenchmarkDeclaredOutcomes measures how many outcomes a second get from a signed HTTP request, of 64 senders, to the committed
// score of a declared scorer, and how many signals a second end a bare workflow that waits for one. The two take turns, so the
// ratio says more than the rates: all of it is on one machine.
func BenchmarkDeclaredOutcomes(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		const senders, block = 64, 500
		bench := harness.New(b, func(store.Store) store.Store { return s })
		server := devservertest.ForTest(b)
		w, err := storeworker.Start(b.Context(), storeworker.Options{
			Client: client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: bench.Logger()},
			Store:  kept{s}, TaskQueue: bench.VerdictQueue, Listen: "127.0.0.1:0", Webhooks: storeworker.Webhooks{Standard: []string{secret}},
			Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, w.Stop()) })
		sender := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
		b.Cleanup(sender.CloseIdleConnections)
		var waiting, returned atomic.Int64
		bench.Worker("bare-"+bench.Queue, worker.Options{}, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
				waiting.Add(1)
				workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
				returned.Add(1)
				return nil
			}, workflow.RegisterOptions{Name: "bare"})
		})
		name := func(i int) string { return fmt.Sprint(bench.Queue, "-", i) }
		expectAll(b, s, b.N, func(i int) scoring.Expectation { return declared(name(i), time.Hour) })
		signals := max(1, b.N/10)
		each(b, senders, 0, signals, func(i int) error {
			_, err := bench.Client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: name(i), TaskQueue: "bare-" + bench.Queue}, "bare")
			return err
		})
		reach(b, &waiting, signals)
		var delivering, signalling time.Duration
		b.ResetTimer()
		for from := 0; from < b.N; from += block {
			to := min(from+block, b.N)
			began := time.Now()
			each(b, senders, from, to, func(i int) error { return post(b.Context(), sender, w.URL()+"/webhooks/standard", name(i)) })
			delivering += time.Since(began) // each has its answer after the commit
			began = time.Now()
			each(b, senders, from*signals/b.N, to*signals/b.N, func(i int) error {
				return bench.Client.SignalWorkflow(b.Context(), name(i), "", "end", nil)
			})
			reach(b, &returned, to*signals/b.N)
			signalling += time.Since(began)
		}
		b.StopTimer()
		scored, err := s.Scores(b.Context(), store.Filter{States: []scoring.State{scoring.Scored}})
		require.NoError(b, err)
		require.Len(b, scored, b.N)
		outcomes, bare := float64(b.N)/delivering.Seconds(), float64(signals)/signalling.Seconds()
		b.ReportMetric(outcomes, "outcomes/s")
		b.ReportMetric(bare, "signals/s")
		b.ReportMetric(outcomes/bare, "ratio")
		b.ReportMetric(0, "ns/op")
	})
}

// kept is a store that the worker does not close.
type kept struct{ store.Store }

func (kept) Close() error { return nil }

// BenchmarkWindows measures how many windows that have ended are closed in a second.
func BenchmarkWindows(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		prefix := uuid.NewString()[:8]
		ends := time.Now().Add(5*time.Second + time.Duration(b.N)*2*time.Millisecond)
		expectAll(b, s, b.N, func(i int) scoring.Expectation {
			e := declared(fmt.Sprint(prefix, i), time.Hour)
			e.Window.Until, e.Rule.Allowance = ends, time.Millisecond
			return e
		})
		<-time.After(time.Until(ends.Add(time.Second)))
		b.ResetTimer()
		began := time.Now()
		closed, err := s.CloseDue(b.Context())
		require.NoError(b, err)
		require.Equal(b, b.N, closed, "the windows ended before all of them were made")
		b.ReportMetric(float64(closed)/time.Since(began).Seconds(), "windows/s")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkHotKey measures how long one outcome takes that b.N scorers wait for, until each has its score, and what outcomes of
// other keys wait for meanwhile.
func BenchmarkHotKey(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		prefix := uuid.NewString()[:8]
		expectAll(b, s, b.N, func(i int) scoring.Expectation {
			e := declared(prefix, time.Hour)
			e.Run.WorkflowID = fmt.Sprint(prefix, i)
			return e
		})
		receive := func(ctx context.Context, key string) error {
			_, err := s.Receive(ctx, scoring.Outcome{ID: key, Name: "order.paid", Key: key, ReceivedAt: time.Now()})
			return err
		}
		b.ResetTimer()
		began := time.Now()
		require.NoError(b, receive(b.Context(), prefix))
		answered := time.Since(began)
		_, err := s.CloseDue(b.Context())
		require.NoError(b, err)
		b.ReportMetric(answered.Seconds()*1e3, "ms/answer")
		b.ReportMetric(time.Since(began).Seconds()*1e3, "ms/scored")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkWaiting measures the memory that b.N waiting declared scorers cost the process that keeps the store.
func BenchmarkWaiting(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		heap := func() float64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc)
		}
		prefix := uuid.NewString()[:8]
		before := heap()
		expectAll(b, s, b.N, func(i int) scoring.Expectation { return declared(fmt.Sprint(prefix, i), time.Hour) })
		b.ReportMetric((heap()-before)/float64(b.N), "bytes/scorer")
	})
}
