package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/workflows"
)

// limitedWorkers are workers that cannot promise a local activity a slot at once.
func limitedWorkers(t *testing.T) map[string]worker.Options {
	tuner, err := worker.NewFixedSizeTuner(worker.FixedSizeTunerOptions{
		NumWorkflowSlots: 100, NumActivitySlots: 100, NumLocalActivitySlots: 1, NumNexusSlots: 1,
	})
	require.NoError(t, err)
	return map[string]worker.Options{
		"one slot":       {MaxConcurrentLocalActivityExecutionSize: 1},
		"a rate":         {WorkerLocalActivitiesPerSecond: 0.2},
		"a tuner of one": {Tuner: tuner},
	}
}

// hog holds a local-activity slot until the test lets it go.
func hog(held chan<- struct{}, release <-chan struct{}) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteLocalActivity(ctx, func(ctx context.Context) error {
			held <- struct{}{}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		}).Get(ctx, nil)
	}
}

// A run ends at once and as it would without Verdict although every local-activity slot of its worker is taken; what it
// scored is stored, and what is recorded is what it was served. The steady cost is the same as with a free slot.
func TestRunsOfALimitedWorker(t *testing.T) {
	t.Parallel()
	for name, o := range limitedWorkers(t) {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, store of its own %v", name, own), func(t *testing.T) {
				t.Parallel()
				b := harness.New(t, nil)
				b.StoreWorker()
				e := experiment(t, "limited-"+b.Queue, 1, "")
				cfg := b.Config()
				if own {
					cfg.Store = b.Store
				}
				held, release := make(chan struct{}, 1), make(chan struct{})
				o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
				b.Worker(b.Queue, o, func(w worker.Worker) {
					w.RegisterWorkflowWithOptions(hog(held, release), workflow.RegisterOptions{Name: "hog"})
					w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "plain"})
					w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error { verdict.Score(ctx, "s", true); return nil }, workflow.RegisterOptions{Name: "scored"})
					w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
						pick := verdict.Experiment(ctx, e, verdict.ThisRun)
						verdict.Score(ctx, "good", true)
						verdict.Flush(ctx, "half")
						return pick.Variant, nil
					}, workflow.RegisterOptions{Name: "assigned"})
				})
				b.Start("hog")
				<-held
				defer close(release)

				for name, events := range map[string]int{"plain": 8, "scored": 8, "assigned": 14} {
					run := b.Start(name)
					var served string
					require.NoError(t, run.Get(t.Context(), &served))
					h := b.History(run)
					require.Len(t, harness.Shape(h), events, name)
					tasks := 0
					for _, e := range h.Events {
						if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
							tasks++
						}
					}
					require.Equal(t, 1, tasks, name)
					if name == "plain" {
						continue
					}
					b.Scores(run, 1)
					if name == "assigned" {
						require.Equal(t, served, b.Recorded(e.Definition().Name, run), "what is recorded is what was served")
					}
				}
			})
		}
	}
}

