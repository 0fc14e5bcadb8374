package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// ChainClosed asks the server how the chain of a run closed. open tells that it has not. Of a run that the server no longer
// knows it says so, as of now.
func ChainClosed(ctx context.Context, c client.Client, run scoring.Run) (closed scoring.Closed, open bool, err error) {
	for {
		about := wire.About(ctx, run.WorkflowID)
		d, err := c.DescribeWorkflowExecution(about, run.WorkflowID, run.RunID)
		var notFound *serviceerror.NotFound
		var invalid *serviceerror.InvalidArgument
		switch {
		case errors.As(err, &notFound), errors.As(err, &invalid):
			return scoring.Closed{At: time.Now(), Reason: "the server does not know it: " + err.Error()}, false, nil
		case err != nil:
			return closed, false, err
		case d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
			return closed, true, nil
		}
		event, err := c.GetWorkflowHistory(wire.Closing(ctx, run.WorkflowID), run.WorkflowID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT).Next()
		if err != nil {
			return closed, false, fmt.Errorf("the close of %s: %w", run, err)
		}
		if next := history.Next(event); next != "" {
			run.RunID = next
			continue
		}
		how := describeClose(run, event)
		return scoring.Closed{Status: how.Status, At: how.ClosedAt}, false, nil
	}
}
