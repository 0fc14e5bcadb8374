package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// flushCounter counts the flushes that a store has kept, each once.
type flushCounter struct {
	store.Store
	seen sync.Map
	kept atomic.Int64
}

func (f *flushCounter) Flush(ctx context.Context, flush scoring.Flush) error {
	err := f.Store.Flush(ctx, flush)
	if err == nil {
		if _, again := f.seen.LoadOrStore(fmt.Sprint(flush.Facts.Run, flush.Ordinal), true); !again {
			f.kept.Add(1)
		}
	}
	return err
}

// The flushes of one workflow task are handed over by workflows that run in any order. The last one holds all the same, with
// how the run ended.
func TestTheLastFlushHolds(t *testing.T) {
	t.Parallel()
	counter := &flushCounter{}
	b := harness.New(t, func(s store.Store) store.Store {
		counter.Store = s
		return counter
	})
	b.StoreWorker()
	const runs = 40
	main := func(ctx workflow.Context) error {
		for _, step := range []struct {
			first, second float64
			flush         string
		}{{1, 0, "one"}, {2, 1, "two"}, {3, 2, ""}} {
			verdict.Score(ctx, "first", step.first)
			if step.second > 0 {
				verdict.Score(ctx, "second", step.second)
			}
			if step.flush != "" {
				verdict.Flush(ctx, step.flush)
			}
		}
		return nil
	}
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(main, workflow.RegisterOptions{Name: "flushes"})
	})
	var started []client.WorkflowRun
	for range runs {
		started = append(started, b.Start("flushes"))
	}
	for _, r := range started {
		require.NoError(t, r.Get(t.Context(), nil))
	}
	b.Eventually(func() error {
		if n := counter.kept.Load(); n < 3*runs {
			return fmt.Errorf("%d flushes kept", n)
		}
		return nil
	})
	for _, r := range started {
		require.ElementsMatch(t, []string{"first=3", "second=2"}, b.Scores(r, 2))
		facts, err := b.Store.Runs(t.Context(), store.RunFilter{Run: of(r)})
		require.NoError(t, err)
		require.Len(t, facts, 1)
		require.Equal(t, scoring.RunCompleted, facts[0].Status)
		require.False(t, facts[0].ClosedAt.IsZero())
	}
	scores, err := b.Store.Scores(t.Context(), store.Filter{Name: "first", History: true})
	require.NoError(t, err)
	require.NotEmpty(t, scores)
	for _, s := range scores {
		require.False(t, s.RecordedAt.IsZero())
		require.False(t, s.RecordedAt.Before(s.ObservedAt))
	}
}
