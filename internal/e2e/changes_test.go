package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness"
)

// The user's own change ids stay visible, whatever we do: a run may call us as often as it likes.
func TestChangeIDsOfTheUserStayVisible(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var all []*experiments.Experiment
	for i := range 20 {
		all = append(all, experiment(t, fmt.Sprintf("an experiment with a long name %d of %s", i, b.Queue), 1, ""))
	}
	const own = 20
	b.UserWorker(b.Config(handled), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			var errs []error
			for i, e := range all {
				verdict.Experiment(ctx, e, verdict.ThisRun)
				errs = append(errs, verdict.Defer(ctx, handled, fmt.Sprint(b.Queue, i)).Err())
				for _, d := range verdict.DeferAll(ctx, handled, []string{b.Queue + "x", b.Queue + "y"}) {
					errs = append(errs, d.Err())
				}
				verdict.Flush(ctx, fmt.Sprintf("a flush with a long name <%d>", i))
			}
			for i := range own {
				workflow.GetVersion(ctx, fmt.Sprint("my-change-", i), workflow.DefaultVersion, 1)
			}
			return errors.Join(errs...)
		}, workflow.RegisterOptions{Name: "busy"})
	})
	run := b.Start("busy")
	require.NoError(t, run.Get(t.Context(), nil))
	ids := changeIDs(t, b, run)
	for i := range own {
		require.Contains(t, ids, fmt.Sprintf("my-change-%d-1", i))
	}
	ours := slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, "verdict/") })
	require.Len(t, ours, 4*9+1, "eight of a kind and the shared one, and the end's")
	b.Recorded(all[19].Definition().Name, run)
	for _, e := range all {
		require.NotEmpty(t, b.Recorded(e.Definition().Name, run))
	}
}

// changeIDs returns what visibility is told of a run's change ids.
func changeIDs(t *testing.T, b *harness.Bench, run client.WorkflowRun) []string {
	t.Helper()
	var last *commonpb.Payload
	for _, e := range b.History(run).Events {
		if a := e.GetUpsertWorkflowSearchAttributesEventAttributes(); a != nil {
			if p, ok := a.SearchAttributes.IndexedFields["TemporalChangeVersion"]; ok {
				last = p
			}
		}
	}
	var ids []string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(last, &ids))
	return ids
}

// A run whose code flushes in a loop goes on when its type is disabled under it, and when it is enabled again.
func TestDisabledUnderALoop(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	register := func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (int, error) {
			n := 0
			for ; n < 4; n++ {
				workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
				if err := verdict.Defer(ctx, handled, b.Queue).Err(); err != nil {
					return n, err
				}
				verdict.Score(ctx, "progress", n)
				verdict.Flush(ctx, "each round")
				if err := workflow.UpsertMemo(ctx, map[string]any{"rounds": n + 1}); err != nil {
					return n, err
				}
			}
			return n, nil
		}, workflow.RegisterOptions{Name: "looping"})
	}
	on := b.Config(handled)
	off := on
	off.DisabledWorkflows = []string{"looping"}
	for name, plan := range map[string][]verdict.Config{
		"disabled":          {on, off, off, off},
		"disabled at once":  {off, on, off, on},
		"enabled again":     {on, off, on, on},
		"disabled at last":  {on, on, on, off},
		"another plugin on": {off, off, off, on},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b.In(t)
			b.Queue = "loop-" + uuid.NewString()[:8]
			run := b.Start("looping")
			for n, cfg := range plan {
				stop := b.UserWorker(cfg, register)
				require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
				b.Eventually(func() error {
					d, err := b.Client.DescribeWorkflow(t.Context(), run.GetID(), "")
					if err != nil {
						return err
					}
					var rounds int
					if p := d.Memo.GetFields()["rounds"]; p != nil {
						_ = converter.GetDefaultDataConverter().FromPayload(p, &rounds)
					}
					if rounds != n+1 {
						return fmt.Errorf("%d rounds", rounds)
					}
					return nil
				})
				stop()
			}
			stop := b.UserWorker(on, register)
			defer stop()
			var rounds int
			require.NoError(t, run.Get(t.Context(), &rounds))
			require.Equal(t, 4, rounds)
			for _, e := range b.History(run).Events {
				require.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, e.EventType)
			}
		})
	}
}

// Calls may be added to open runs, also those whose names were confused in older releases.
func TestCallsAreAddedToOpenRuns(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	quality, second := scorerNamed("quality"), scorerNamed("quality/2")
	one, other := experiment(t, "a@b", 1, ""), experiment(t, "a", 1, "")
	step := func(context.Context) error { return nil }
	code := func(added bool) func(ctx workflow.Context) error {
		return func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 60e9})
			started := []verdict.Deferred{verdict.Defer(ctx, quality, b.Queue), verdict.Defer(ctx, quality, b.Queue)}
			verdict.Experiment(ctx, one, verdict.ThisRun)
			if added {
				started = append(started, verdict.Defer(ctx, second, b.Queue))
				started = append(started, verdict.DeferAll(ctx, quality, []string{b.Queue})...)
				verdict.Experiment(ctx, other, verdict.ThisRun)
				verdict.Flush(ctx, "added")
			}
			errs := []error{workflow.ExecuteActivity(ctx, "noop").Get(ctx, nil)}
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
			if added {
				started = append(started, verdict.Defer(ctx, second, b.Queue))
				verdict.Flush(ctx, "added later")
			}
			for _, d := range started {
				errs = append(errs, d.Err())
			}
			return errors.Join(errs...)
		}
	}
	register := func(added bool) func(worker.Worker) {
		return func(w worker.Worker) {
			w.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "noop"})
			w.RegisterWorkflowWithOptions(code(added), workflow.RegisterOptions{Name: "grown"})
		}
	}
	cfg := b.Config(quality, second)
	stop := b.UserWorker(cfg, register(false))
	run := b.Start("grown")
	b.Eventually(func() error {
		if !slices.Contains(harness.Shape(b.History(run)), "ActivityTaskCompleted") {
			return errors.New("it does not wait yet")
		}
		return nil
	})
	stop()
	b.UserWorker(cfg, register(true))
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
	require.NoError(t, run.Get(t.Context(), nil))
	b.Waiting(b.Queue, 3)
}

// A run that is reset again and again to before its Defer goes on at once: the ninth reset takes as many tasks as any.
func TestResetAgainAndAgain(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(handled), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			if err := workflow.Sleep(ctx, 1); err != nil {
				return "", err
			}
			d := verdict.Defer(ctx, handled, b.Queue)
			return d.ID, d.Err()
		}, workflow.RegisterOptions{Name: "oftenReset"})
	})
	run := b.Start("oftenReset")
	var id string
	require.NoError(t, run.Get(t.Context(), &id))
	seen, before := []string{id}, int64(0)
	for _, e := range b.History(run).Events {
		if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			before = e.EventId
			break
		}
	}
	for range 9 {
		again := b.Reset(run, before)
		require.NoError(t, again.Get(t.Context(), &id))
		require.NotContains(t, seen, id)
		seen = append(seen, id)
		tasks := 0
		for _, shape := range harness.Shape(b.History(again)) {
			if shape == "WorkflowTaskCompleted" {
				tasks++
			}
		}
		require.LessOrEqual(t, tasks, 12, "%v", seen)
	}
	b.Waiting(b.Queue, 1)
}
