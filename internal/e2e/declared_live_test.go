package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// declaring defers a declared scorer and ends in some way.
func declaring(ctx workflow.Context, key, end string, atEnd bool) error {
	var opts []verdict.DeferOption
	if atEnd {
		opts = append(opts, verdict.AtEnd())
	}
	verdict.Defer(ctx, declared, pullRequest{key}, opts...)
	switch end {
	case "fail":
		return temporal.NewNonRetryableApplicationError("no", "No", nil)
	case "wait":
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
	case "continue":
		if workflow.GetInfo(ctx).ContinuedExecutionRunID == "" {
			return workflow.NewContinueAsNewError(ctx, "declaring", key+"/next", "", atEnd)
		}
	}
	return nil
}

// An outcome gives exactly one score to a declared scorer, whenever it comes and however the run ends, with a store on the user's
// worker and without one.
func TestDeclaredInEveryOrder(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("store of its own %v", own), func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			cfg := b.Config(declared)
			if own {
				cfg.Store = b.Store
			}
			b.UserWorker(cfg, func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(declaring, workflow.RegisterOptions{Name: "declaring"})
			})
			deliver := func(o verdict.Outcome) { require.NoError(t, b.Verdict.Deliver(t.Context(), o)) }
			once := func(run client.WorkflowRun, want string) {
				t.Helper()
				require.Equal(t, []string{want}, b.Scores(run, 1))
				all, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), History: true})
				require.NoError(t, err)
				require.LessOrEqual(t, len(all), 2, "pending, and the score")
			}
			for _, atEnd := range []bool{false, true} {
				for _, end := range []string{"", "fail"} {
					key := uuid.NewString()
					deliver(outcome("pr.merged", key))
					early := b.Start("declaring", key, end, atEnd)
					_ = early.Get(t.Context(), nil)
					once(early, "declared=true")

					key = uuid.NewString()
					late := b.Start("declaring", key, end, atEnd)
					_ = late.Get(t.Context(), nil)
					b.Waiting(key, 1)
					o := outcome("pr.closed", key)
					deliver(o)
					once(late, "declared=false")
					deliver(o)
					deliver(outcome("pr.merged", key))
					b.Eventually(func() error { // the other one has come too
						entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
						for _, e := range entries {
							if e.Outcome.Key == key && e.Outcome.Name == "pr.merged" {
								return nil
							}
						}
						return errors.Join(errors.New("it has not come"), err)
					})
					once(late, "declared=false")
				}
				key := uuid.NewString()
				first := b.Start("declaring", key, "continue", atEnd)
				require.NoError(t, first.Get(t.Context(), nil))
				b.Waiting(key+"/next", 1)
				b.Waiting(key, 1)
				deliver(outcome("pr.merged", key))
				deliver(outcome("pr.closed", key+"/next"))
				b.Eventually(func() error {
					all, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: first.GetID()}, States: []scoring.State{scoring.Scored}})
					if err == nil && len(all) != 2 {
						err = fmt.Errorf("%v", all)
					}
					return err
				})
			}
			// A run that is terminated had its scorer kept at the call; with AtEnd it is lost, as a score is.
			for _, atEnd := range []bool{false, true} {
				key := uuid.NewString()
				run := b.Start("declaring", key, "wait", atEnd)
				b.Eventually(func() error {
					d, err := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
					if err == nil && (d.PendingWorkflowTask != nil || d.WorkflowExecutionInfo.HistoryLength < 4) {
						err = errors.New("it does not wait yet")
					}
					return err
				})
				if !atEnd {
					b.Waiting(key, 1)
				}
				require.NoError(t, b.Client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "test"))
				deliver(outcome("pr.merged", key))
				if !atEnd {
					once(run, "declared=true")
					continue
				}
				b.Eventually(func() error {
					entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Unclaimed})
					for _, e := range entries {
						if e.Outcome.Key == key {
							return nil
						}
					}
					return errors.Join(errors.New("it is not unclaimed"), err)
				})
			}
		})
	}
}

// When a run is reset, the run that holds has the scores: of what it replays, and of what it does again.
func TestDeclaredAfterAReset(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config(declared)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, declared, pullRequest{key})
			return workflow.Sleep(ctx, time.Millisecond)
		}, workflow.RegisterOptions{Name: "waits"})
	})
	for name, before := range map[string]bool{"to before the call": true, "to after the call": false} {
		key := uuid.NewString()
		run := b.Start("waits", key)
		require.NoError(t, run.Get(t.Context(), nil))
		b.Waiting(key, 1)
		event := int64(4)
		for _, e := range b.History(run).Events {
			if !before && e.GetTimerFiredEventAttributes() != nil {
				event = e.EventId + 3 // its workflow task completes
			}
		}
		again := b.Reset(run, event)
		require.NoError(t, again.Get(t.Context(), nil))
		b.Eventually(func() error {
			open, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
			n := 0
			for _, e := range open {
				if e.Events[0].Key == key && e.Run.RunID == again.GetRunID() {
					n++
				} else if e.Events[0].Key == key {
					return fmt.Errorf("%s: the run that was reset away waits", name)
				}
			}
			if n != 1 {
				err = errors.Join(err, fmt.Errorf("%s: %d wait", name, n))
			}
			return err
		})
		require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
		require.Equal(t, []string{"declared=true"}, b.Scores(again, 1), name)
	}
}

// While the worker that keeps the store is away, Temporal holds what waits and what comes, in any order.
func TestDeclaredWhileTheStoreWorkerIsAway(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.UserWorker(b.Config(declared), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(declaring, workflow.RegisterOptions{Name: "declaring"})
	})
	var runs []client.WorkflowRun
	for range 3 {
		key := uuid.NewString()
		run := b.Start("declaring", key, "", false)
		require.NoError(t, run.Get(t.Context(), nil))
		require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
		runs = append(runs, run)
	}
	b.StoreWorker()
	for _, run := range runs {
		require.Equal(t, []string{"declared=true"}, b.Scores(run, 1))
	}
}
