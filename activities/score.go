package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/verdict-dev/verdict/scoring"
)

// TheRun is the step of a record that is made in an activity and is about the run, not the activity.
var TheRun = scoring.Step{Attempt: -1}

// Score records a score that is made in an activity. The run is the activity's; the step is the activity, unless rec says
// otherwise. A record that is refused, for bad or because it breaks a rule, is recorded as a score in state error.
func Score(ctx context.Context, rec scoring.Record, bad error) {
	const call = "Score"
	if !activity.IsActivity(ctx) {
		RefuseOutside(ctx, call)
		return
	}
	recorder, ok := RecorderFrom(ctx)
	if !ok {
		activity.GetLogger(ctx).Error("Verdict: no plugin on this worker, nothing is recorded", "Call", call)
		return
	}
	info := activity.GetInfo(ctx)
	own := scoring.Run{Namespace: info.Namespace, WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
	other := rec.Run != (scoring.Run{})
	if rec.Run.Namespace = info.Namespace; !other || rec.Run == own {
		rec.Run, other = own, false
	}
	source := scoring.FromActivity
	if other {
		source = scoring.FromClient // no attempt of a step of that run says it
	}
	switch {
	case rec.Step == TheRun:
		rec.Step = scoring.Step{}
	case rec.Step == scoring.Step{} && !other:
		rec.Step = scoring.Step{ID: info.ActivityID, Type: info.ActivityType.Name, Attempt: info.Attempt}
		if info.IsLocalActivity {
			rec.Step.ID = "local/" + rec.Step.ID // their ids are numbers too, of a series of their own
		}
	}
	if own.WorkflowID == "" && !other && bad == nil {
		bad = scoring.Invalid("run", "a standalone activity is part of no run: name one with About")
	}
	rec = scoring.NewRecord(rec.Score, source, rec.Run, rec.Step, Said())
	if bad == nil {
		bad = rec.Validate()
	}
	if bad != nil {
		recorder.refuse(ctx, call, bad)
		if rec, ok = rec.Refused(bad); !ok {
			return
		}
	}
	rec.Score = rec.Tidy()
	recorder.Record(ctx, rec)
}
