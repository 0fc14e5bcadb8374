package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// How long [Judge] waits for a verdict at most, attempts and what lies between them included: in a run, which it holds up,
// and in a scorer, which nobody waits for.
const (
	JudgeLimit         = 2 * time.Minute
	JudgeLimitInScorer = time.Hour
)

// JudgeOption is an option of [Judge].
type JudgeOption func(*judgeOptions)

type judgeOptions struct {
	limited bool
	limit   time.Duration
}

// JudgeWithin is how long Judge waits at most. It must be positive.
func JudgeWithin(d time.Duration) JudgeOption {
	return func(o *judgeOptions) { o.limited, o.limit = true, d }
}

// Judge asks the judge of that name on the workers of the workflow's own task queue, and waits for the verdict: for
// [JudgeLimit] at most in a run and for [JudgeLimitInScorer] in a scorer, a minute an attempt. Activity options that ctx
// carries win over these, and [JudgeWithin] over both.
//
// A call adds an activity to the run, and the first one the version verdict/judge, two events more. Adding, moving or
// removing a call is a versioned change of the user's, as of any activity.
func Judge(ctx workflow.Context, name string, sample judges.Sample, opts ...JudgeOption) (judges.Verdict, error) {
	var o judgeOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.limited && o.limit <= 0 {
		return judges.Verdict{}, activities.Refuse(scoring.Invalid("limit", "%s is no time to wait", o.limit))
	}
	if err := checkPayload(ctx, "sample", sizeOfSample(sample)); err != nil {
		return judges.Verdict{}, err
	}
	_, inScorer := ctx.Value(scorerKey{}).(*scorer)
	if !inScorer {
		// A run that began to judge before there was a version has the same command, and a call that is new to an open run cannot
		// be told from it, so both make it. A shape that differs will be another version.
		workflow.GetVersion(ctx, judgeChange, workflow.DefaultVersion, judgedByActivity)
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
	options.Summary = "judge " + name
	here := ctx
	if r, ok := ctx.Value(runKey{}).(*run); ok {
		here = r.here(ctx)
	}
	var verdict judges.Verdict
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.JudgeName,
		activities.Question{Judge: name, Sample: sample}).Get(here, &verdict)
	return verdict, err
}
