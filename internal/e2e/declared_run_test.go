package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// named waits until a run's last flush names so many declared scorers, and returns them.
func (w *waits) named(b *harness.Bench, run client.WorkflowRun, n int) (atCall []string, named []scoring.Expectation) {
	b.T.Helper()
	b.Eventually(func() error {
		if atCall, named = w.of(run); len(named) != n {
			return fmt.Errorf("the flush names %d", len(named))
		}
		return nil
	})
	return atCall, named
}

// With the kill switch thrown nothing waits, and the history has the same shape. Of a disabled type nothing waits either.
func TestNothingWaitsWithTheKillSwitch(t *testing.T) {
	t.Parallel()
	for shape, o := range map[string]worker.Options{"local activity": {}, "side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			b, w := waitsBench(t)
			var off atomic.Bool
			cfg := b.Config(declared)
			cfg.Off, cfg.Store, cfg.DisabledWorkflows = off.Load, b.Store, []string{"disabled"}
			o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
			b.Worker(b.Queue, o, func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (bool, error) {
					d := verdict.Defer(ctx, declared, pullRequest{key})
					workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
					return d.Started(), d.Err()
				}, workflow.RegisterOptions{Name: "waits"})
				w.RegisterWorkflowWithOptions(declares, workflow.RegisterOptions{Name: "disabled"})
			})
			play := func(thrown bool) (client.WorkflowRun, []string) {
				off.Store(thrown)
				run := b.Start("waits", uuid.NewString())
				b.Eventually(func() error { // until it waits for the signal
					if shape := harness.Shape(b.History(run)); len(shape) < 6 || shape[len(shape)-1] != "MarkerRecorded" {
						return fmt.Errorf("%v", shape)
					}
					return nil
				})
				off.Store(false) // the flush is recorded
				require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go on", nil))
				var started bool
				require.NoError(t, run.Get(t.Context(), &started))
				require.True(t, started)
				return run, commands(b, run)
			}
			on, shapeOn := play(false)
			silent, shapeOff := play(true)
			require.Equal(t, shapeOn, shapeOff)
			w.named(b, on, 1)
			atCall, named := w.of(silent)
			require.Empty(t, atCall)
			require.Empty(t, named)

			disabled := b.Start("disabled", uuid.NewString(), "at end")
			require.NoError(t, disabled.Get(t.Context(), nil))
			require.NotContains(t, harness.Shape(b.History(disabled)), "MarkerRecorded")
			atCall, named = w.of(disabled)
			require.Empty(t, atCall)
			require.Empty(t, named)
		})
	}
}

// A workflow task that the server refuses, because a signal came meanwhile, runs again and may wait for something else at the
// same place. The flush names that, and not what the refused one had.
func TestARefusedTaskLeavesNoPhantom(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	r := refusing{newGate()}
	t.Cleanup(r.gate.opened)
	cfg := b.Config(latest)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(r.run, workflow.RegisterOptions{Name: "refused"})
	})
	one, two := uuid.NewString(), uuid.NewString()
	run := b.StartWith(patientTask, "refused", one, false, true)
	<-r.gate.arrived
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "another", two))
	r.gate.opened()
	var id string
	require.NoError(t, run.Get(t.Context(), &id))
	var named []scoring.Expectation
	b.Eventually(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, f := range w.flushed {
			if named = f.Waits; len(named) == 1 && named[0].Identity() == id && len(w.expected) == 2 {
				return nil
			}
		}
		return fmt.Errorf("%d flushes, %d expectations", len(w.flushed), len(w.expected))
	})
	require.Equal(t, two, named[0].Events[0].Key)
	require.Equal(t, "1", named[0].Call)
	require.NotEqual(t, w.expected[0].Identity(), w.expected[1].Identity())
}

