package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/judges"
)

// Judge asks the judge of that name on the workers of the workflow's own task queue. Activity options that ctx carries
// win over the defaults: a minute an attempt, an hour in all.
func Judge(ctx workflow.Context, name string, sample judges.Sample) (judges.Verdict, error) {
	if err := checkPayload(ctx, "sample", sizeOfSample(sample)); err != nil {
		return judges.Verdict{}, err
	}
	options := workflow.GetActivityOptions(ctx)
	if options.StartToCloseTimeout == 0 && options.ScheduleToCloseTimeout == 0 {
		options.StartToCloseTimeout, options.ScheduleToCloseTimeout = time.Minute, time.Hour
	}
	if options.RetryPolicy == nil {
		options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute}
	}
	options.Summary = summary("judge " + name)
	var verdict judges.Verdict
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.JudgeName,
		activities.Question{Judge: name, Sample: sample}).Get(ctx, &verdict)
	return verdict, err
}
