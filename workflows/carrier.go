package workflows

import (
	"context"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// A run's records leave the workflow task in one of two ways, each for three events, with the version's own. A local
// activity is the rule. It takes a slot, which a worker that limits its local activities cannot promise at once: the
// SDK then queues it past any deadline and holds the task back meanwhile. Such a worker uses a side effect, which hands
// the write to the plugin's own writer and waits for it within a budget.

// patience is how long the side effects of one workflow task wait in all. The SDK's deadlock detector gives a task a second.
const patience = 250 * time.Millisecond

// The SDK's limits for a worker that sets none.
const (
	freeSlots = 1000
	freeRate  = 100_000
)

// host has the facts that a run needs about the worker that runs its code.
type host struct {
	buildID     string
	sideEffects bool
	patience    time.Duration
	failsRuns   bool // whose code panics, instead of their tasks
}

// hostOf reads a worker's options.
func hostOf(o *worker.Options) host {
	h := host{
		buildID: o.DeploymentOptions.Version.BuildID, patience: patience,
		failsRuns: o.WorkflowPanicPolicy == worker.FailWorkflow,
	}
	if o.DeadlockDetectionTimeout > 0 {
		h.patience = min(h.patience, o.DeadlockDetectionTimeout/4)
	}
	h.sideEffects = limit(o) != ""
	return h
}

// limit names the option that keeps a worker from promising a local activity a slot at once; it is empty if there is
// none.
func limit(o *worker.Options) string {
	switch {
	case o.Tuner != nil:
		return "Tuner"
	case o.MaxConcurrentLocalActivityExecutionSize > 0 && o.MaxConcurrentLocalActivityExecutionSize < freeSlots:
		return "MaxConcurrentLocalActivityExecutionSize"
	case o.WorkerLocalActivitiesPerSecond > 0 && o.WorkerLocalActivitiesPerSecond < freeRate:
		return "WorkerLocalActivitiesPerSecond"
	}
	return ""
}

// pick returns the version of a shape for this worker's way of recording.
func (r *run) pick(ctx workflow.Context, byActivity, bySideEffect workflow.Version) workflow.Version {
	// A worker knows its client from the first activity or local activity of its life on, if not from the start.
	if info := workflow.GetInfo(ctx); r.cfg.host(info).sideEffects && r.recorder.Ready(info.Namespace) {
		return bySideEffect
	}
	return byActivity
}

// budget is the rest of the patience. It is no workflow state: only a side effect reads it.
type budget struct {
	task   int // the length of the history, which tells workflow tasks apart
	left   time.Duration
	ranOut bool
}

// begin opens the budget of a task. A run whose wait ran out does not wait again in its next task.
func (b *budget) begin(task int, whole time.Duration) {
	if task == b.task {
		return
	}
	b.task, b.left = task, whole
	if b.ranOut {
		b.left, b.ranOut = 0, false
	}
}

// offer hands a write to the plugin's own writer and waits, within the budget, until it is done. It is called in a side
// effect, on the workflow's own goroutine.
func (r *run) offer(ctx workflow.Context, b activities.Batch) (o *activities.Offer, done bool) {
	info := workflow.GetInfo(ctx)
	r.carried.begin(info.GetCurrentHistoryLength(), r.cfg.host(info).patience)
	o = r.recorder.Offer(context.Background(), b)
	began := time.Now()                    //workflowcheck:ignore in a side effect
	timer := time.NewTimer(r.carried.left) //workflowcheck:ignore in a side effect
	defer timer.Stop()
	select { //workflowcheck:ignore in a side effect
	case <-o.Done():
		done = true
	case <-o.Refused(): // the writer keeps trying, but not soon
	case <-timer.C:
		r.carried.ranOut = true
	}
	r.carried.left -= time.Since(began) //workflowcheck:ignore in a side effect
	return o, done
}

// sideEffect runs f as a side effect, whose result is kept in the history. A panic in it is ours, and must not fail the
// user's task.
func sideEffect(ctx workflow.Context, f func(workflow.Context) any) converter.EncodedValue {
	return workflow.SideEffect(ctx, func(ctx workflow.Context) (kept any) {
		defer func() {
			if p := recover(); p != nil {
				workflow.GetLogger(ctx).Error("Verdict: a write panicked and is lost", "Panic", p)
			}
		}()
		return f(ctx)
	})
}