// A local activity that waits for a slot past its deadline is run by the SDK all the same. By then the run has been served
// the control: the activity records nothing. A child that finds a slot is served the same.
func TestAQueuedAssignmentIsWithdrawn(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	e := experiment(t, "queued-"+b.Queue, 1e9, "")
	// Without the plugin's look at the worker's options it takes the worker for one without limits.
	plain := workflows.NewInterceptor(&workflows.Config{TaskQueue: b.VerdictQueue}, &activities.Recorder{Store: b.Store})
	held, release := make(chan struct{}, 1), make(chan struct{})
	o := worker.Options{MaxConcurrentLocalActivityExecutionSize: 1, Interceptors: []interceptor.WorkerInterceptor{plain}}
	b.Worker(b.Queue, o, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(hog(held, release), workflow.RegisterOptions{Name: "hog"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			pick := verdict.Experiment(ctx, e, verdict.ThisRun)
			verdict.Score(ctx, "good", true)
			if workflow.GetInfo(ctx).ParentWorkflowExecution != nil {
				return pick.Variant, nil
			}
			var inChild string
			err := workflow.ExecuteChildWorkflow(ctx, "queued").Get(ctx, &inChild)
			return pick.Variant + inChild, err
		}, workflow.RegisterOptions{Name: "queued"})
	})
	b.Start("hog")
	<-held
	run := b.Start("queued")
	b.Eventually(func() error { // the assignment waits for the slot, and for longer than it may
		d, err := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
		if err == nil && (d.PendingWorkflowTask == nil || d.PendingWorkflowTask.StartedTime == nil ||
			time.Since(d.PendingWorkflowTask.StartedTime.AsTime()) < 1500*time.Millisecond) {
			err = errors.New("it has not waited long enough")
		}
		return err
	})
	close(release)
	var served string
	require.NoError(t, run.Get(t.Context(), &served))
	require.Equal(t, "aa", served, "the control, and so is its child")
	require.Empty(t, b.Recorded(e.Definition().Name, run))
	all, err := b.Store.Assignments(t.Context(), e.Definition().Name, "1")
	require.NoError(t, err)
	require.Empty(t, all)
}

// Under a burst on a worker with the SDK's resource-based tuner, what is in the statistics is what was served.
func TestABurstCountsWhatItServed(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	e := experiment(t, "burst-"+b.Queue, 9, "")
	tuner, err := worker.NewResourceBasedTuner(worker.ResourceBasedTunerOptions{TargetMem: 0.9, TargetCpu: 0.9, InfoSupplier: spare{}})
	require.NoError(t, err)
	b.Worker(b.Queue, worker.Options{Tuner: tuner, Plugins: []worker.Plugin{verdict.NewPlugin(b.Config())}}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
			if err := workflow.ExecuteLocalActivity(local, func(context.Context) error { return nil }).Get(ctx, nil); err != nil {
				return "", err
			}
			pick := verdict.Experiment(ctx, e, verdict.ThisRun)
			verdict.Score(ctx, "good", true)
			return pick.Variant, nil
		}, workflow.RegisterOptions{Name: "burst"})
	})
	runs := make([]client.WorkflowRun, 60)
	for i := range runs {
		runs[i] = b.Start("burst")
	}
	counted := 0
	for _, run := range runs {
		var served string
		require.NoError(t, run.Get(t.Context(), &served))
		if recorded := b.Recorded(e.Definition().Name, run); recorded != "" {
			require.Equal(t, served, recorded)
			counted++
		}
	}
	require.Greater(t, counted, len(runs)/2)
}

// spare says that there is room, so that the tuner only does what it does on an idle host.
type spare struct{}

func (spare) MemoryUsage(*worker.SysInfoContext) (float64, error) { return 0.1, nil }
func (spare) CpuUsage(*worker.SysInfoContext) (float64, error)    { return 0.1, nil }

// A worker without a store of its own cannot know what another attempt of the run was served. When the weights have
// changed meanwhile and the two differ, the unit is out.
func TestARetryThatIsServedSomethingElse(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	name := "retried-" + b.Queue
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			weight := 1e-9
			if workflow.GetInfo(ctx).Attempt > 1 {
				weight = 1e9 // as if it had been changed meanwhile
			}
			pick := verdict.Experiment(ctx, experiment(t, name, weight, ""), verdict.ThisRun)
			verdict.Score(ctx, "good", true)
			if pick.Variant == "a" {
				return "", errors.New("again")
			}
			return pick.Variant, nil
		}, workflow.RegisterOptions{Name: "retried"})
	})
	o := startOptions()
	o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 1, MaximumAttempts: 2}
	run := b.StartWith(o, "retried")
	var served string
	require.NoError(t, run.Get(t.Context(), &served))
	require.Equal(t, "b", served)
	b.Eventually(func() error {
		all, err := b.Store.Assignments(t.Context(), name, "1")
		if err == nil && (len(all) != 1 || !all[0].Unserved) {
			err = fmt.Errorf("%+v", all)
		}
		return err
	})
}
