package activities

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/scoring"
)

// TheRun is the step of a record that is made in an activity and is about the run, not the activity.
var TheRun = scoring.Step{Attempt: -1}

// Score records a score that is made in an activity. The run is the activity's; the step is the activity unless rec says
// otherwise.
func Score(ctx context.Context, rec scoring.Record) error {
	if !activity.IsActivity(ctx) {
		return Refuse(scoring.Invalid("context", "not of a workflow or an activity; use Client.Score and say which run"))
	}
	info := activity.GetInfo(ctx)
	rec.Source = scoring.FromActivity
	rec.Run = scoring.Run{Namespace: info.Namespace, WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
	switch rec.Step {
	case scoring.Step{}:
		rec.Step = scoring.Step{ID: info.ActivityID, Type: info.ActivityType.Name, Attempt: info.Attempt}
		if info.IsLocalActivity {
			rec.Step.ID = "local/" + rec.Step.ID // their ids are numbers too, of a series of their own
		}
	case TheRun:
		rec.Step = scoring.Step{}
	}
	rec.RecordedAt = Said()
	if rec.ObservedAt.IsZero() {
		rec.ObservedAt = rec.RecordedAt
	}
	if err := rec.Validate(); err != nil {
		return Refuse(err)
	}
	rec.Score = rec.Tidy()
	recorder, ok := RecorderFrom(ctx)
	if !ok {
		activity.GetLogger(ctx).Error("Verdict: no plugin on this worker, nothing is recorded", "Call", "Score")
		return nil
	}
	recorder.Record(ctx, rec)
	return nil
}

// Refuse makes an invalid input a non-retryable application error of a stable type. Nil stays nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), scoring.ErrorTypeInvalid, err)
}