// A reset replays what was said, for the run that holds now: another identity, the same wait.
func TestAResetSaysItAgain(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	cfg := b.Config(declared)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, declared, pullRequest{key})
			if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
				return err
			}
			verdict.Defer(ctx, declared, pullRequest{key + "/later"})
			return nil
		}, workflow.RegisterOptions{Name: "waits"})
	})
	run := b.Start("waits", uuid.NewString())
	require.NoError(t, run.Get(t.Context(), nil))
	_, before := w.named(b, run, 2)
	var second int64
	for _, e := range b.History(run).Events {
		if e.GetTimerFiredEventAttributes() != nil {
			second = e.EventId + 2 // its workflow task starts
		}
	}
	again := b.Reset(run, second+1)
	require.NoError(t, again.Get(t.Context(), nil))
	_, after := w.named(b, again, 2)
	require.Equal(t, run.GetRunID(), after[0].OriginalRunID)
	require.NotEqual(t, before[0].Identity(), after[0].Identity())
	moved := after[0]
	moved.Run = before[0].Run
	require.Equal(t, before[0].Identity(), moved.Identity(), "it says the same of another run")
	require.False(t, after[1].At.Equal(before[1].At), "the second call was made again")
}

// A shadow's wait is not applicable at once: nothing waits, and nothing is in its history.
func TestAShadowWaitsForNothing(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	e := experiment(t, "declared-"+b.Queue, 1, "")
	cfg := b.Config(declared)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			pick := verdict.Experiment(ctx, e, verdict.ThisRun)
			verdict.Shadow(ctx, pick, "c", "waits", key)
			d := verdict.Defer(ctx, declared, pullRequest{key})
			if !d.Started() {
				return errors.Join(errors.New("it is not started"), d.Err())
			}
			return nil
		}, workflow.RegisterOptions{Name: "waits"})
	})
	run := b.Start("waits", uuid.NewString())
	require.NoError(t, run.Get(t.Context(), nil))
	w.named(b, run, 1)
	shadow := b.Client.GetWorkflow(t.Context(), "verdict/shadow/"+e.Definition().Name+"@1/c/"+run.GetRunID(), "")
	require.NoError(t, shadow.Get(t.Context(), nil))
	d, err := b.Client.DescribeWorkflowExecution(t.Context(), shadow.GetID(), "")
	require.NoError(t, err)
	shadow = b.Client.GetWorkflow(t.Context(), shadow.GetID(), d.WorkflowExecutionInfo.Execution.RunId)
	require.Equal(t, []string{"declared:not_applicable"}, b.Scores(shadow, 1))
	atCall, named := w.of(shadow)
	require.Empty(t, atCall)
	require.Empty(t, named)
	call := []string{"MarkerRecorded", "UpsertWorkflowSearchAttributes", "MarkerRecorded"}
	require.Equal(t, slices.Concat(call, call, []string{"WorkflowExecutionCompleted"}), commands(b, shadow), "its own assignment, and its end")
}

// As many as a run may defer, and large ones, go through one workflow task.
func TestManyDeclaredScorers(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	large := verdict.NewOutcomeScorer("large", "1", func(key string) verdict.Wait {
		events := make([]verdict.Event, 40)
		for i := range events {
			events[i] = verdict.On(fmt.Sprint("event ", i), key+strings.Repeat("<", 200)).Means(i)
		}
		return verdict.Wait{For: verdict.AnyOf(events...), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse}
	})
	cfg := b.Config(declared, large)
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string, small, big int) (n int, _ error) {
			keys := make([]pullRequest, small)
			for i := range keys {
				keys[i].Key = fmt.Sprint(key, "/", i)
			}
			for _, d := range verdict.DeferAll(ctx, declared, keys) {
				if d.Started() {
					n++
				}
			}
			for i := range big {
				if d := verdict.Defer(ctx, large, fmt.Sprint(key, "/", i)); d.Started() {
					n++
				}
			}
			return n, nil
		}, workflow.RegisterOptions{Name: "many"})
	})
	var n int
	run := b.Start("many", uuid.NewString(), 1000, 0)
	require.NoError(t, run.Get(t.Context(), &n))
	require.Equal(t, 1000, n)
	w.named(b, run, 1000)

	// Each takes about 110 KB with its events, so a part of them has no room.
	run = b.Start("many", uuid.NewString(), 0, 60)
	require.NoError(t, run.Get(t.Context(), &n))
	require.Less(t, n, 60)
	require.Greater(t, n, 10)
	b.Eventually(func() error {
		scores, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: "large"})
		if err == nil && (len(scores) != 1 || !strings.Contains(scores[0].Reason, "bytes of JSON")) {
			err = fmt.Errorf("%v", scores)
		}
		return err
	})
}
