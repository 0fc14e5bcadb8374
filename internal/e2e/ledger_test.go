package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// deferring registers a workflow that defers a scorer and ends.
func deferring[In any](b *harness.Bench, s *verdict.Scorer[In], opts ...verdict.DeferOption) {
	b.UserWorker(b.Config(s), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in In) (verdict.Deferred, error) {
			return verdict.Defer(ctx, s, in, opts...), nil
		}, workflow.RegisterOptions{Name: "deferring"})
	})
}

// purchase is what a run of TestAttribution waits for: its customer's payment, or that it is given up.
type purchase struct{ Customer, ID string }

// One key, many runs: attribution says whose outcome it is.
func TestAttribution(t *testing.T) {
	t.Parallel()
	for attribution, want := range map[scoring.Attribution][]string{
		scoring.AttributeAll:   {"bought=true", "bought=true", "bought=true"},
		scoring.AttributeLast:  {"bought=false", "bought=false", "bought=true"},
		scoring.AttributeFirst: {"bought=true", "bought=false", "bought=false"},
	} {
		t.Run(string(attribution), func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			deferring(b, verdict.NewScorer("bought", "1", func(ctx workflow.Context, o purchase) (scoring.Score, error) {
				got, err := verdict.Await(ctx, verdict.AnyOf(
					verdict.On("order.paid", o.Customer).Means(true),
					verdict.On("order.given_up", o.ID).Means(false),
				), verdict.Within(time.Hour).Attribute(attribution), verdict.ExpiresFalse)
				return got.Score(), err
			}))
			customer := uuid.NewString()
			var orders []purchase
			var runs []client.WorkflowRun
			for range 3 {
				o := purchase{customer, uuid.NewString()}
				run := b.Start("deferring", o)
				require.NoError(t, run.Get(t.Context(), nil))
				orders, runs = append(orders, o), append(runs, run)
				b.Waiting(customer, len(runs))
			}
			require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("order.paid", customer)))
			for _, is := range []string{"bought=true", "bought=false"} { // who has the payment, before the others are given up
				for i, run := range runs {
					if want[i] != is {
						continue
					}
					if is == "bought=false" {
						require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("order.given_up", orders[i].ID)))
					}
					require.Equal(t, want[i:i+1], b.Scores(run, 1), i)
				}
			}
		})
	}
}

// Nothing disappears: what came too late and what nobody awaits is in the ledger.
func TestLateAndUnclaimedOutcomesAreKept(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	deferring(b, verdict.NewScorer("quick", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("x", key).Means(true), verdict.Within(100*time.Millisecond), verdict.ExpiresFalse)
		return got.Score(), err
	}))
	key := uuid.NewString()
	run := b.Start("deferring", key)
	require.Equal(t, []string{"quick=false"}, b.Scores(run, 1))
	late, nobody := outcome("x", key), outcome("x", "nobody")
	require.NoError(t, b.Verdict.Deliver(t.Context(), late))
	require.NoError(t, b.Verdict.Deliver(t.Context(), nobody))
	b.Eventually(func() error {
		entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err != nil {
			return err
		}
		states := map[string]store.OutcomeState{}
		for _, e := range entries {
			states[e.Outcome.ID] = e.State
		}
		if states[late.ID] != store.Late || states[nobody.ID] != store.Unclaimed {
			return fmt.Errorf("%v", states)
		}
		return nil
	})
	require.Equal(t, []string{"quick=false"}, b.Scores(run, 1), "a late outcome changes nothing")
}

// A scorer may begin at a time; an outcome that came before counts.
func TestStartAtATime(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	at := time.Now().Add(time.Second)
	var began atomic.Int64
	deferring(b, verdict.NewScorer("later", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		began.Store(workflow.Now(ctx).UnixNano())
		got, err := verdict.Await(ctx, verdict.On("x", key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
		return got.Score(), err
	}), verdict.StartAt(at))
	key := uuid.NewString()
	run := b.Start("deferring", key)
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("x", key)))
	require.Equal(t, []string{"later=true"}, b.Scores(run, 1))
	require.False(t, time.Unix(0, began.Load()).Before(at))
}

// With the store and the worker that opens it away, nothing is lost: it is recorded once they are back.
func TestEverythingAwayForAWhile(t *testing.T) {
	t.Parallel()
	away := &flaky{}
	away.down.Store(true)
	b := harness.New(t, func(s store.Store) store.Store { away.Store = s; return away })
	cfg := b.Config(merged, fast)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflow(propose)
		w.RegisterWorkflow(scoreTimes)
		w.RegisterActivity(double)
	})
	stop := b.StoreWorker()
	pr := pullRequest{uuid.NewString()}
	run, scored := b.Start(propose, pr, ""), b.Start(scoreTimes, 2)
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, scored.Get(t.Context(), nil))
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	stop()
	away.down.Store(false)
	b.StoreWorker()
	require.ElementsMatch(t, []string{"merged=true", "fast=1"}, b.Scores(run, 2))
	require.Len(t, b.Scores(scored, 2), 2)
}

// flaky is a store that may be away.
type flaky struct {
	store.Store
	down atomic.Bool
}

var errAway = errors.New("the store is away")

func (f *flaky) Record(ctx context.Context, r []scoring.Record) error {
	if f.down.Load() {
		return errAway
	}
	return f.Store.Record(ctx, r)
}

func (f *flaky) Flush(ctx context.Context, x scoring.Flush) error {
	if f.down.Load() {
		return errAway
	}
	return f.Store.Flush(ctx, x)
}

func (f *flaky) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	if f.down.Load() {
		return nil, errAway
	}
	return f.Store.Expect(ctx, e)
}

func (f *flaky) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	if f.down.Load() {
		return store.Receipt{}, errAway
	}
	return f.Store.Receive(ctx, o)
}

func (f *flaky) Settle(ctx context.Context, s store.Settlement) ([]scoring.Outcome, error) {
	if f.down.Load() {
		return nil, errAway
	}
	return f.Store.Settle(ctx, s)
}

// A scorer that waits goes on with the code of its version when a new version is deployed beside it.
func TestScorerVersionsRunSideBySide(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	version := func(v string, means float64) *verdict.Scorer[string] {
		return verdict.NewScorer("graded", v, func(ctx workflow.Context, key string) (scoring.Score, error) {
			got, err := verdict.Await(ctx, verdict.On("x", key).Means(means), verdict.Within(time.Hour), verdict.ExpiresUnknown)
			return got.Score(), err
		})
	}
	deploy := func(deferred *verdict.Scorer[string], scorers ...verdict.ScorerDefinition) (stop func()) {
		return b.UserWorker(b.Config(scorers...), func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Deferred, error) {
				return verdict.Defer(ctx, deferred, key), nil
			}, workflow.RegisterOptions{Name: "graded"})
		})
	}
	one, two := version("1", 1), version("2", 2)
	key := uuid.NewString()
	stop := deploy(one, one)
	first := b.Start("graded", key)
	b.Waiting(key, 1)
	stop()
	deploy(two, one, two)
	second := b.Start("graded", key)
	b.Waiting(key, 2)
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("x", key)))
	require.Equal(t, []string{"graded=1"}, b.Scores(first, 1))
	require.Equal(t, []string{"graded=2"}, b.Scores(second, 1))
	scores, err := b.Store.Scores(t.Context(), store.Filter{Run: of(second)})
	require.NoError(t, err)
	require.Equal(t, "graded@2", scores[0].Key)
}
