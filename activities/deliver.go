package activities

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// StartDelivery starts the workflow that keeps an outcome and carries it to whoever waits for it. When it returns
// without an error, the outcome is held durably. The workflow's id is the outcome's, so a delivery that came before
// changes nothing, unless its workflow failed or was terminated; duplicate tells that one did.
func StartDelivery(ctx context.Context, c client.Client, taskQueue string, o scoring.Outcome) (duplicate bool, err error) {
	options := startOptions("verdict/outcome/"+wire.ID(o.ID), taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = c.ExecuteWorkflow(ctx, options, DeliverWorkflow, o)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return true, nil
	}
	return false, err
}
