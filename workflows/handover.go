package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A record waits so long for a run to declare the key that it is about, and looks so often: a run declares it at its end,
// or when it flushes, and may be open for weeks.
const (
	runKeyPatience = 30 * 24 * time.Hour
	runKeyInterval = 10 * time.Minute
)

// Record hands a batch over to the store. It is retried until the store has it. What is said about a key that no run has
// declared in all that time, or that several have, stands in the ledger as rejected.
func Record(ctx workflow.Context, b activities.Batch) error {
	options := storeActivity("")
	if b.RunKey == "" {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.RecordName, b).Get(ctx, nil)
	}
	untilDeclared := options
	untilDeclared.ScheduleToCloseTimeout = runKeyPatience
	untilDeclared.RetryPolicy.MaximumInterval = runKeyInterval
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, untilDeclared), activities.RecordName, b).Get(ctx, nil)
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	rejection := store.Rejection{
		Source: "client", DeliveryID: workflow.GetInfo(ctx).WorkflowExecution.ID, Reason: err.Error(), At: workflow.Now(ctx),
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		rejection.Reason = application.Error()
	}
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.RejectName, rejection).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("Verdict: a rejection is in no ledger", "Error", err)
	}
	return err
}

// Deliver keeps an outcome and tells whoever waits for it. Its workflow id is the outcome's id.
func Deliver(ctx workflow.Context, o scoring.Outcome) (told int, err error) {
	options := storeActivity("")
	options.StartToCloseTimeout = 10 * time.Minute // a key may have thousands that wait; the heartbeat notices a lost worker
	err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.ReceiveName, o).Get(ctx, &told)
	return told, err
}

// Registry is the part of a worker that [Register] needs.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers the workflows of the worker that opens the store.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(Record, workflow.RegisterOptions{
		Name: activities.RecordWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(Deliver, workflow.RegisterOptions{
		Name: activities.DeliverWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
	r.RegisterWorkflowWithOptions(ControlExperiment, workflow.RegisterOptions{
		Name: activities.ExperimentWorkflow, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
	})
}
