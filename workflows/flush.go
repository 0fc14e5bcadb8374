package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Flush records what the run has scored so far, under a change id of its own, without waiting for its end. It adds
// three events and no workflow task. Adding a Flush to running code is safe; moving or removing one is a versioned
// change of the user's.
func Flush(ctx workflow.Context, name string) error {
	if err := scoring.CheckName("flush name", name); err != nil {
		return activities.Refuse(err)
	}
	r := from(ctx, "Flush")
	if r == nil || !versioned(ctx, r, flushChange+name) {
		return nil
	}
	r.write(ctx, scoring.Flush{Facts: r.facts(ctx)})
	return nil
}

// versioned tells whether a call of ours has its commands in this run: always in a run that meets it for the first time,
// and in a replay if the history has them.
func versioned(ctx workflow.Context, r *run, change string) bool {
	if r.cfg.disabled(workflow.GetInfo(ctx).WorkflowType.Name) && !workflow.IsReplaying(ctx) {
		return false
	}
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// end is called once the user's workflow function has returned. Its command shape is the same whatever was scored.
func (r *run) end(ctx workflow.Context, runErr error) {
	info := workflow.GetInfo(ctx)
	// A replay only looks whether the history has the shape, so it must know every shape; asking decides nothing there.
	// That is what lets SearchAttributes and Disabled change under runs that are open.
	replaying := workflow.IsReplaying(ctx)
	if r.cfg.disabled(info.WorkflowType.Name) && !replaying {
		return
	}
	newest := workflow.Version(endFlush)
	if replaying || r.cfg.indexed(ctx) {
		newest = endFlushAndAttribute
	}
	version := workflow.GetVersion(ctx, endChange, workflow.DefaultVersion, newest)
	if version == workflow.DefaultVersion {
		return
	}
	// The run may have been cancelled; recording what it scored must not be.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if version == endFlushAndAttribute {
		upsert(ctx, attributes(RunAttribute, r.cfg, r.records, r.assigned))
	}
	facts := r.facts(ctx)
	facts.ClosedAt = workflow.Now(ctx)
	facts.Status, facts.FailureType, facts.FailingStep = statusOf(runErr)
	r.write(ctx, scoring.Flush{Facts: facts})
}

// write runs the local activity. It has one attempt and never fails: what it cannot write it hands over.
func (r *run) write(ctx workflow.Context, f scoring.Flush) {
	info := workflow.GetInfo(ctx)
	r.flushes++
	f.Sequence, f.Ordinal = int64(info.GetCurrentHistoryLength()), r.flushes
	f.Records = append([]scoring.Record(nil), r.records...)
	for i := range f.Records {
		f.Records[i].BuildID = r.cfg.build(info)
		f.Records[i].Score = f.Records[i].Tidy()
	}
	f.At = workflow.Now(ctx)
	ctx = workflow.WithLocalActivityOptions(ctx, localOptions(info))
	if err := workflow.ExecuteLocalActivity(ctx, activities.VerdictFlush, f).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("Verdict could not flush; the sweeper will find the run", "Error", err)
	}
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
		Sessions: r.sessions, Keys: r.keys, Assigned: r.assigned,
	}
}

// statusOf tells from the error of the user's function how the run ends.
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
	if errors.As(err, &application) {
		failureType = application.Type()
	}
	return scoring.RunFailed, failureType, failingStep
}
