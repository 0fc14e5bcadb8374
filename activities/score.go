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
	if rec.OfSession() {
		recorder.scoreSession(ctx, call, rec, own, bad)
		return
	}
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
	recorder.score(ctx, call, scoring.NewRecord(rec.Score, source, rec.Run, rec.Step, Said()), bad)
}

// scoreSession records a score of a session. An activity does not know the sessions of its run.
func (r *Recorder) scoreSession(ctx context.Context, call string, said scoring.Record, own scoring.Run, bad error) {
	rec := scoring.NewRecord(said.Score, scoring.FromClient, scoring.Run{Namespace: own.Namespace}, scoring.Step{}, Said())
	rec.Session = said.Session
	switch err := said.Session.Validate(); {
	case said.Run != (scoring.Run{}) || said.Step != (scoring.Step{}) && said.Step != TheRun:
		bad = scoring.Invalid("session", "a score is about a session, or about a run or a step, not about both")
		rec.Run = own
	case err != nil:
		bad, rec.Run = err, own
	}
	r.score(ctx, call, rec, bad)
}

// score records rec or, if it is refused, the score that says so.
func (r *Recorder) score(ctx context.Context, call string, rec scoring.Record, bad error) {
	var ok bool
	if bad == nil {
		bad = rec.Validate()
	}
	if bad != nil {
		r.refuse(ctx, call, bad)
		if rec, ok = rec.Refused(bad); !ok {
			return
		}
	}
	rec.Score = rec.Tidy()
	r.Record(ctx, rec)
}
