package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// runKeyPatience is how long a record waits for a run to declare the key that it is about.
const runKeyPatience = 24 * time.Hour

// Record hands a batch over to the store. It is retried until the store has it.
func Record(ctx workflow.Context, b activities.Batch) error {
	options := storeActivity("")
	if b.RunKey != "" {
		options.ScheduleToCloseTimeout = runKeyPatience
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.RecordName, b).Get(ctx, nil)
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
