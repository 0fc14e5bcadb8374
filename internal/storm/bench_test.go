package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/webhooks"
)

// BenchmarkOutcomes measures how many outcomes a second get from a signed HTTP request to a recorded score, when their
// scorers wait already, and how many signals a second end a bare workflow that waits for one and returns. The two take
// turns on one server, a hundred at a time. Server, workers, senders and store share one machine, so the ratio says more
// than the rates.
func BenchmarkOutcomes(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmark(b, nil) })
	b.Run("postgres", func(b *testing.B) {
		url := pgtest.Start(b)
		require.NoError(b, postgres.Migrate(b.Context(), url))
		opened, err := postgres.Open(b.Context(), url)
		require.NoError(b, err)
		b.Cleanup(func() { _ = opened.Close() })
		benchmark(b, opened)
	})
}

// settled counts settlements that were committed.
type settled struct {
	store.Store
	n atomic.Int64
}

func (s *settled) Settle(ctx context.Context, x store.Settlement) ([]scoring.Outcome, error) {
	unseen, err := s.Store.Settle(ctx, x)
	if err == nil && len(unseen) == 0 {
		s.n.Add(1)
	}
	return unseen, err
}

func benchmark(b *testing.B, in store.Store) {
	const block, concurrency = 100, 32
	scores := &settled{Store: in}
	bench := harness.New(b, func(s store.Store) store.Store {
		if in == nil {
			scores.Store = s
		}
		return scores
	})
	var waiting, returned atomic.Int64
	bench.StoreWorker()
	cfg := bench.Config(paid)
	cfg.Store = bench.Store
	bench.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflow(ordered)
	})
	bench.Worker("bare-"+bench.Queue, worker.Options{}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			waiting.Add(1)
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			returned.Add(1)
			return nil
		}, workflow.RegisterOptions{Name: "bare"})
	})
	receiver, err := newReceiver(bench.Client, bench.VerdictQueue)
	require.NoError(b, err)
	server := httptest.NewServer(receiver)
	b.Cleanup(server.Close)
	// Connections are kept, as a sender would.
	sender := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
	b.Cleanup(sender.CloseIdleConnections)

	prefix := uuid.NewString()[:8]
	name := func(kind string, i int) string { return fmt.Sprintf("%s-%s-%d", kind, prefix, i) }
	each(b, concurrency, 0, b.N, func(i int) error {
		_, err := bench.Client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: name("order", i), TaskQueue: bench.Queue}, ordered, name("order", i))
		if err != nil {
			return err
		}
		_, err = bench.Client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: name("bare", i), TaskQueue: "bare-" + bench.Queue}, "bare")
		return err
	})
	harness.Eventually(b, 10*time.Minute, func() error {
		open, err := scores.Waiting(b.Context(), time.Now().Add(time.Hour))
		if err == nil && (len(open) < b.N || waiting.Load() < int64(b.N)) {
			err = fmt.Errorf("%d scorers and %d bare workflows wait", len(open), waiting.Load())
		}
		return err
	})

	var delivering, signalling time.Duration
	b.ResetTimer()
	for from := 0; from < b.N; from += block {
		to := min(from+block, b.N)
		began := time.Now()
		each(b, concurrency, from, to, func(i int) error { return post(b.Context(), sender, server.URL, name("order", i)) })
		reach(b, &scores.n, to)
		delivering += time.Since(began)
		began = time.Now()
		each(b, concurrency, from, to, func(i int) error {
			return bench.Client.SignalWorkflow(b.Context(), name("bare", i), "", "end", nil)
		})
		reach(b, &returned, to)
		signalling += time.Since(began)
	}
	b.StopTimer()
	outcomes, bare := float64(b.N)/delivering.Seconds(), float64(b.N)/signalling.Seconds()
	b.ReportMetric(outcomes, "outcomes/s")
	b.ReportMetric(bare, "signals/s")
	b.ReportMetric(outcomes/bare, "ratio")
	b.ReportMetric(0, "ns/op")
}

// each calls f for the numbers of a range, some at a time.
func each(b *testing.B, concurrency, from, to int, f func(int) error) {
	var all errgroup.Group
	all.SetLimit(concurrency)
	for i := from; i < to; i++ {
		all.Go(func() error { return f(i) })
	}
	require.NoError(b, all.Wait())
}

func reach(b *testing.B, n *atomic.Int64, want int) {
	harness.Eventually(b, 5*time.Minute, func() error {
		if got := n.Load(); got < int64(want) {
			return fmt.Errorf("%d of %d", got, want)
		}
		return nil
	})
}

// post delivers the outcome of an order.
func post(ctx context.Context, c *http.Client, to, order string) error {
	body, err := json.Marshal(map[string]any{"type": "order.paid", "data": map[string]any{"name": "order.paid", "key": order, "value": 1}})
	if err != nil {
		return err
	}
	req, err := newDelivery(ctx, to, order, body)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", res.Status)
	}
	return nil
}

// newReceiver returns the handler that webhooks come in through.
func newReceiver(c client.Client, queue string) (http.Handler, error) {
	sink := verdict.NewClient(c, verdict.ClientOptions{StoreTaskQueue: queue})
	return webhooks.New(webhooks.StandardWebhooks{Secrets: []string{secret}}, webhooks.Options{Mapping: webhooks.Scores, Sink: sink})
}
