package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// JudgeName is the activity that asks a judge. It is in histories.
const JudgeName = "verdict.Judge"

// Judges are the judges of a worker, by name. Credentials and clients stay on the worker: a workflow names a judge.
type Judges map[string]judges.Judge

// NewJudges refuses two judges of one name and one without an identity.
func NewJudges(list []judges.Judge) (Judges, error) {
	all := Judges{}
	for _, j := range list {
		id := j.ID()
		if err := id.Validate(); err != nil {
			return nil, err
		}
		if _, ok := all[id.Name]; ok {
			return nil, scoring.Invalid("judges", "%q appears twice", id.Name)
		}
		all[id.Name] = j
	}
	return all, nil
}

// Register registers the activity that asks them, if there are any.
func (j Judges) Register(r Registry) {
	if len(j) > 0 {
		r.RegisterActivityWithOptions(j.Ask, activity.RegisterOptions{Name: JudgeName, DisableAlreadyRegisteredCheck: true})
	}
}

// Question is a question to a judge.
type Question struct {
	Judge  string        `json:"judge"`
	Sample judges.Sample `json:"sample"`
}

// Ask asks a judge once. Retries are Temporal's, so that a crash repeats, and bills, only the calls in flight. A
// failure to ask the judge is an application error whose type is the judges.Class.
func (j Judges) Ask(ctx context.Context, q Question) (judges.Verdict, error) {
	judge, ok := j[q.Judge]
	if !ok {
		return judges.Verdict{}, Refuse(scoring.Invalid("judge", "this worker has no judge named %q", q.Judge))
	}
	verdict, err := judge.Judge(ctx, q.Sample)
	var invalid *scoring.InvalidError
	var failed *judges.Error
	switch {
	case err == nil:
		return verdict, nil
	case errors.As(err, &invalid):
		return judges.Verdict{}, Refuse(err)
	case errors.As(err, &failed):
		return judges.Verdict{}, temporal.NewApplicationErrorWithOptions(failed.Error(), string(failed.Class), temporal.ApplicationErrorOptions{
			NonRetryable: !failed.Retryable(), NextRetryDelay: failed.RetryAfter, Cause: err,
		})
	}
	return judges.Verdict{}, err
}
