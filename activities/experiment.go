package activities

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/experiments/rollout"
)

// ReadExperiment returns a started experiment as the workflow with that id holds it; see [ExperimentID]. A
// serviceerror.NotFound says that there is none.
func ReadExperiment(ctx context.Context, c client.Client, workflowID string) (rollout.State, error) {
	var state rollout.State
	answer, err := c.QueryWorkflow(ctx, workflowID, "", ExperimentQuery)
	if err == nil {
		err = answer.Get(&state)
	}
	return state, err
}
