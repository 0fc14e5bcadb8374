package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// refuse makes known that a call in a run was refused: in the log, as a count, and to [Config.Refused]. It never fails the
// run, and adds nothing to it.
func (r *run) refuse(ctx workflow.Context, call string, err error) {
	workflow.GetLogger(ctx).Error("Verdict refused a call", "Call", call, "Error", err)
	activities.CountRefused(workflow.GetMetricsHandler(ctx))
	// What only reads is never replayed, though a query may come while the run is.
	if r.cfg.Refused != nil && (r.readsOnly(ctx) || !workflow.IsReplaying(ctx)) {
		r.cfg.Refused(fmt.Errorf("%s: %w", call, err))
	}
}

// refuseNamed is refuse for a record with a name: a score in state error replaces it.
func (r *run) refuseNamed(ctx workflow.Context, call string, rec scoring.Record, err error) {
	var invalid *scoring.InvalidError
	if errors.As(err, &invalid) {
		err = invalid // without the words of the SDK
	}
	r.refuse(ctx, call, err)
	if rec, ok := rec.Refused(err); ok && !r.readsOnly(ctx) && !r.ended {
		_ = r.put(ctx, rec) // a full buffer has no room for it either
	}
}
