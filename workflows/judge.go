package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// How long [Judge] waits for a verdict at most, with all attempts and pauses: in a run, which it delays, and in a
// scorer, which delays no one.
const (
	JudgeLimit         = 2 * time.Minute
	JudgeLimitInScorer = time.Hour
)

// JudgeOption is an option of [Judge].
type JudgeOption interface{ apply(*judgeOptions) }

type judgeOption func(*judgeOptions)

func (f judgeOption) apply(o *judgeOptions) { f(o) }

type judgeOptions struct {
	limited bool
	limit   time.Duration
}

// JudgeWithin is how long Judge waits at most. It must be positive.
func JudgeWithin(d time.Duration) JudgeOption {
	return judgeOption(func(o *judgeOptions) { o.limited, o.limit = true, d })
}

// Judge asks the judge of that name on the workers of the workflow's own task queue, and waits for the verdict: for
// [JudgeLimit] at most in a run and for [JudgeLimitInScorer] in a scorer, a minute an attempt. Activity options that ctx
// carries win over these, and [JudgeWithin] over both. Where there is no verdict, the answer says why: see judges.Failed.
//
// A call adds an activity to the run, and the first one the version verdict/judge, two events more. Adding, moving or
// removing a call needs a versioned change by the user, as for any activity.
func Judge(ctx workflow.Context, name string, sample judges.Sample, opts ...JudgeOption) judges.Verdict {
	verdict, err := judge(ctx, name, sample, opts)
	if err == nil {
		return verdict
	}
	workflow.GetLogger(ctx).Error("Verdict: a judge gave no verdict", "Judge", name, "Error", err)
	if s, ok := ctx.Value(scorerKey{}).(*scorer); ok && temporal.IsCanceledError(err) {
		s.canceled = true
	}
	var invalid *scoring.InvalidError
	var application *temporal.ApplicationError
	switch {
	case errors.As(err, &invalid):
		return judges.Failed(name, judges.Cause(scoring.ErrorTypeInvalid), invalid.Error())
	case errors.As(err, &application):
		return judges.Failed(name, judges.Cause(application.Type()), application.Message())
	case temporal.IsCanceledError(err):
		return judges.Failed(name, judges.Canceled, "the workflow was canceled before the judge answered")
	case temporal.IsTimeoutError(err):
		return judges.Failed(name, judges.Cause(judges.Timeout), "the judge has not answered in time")
	}
	return judges.Failed(name, "", err.Error())
}

func judge(ctx workflow.Context, name string, sample judges.Sample, opts []JudgeOption) (verdict judges.Verdict, err error) {
	var o judgeOptions
	for _, opt := range opts {
		opt.apply(&o)
	}
	const what = "Judge"
	r, inRun := ctx.Value(runKey{}).(*run)
	err = r.mayCommand(ctx, what)
	if err == nil && o.limited && o.limit <= 0 {
		err = scoring.Invalid("limit", "%s is not a positive duration", o.limit)
	}
	if err == nil {
		err = checkPayload(ctx, "sample", sizeOfSample(sample))
	}
	if err != nil {
		if inRun {
			r.refuse(ctx, what, err)
		}
		return verdict, err
	}
	_, inScorer := ctx.Value(scorerKey{}).(*scorer)
	if !inScorer {
		// A run that began to judge before there was a version has the same command, and a call that is new to an open run
		// looks the same, so both make it. A different shape will be another version.
		getVersion(ctx, judgeChange, judgedByActivity)
	}
	options := workflow.GetActivityOptions(ctx)
	if options.StartToCloseTimeout == 0 && options.ScheduleToCloseTimeout == 0 {
		options.StartToCloseTimeout = time.Minute
	}
	switch {
	case o.limited:
		options.ScheduleToCloseTimeout = o.limit
	case options.ScheduleToCloseTimeout > 0:
	case inScorer:
		options.ScheduleToCloseTimeout = JudgeLimitInScorer
	default:
		options.ScheduleToCloseTimeout = JudgeLimit
	}
	if options.RetryPolicy == nil {
		options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
	}
	options.Summary = summary("judge " + name)
	here := ctx
	if inRun {
		here = r.here(ctx)
	}
	err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.JudgeName,
		activities.Question{Judge: name, Sample: sample}).Get(here, &verdict)
	return verdict, err
}
