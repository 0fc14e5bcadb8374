package activities

import (
	"context"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"github.com/verdict-dev/verdict/scoring"
)

// MetricRefused counts the calls in runs and activities that were refused. The log says which and why.
const MetricRefused = "verdict_refused"

// CountRefused counts a refusal on the metrics handler of a workflow.
func CountRefused(h client.MetricsHandler) {
	h.WithTags(map[string]string{tagActivityType: tagNone}).Counter(MetricRefused).Inc(1)
}

// Refuse makes an invalid input a non-retryable application error of a stable type. Nil stays nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), scoring.ErrorTypeInvalid, err)
}

// refuse makes known that a call in an activity was refused.
func (r *Recorder) refuse(ctx context.Context, call string, err error) {
	activity.GetLogger(ctx).Error("Verdict refused a call", "Call", call, "Error", err)
	activity.GetMetricsHandler(ctx).Counter(MetricRefused).Inc(1)
	if r.Refused != nil {
		r.Refused(fmt.Errorf("%s: %w", call, err))
	}
}

type refusedKey struct{}

// WithRefused returns the context of a Nexus operation in which each refused call calls f, unless ctx has such a function
// already: the outermost plugin owns. f may be nil.
func WithRefused(ctx context.Context, f func(error)) context.Context {
	if _, ok := ctx.Value(refusedKey{}).(func(error)); ok || f == nil {
		return ctx
	}
	return context.WithValue(ctx, refusedKey{}, f)
}

// RefuseOutside makes known that a call was made where there is neither a workflow nor an activity.
func RefuseOutside(ctx context.Context, call string) {
	if !temporalnexus.IsNexusOperation(ctx) {
		slog.Error("Verdict refused a call outside of a workflow or an activity; use a Client, which names the run", "Call", call)
		return
	}
	err := scoring.Invalid("context", "a Nexus operation is part of no run: score in the workflow that it starts, or use a Client, which names the run")
	temporalnexus.GetLogger(ctx).Error("Verdict refused a call", "Call", call, "Error", err)
	temporalnexus.GetMetricsHandler(ctx).Counter(MetricRefused).Inc(1)
	if f, ok := ctx.Value(refusedKey{}).(func(error)); ok {
		f(fmt.Errorf("%s: %w", call, err))
	}
}
