package workflows

import (
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// carry lets a run that ends carry what neither the store nor Temporal took in time: else only the memory of this worker would have it,
// and the worker may be killed. Each part is the input of an abandoned child that records it, so the server keeps it together with
// the end of the run.
//
// The history says how many parts there are, and ids are of the run alone, so that a replay whose code says other things makes the
// same children.
func (r *run) carry(ctx workflow.Context, parts []activities.Batch) {
	info := workflow.GetInfo(ctx)
	ctx, _ = workflow.NewDisconnectedContext(ctx) // never cancelled: that would ask the server to cancel the children
	for i, part := range parts {
		for incarnation := 1; ; incarnation++ {
			child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
				WorkflowID: fmt.Sprintf("verdict/carried/%s/%d/%d", info.OriginalRunID, i+1, incarnation), TaskQueue: r.cfg.TaskQueue,
				ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
				WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
				Priority:              temporal.Priority{PriorityKey: 5},
				VersioningOverride:    &client.AutoUpgradeVersioningOverride{},
				StaticSummary:         summary("records " + info.WorkflowExecution.ID),
			})
			err := workflow.ExecuteChildWorkflow(child, activities.WaitWorkflow, part).GetChildWorkflowExecution().Get(r.here(ctx), nil)
			if temporal.IsWorkflowExecutionAlreadyStartedError(err) && incarnation < maxIncarnations {
				continue // the run was reset, and this is the child of the run that was reset away
			}
			if err != nil {
				workflow.GetLogger(ctx).Error("Verdict could not hand over what the run says; this worker keeps trying", "Error", err)
			}
			break
		}
	}
}

// maxIncarnations is how many children one part may have, of as many resets. Histories depend on it.
const maxIncarnations = 20
