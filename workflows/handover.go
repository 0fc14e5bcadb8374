package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A worker of a release whose store cannot hold scores fails on a key that no run has declared, and so its recordings
// retry this often, for this long. A worker of this release leaves that to the store.
const (
	runKeyPatience = 30 * 24 * time.Hour
	runKeyInterval = 10 * time.Minute
)

// Record hands a batch over to the store. It is retried until the store has it. Scores about a key that several runs
// have declared appear in the ledger as rejected.
func Record(ctx workflow.Context, b activities.Batch) (recorded activities.Recorded, err error) {
	options := storeActivity("")
	if b.RunKey == "" {
		return recorded, record(ctx, activities.RecordName, b)
	}
	untilDeclared := options
	untilDeclared.ScheduleToCloseTimeout = runKeyPatience
	untilDeclared.RetryPolicy.MaximumInterval = runKeyInterval
	err = answer(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, untilDeclared), activities.RecordName, b), &recorded)
	if err == nil || temporal.IsCanceledError(err) {
		return recorded, err
	}
	rejection := store.Rejection{
		Source: "client", DeliveryID: workflow.GetInfo(ctx).WorkflowExecution.ID, Reason: err.Error(), At: workflow.Now(ctx),
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		rejection.Reason = application.Error()
	}
	if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.RejectName, rejection).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Error("Verdict: a refused delivery could not be added to the ledger", "Error", err)
	}
	return recorded, err
}

// record has an activity write a batch. It is retried until the store has it.
func record(ctx workflow.Context, activity string, b activities.Batch) error {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, storeActivity("")), activity, b).Get(ctx, nil)
}

// Bundle hands several batches over to the store, on a server without standalone activities. It is retried until the store has
// each that it does not refuse.
func Bundle(ctx workflow.Context, b activities.Bundle) (bundled activities.Bundled, err error) {
	options := storeActivity("")
	options.StartToCloseTimeout = 10 * time.Minute // there may be a hundred; the heartbeat notices a lost worker
	err = answer(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.BundleName, b), &bundled)
	return bundled, err
}

// Deliver keeps an outcome and signals the scorers that wait for it. Its workflow id is the outcome's id. It counts
// repeated deliveries of the outcome that come meanwhile.
func Deliver(ctx workflow.Context, o scoring.Outcome) (told int, err error) {
	options := storeActivity("")
	options.StartToCloseTimeout = 10 * time.Minute // a key may have thousands that wait; the heartbeat notices a lost worker
	err = answer(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.ReceiveName, o), &told)
	if err != nil {
		return told, err
	}
	again := workflow.GetSignalChannel(ctx, activities.RepeatSignal)
	for again.ReceiveAsync(nil) {
		if getVersion(ctx, repeatChange, repeatCounted) == workflow.DefaultVersion {
			break // a release that does not count has ended it
		}
		if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.CountName, o.ID).Get(ctx, nil); err != nil {
			return told, err
		}
	}
	return told, nil
}

// Registry is the part of a worker that scorers need.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// DynamicRegistry is the part of a worker that [Register] needs.
type DynamicRegistry interface {
	RegisterDynamicWorkflow(w any, options workflow.DynamicRegisterOptions)
}

// Register registers the workflows of the worker that opens the store. They are the worker's one dynamic workflow: the
// SDK decodes the input of any other workflow before it runs, and fails it for good if it cannot.
func Register(r DynamicRegistry) {
	r.RegisterDynamicWorkflow(handedOver, workflow.DynamicRegisterOptions{
		LoadDynamicRuntimeOptions: func(workflow.LoadDynamicRuntimeOptionsDetails) (workflow.DynamicRuntimeOptions, error) {
			return workflow.DynamicRuntimeOptions{VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}, nil
		},
	})
}

// handedOver runs the workflows that are handed over to the worker that opens the store. A workflow of one of these
// names runs the function of that name.
func handedOver(ctx workflow.Context, args converter.EncodedValues) (any, error) {
	switch kind := workflow.GetInfo(ctx).WorkflowType.Name; kind {
	case activities.RecordWorkflow, "Record":
		return Record(ctx, argument[activities.Batch](ctx, args))
	case activities.WaitWorkflow:
		return nil, record(ctx, activities.WaitName, argument[activities.Batch](ctx, args))
	case activities.BundleWorkflow:
		return Bundle(ctx, argument[activities.Bundle](ctx, args))
	case activities.DeliverWorkflow, "Deliver":
		return Deliver(ctx, argument[scoring.Outcome](ctx, args))
	case activities.ExperimentWorkflow, "ManageExperiment", "ControlExperiment":
		return nil, ManageExperiment(ctx, argument[rollout.State](ctx, args))
	case activities.BackfillWorkflow:
		return BackfillRuns(ctx, argument[activities.Backfill](ctx, args))
	case activities.WatchWorkflow:
		return nil, WatchRuns(ctx, argument[activities.Watch](ctx, args))
	default:
		// As the SDK does with a type that is not registered: the task fails, and another worker may have it.
		panic(fmt.Sprintf("verdict: this worker has no workflow type %q", kind))
	}
}
