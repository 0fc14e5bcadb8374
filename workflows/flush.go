package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/scoring"
)

// Flush records the run's scores so far, under a change id of its own, without waiting for its end. It adds three
// events and no workflow task. Adding a Flush to running code is safe for the first eight names in a run; further
// names, and moving or removing a Flush, need a versioned change by the user.
func Flush(ctx workflow.Context, name string) {
	const what = "Flush"
	r := of(ctx, what)
	if r == nil {
		return
	}
	err := r.mayCommand(ctx, what)
	if err == nil {
		err = scoring.CheckName("flush name", name)
	}
	if err != nil {
		r.refuse(ctx, what, err)
		return
	}
	switch r.version(ctx, call{
		kind: flushKind, name: name, legacy: name, newest: flushBySideEffect,
		wanted: r.pick(ctx, flushByActivity, flushBySideEffect),
	}) {
	case flushByActivity:
		r.writeByActivity(ctx, r.set(ctx, r.facts(ctx)))
	case flushBySideEffect:
		r.writeBySideEffect(ctx, r.set(ctx, r.facts(ctx)))
	}
}

// end is called once the user's workflow function has returned. Its command shape is the same for any scores.
func (r *run) end(ctx workflow.Context, runErr error) {
	info := workflow.GetInfo(ctx)
	// A replay only looks whether the history has the shape, so it must know every shape; asking decides nothing there.
	// This lets the carrier, SearchAttributes and Disabled change under open runs.
	newest := workflow.Version(endBySideEffectAndAttribute)
	if !workflow.IsReplaying(ctx) {
		if r.cfg.disabled(info.WorkflowType.Name) {
			return
		}
		newest = r.pick(ctx, endByActivity, endBySideEffect)
		if r.cfg.indexed(ctx) {
			newest = r.pick(ctx, endByActivityAndAttribute, endBySideEffectAndAttribute)
		}
	}
	version := getVersion(ctx, endChange, newest)
	if version == workflow.DefaultVersion {
		return
	}
	// The run may have been cancelled; recording its scores must not be.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if version == endByActivityAndAttribute || version == endBySideEffectAndAttribute {
		if r.cfg.silent(ctx) {
			upsert(ctx, attributes(RunAttribute, r.cfg, nil, nil)) // the same command, with empty values
		} else {
			upsert(ctx, attributes(RunAttribute, r.cfg, r.records, r.assigned))
		}
	}
	facts := r.facts(ctx)
	facts.ClosedAt = workflow.Now(ctx)
	facts.Status, facts.FailureType, facts.FailingStep = statusOf(runErr)
	r.ended = true
	if !workflow.IsReplaying(ctx) {
		r.recorder.Grows(r.cfg.growthOf(ctx)) // the run may have to carry what it says
	}
	var untaken []activities.Batch
	if version == endByActivity || version == endByActivityAndAttribute {
		untaken = r.writeByActivity(ctx, r.set(ctx, facts))
	} else {
		untaken = r.writeBySideEffect(ctx, r.set(ctx, facts))
	}
	r.carry(ctx, untaken)
}

// set is the run's complete set of scores and declared scorers as of now.
func (r *run) set(ctx workflow.Context, facts scoring.RunFacts) scoring.Flush {
	info := workflow.GetInfo(ctx)
	r.flushes++
	f := scoring.Flush{
		Facts: facts, Sequence: int64(info.GetCurrentHistoryLength()), Ordinal: r.flushes, At: workflow.Now(ctx),
	}
	f.Records, f.Waits = append([]scoring.Record(nil), r.records...), slices.Clone(r.waits)
	for i := range f.Records {
		f.Records[i].BuildID = r.cfg.build(info)
		f.Records[i].Score = f.Records[i].Tidy()
	}
	return f
}

// writeByActivity runs the local activity. It has one attempt and never fails: it hands over anything that it cannot
// write. untaken are the parts that the run may carry itself.
func (r *run) writeByActivity(ctx workflow.Context, f scoring.Flush) (untaken []activities.Batch) {
	local := workflow.WithLocalActivityOptions(ctx, localOptions(workflow.GetInfo(ctx)))
	others := r.takeOthers()
	var flushed activities.Flushed
	if err := answer(r.here(local), workflow.ExecuteLocalActivity(local, activities.VerdictFlush, f, others), &flushed); err != nil {
		workflow.GetLogger(ctx).Error("Verdict could not flush; the report will list the run", "Error", err)
	}
	return r.recorder.Untaken(flushed, f, others)
}

// writeBySideEffect hands the set to the plugin's own writer, and waits for it within the budget of the workflow task. What a slow
// store takes soon is not untaken.
func (r *run) writeBySideEffect(ctx workflow.Context, f scoring.Flush) (untaken []activities.Batch) {
	others := r.takeOthers()
	result := sideEffect(ctx, func(ctx workflow.Context) any {
		var flushed activities.Flushed
		if r.recorder.IsOff() {
			return flushed
		}
		strays := false
		var offers []*activities.Offer
		for _, b := range activities.Batches(f, others) {
			o, done := r.offer(ctx, b)
			strays, offers = strays || !done && r.recorder.Strays(o), append(offers, o)
		}
		if strays {
			flushed.Untaken = r.recorder.Carried(f, others, offers)
		}
		return flushed
	})
	var flushed activities.Flushed
	_ = result.Get(&flushed) // histories from before have a boolean
	return r.recorder.Untaken(flushed, f, others)
}

// localOptions keep a local activity from making the workflow task heartbeat: the smaller of a second and a third of
// the task's timeout, one attempt.
func localOptions(info *workflow.Info) workflow.LocalActivityOptions {
	timeout := time.Second
	if third := info.WorkflowTaskTimeout / 3; third > 0 {
		timeout = min(timeout, third)
	}
	return workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: timeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
	}
}

func (r *run) facts(ctx workflow.Context) scoring.RunFacts {
	info := workflow.GetInfo(ctx)
	return scoring.RunFacts{
		Run: runOf(info), FirstRunID: chainOf(info), OriginalRunID: info.OriginalRunID,
		WorkflowType: info.WorkflowType.Name, TaskQueue: info.TaskQueueName, Attempt: info.Attempt,
		StartedAt: info.WorkflowStartTime, BuildID: r.cfg.build(info),
		Sessions: r.sessions, Keys: r.keys, Assigned: r.assigned, Unserved: r.unserved, Attributes: r.attributes,
	}
}

// statusOf derives from the error of the user's function how the run ends.
func statusOf(err error) (status scoring.RunStatus, failureType, failingStep string) {
	var next *workflow.ContinueAsNewError
	var activity *temporal.ActivityError
	var application *temporal.ApplicationError
	switch {
	case err == nil:
		return scoring.RunCompleted, "", ""
	case errors.As(err, &next):
		return scoring.RunContinuedAsNew, "", ""
	case temporal.IsCanceledError(err):
		return scoring.RunCanceled, "", ""
	}
	if errors.As(err, &activity) {
		failingStep = activity.ActivityType().GetName()
	}
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &application): // also as the last error before a timeout
		failureType = scoring.Clip(application.Type(), scoring.MaxID)
	case errors.As(err, &timeout):
		failureType = history.TimeoutType(timeout.TimeoutType())
	}
	return scoring.RunFailed, failureType, failingStep
}
