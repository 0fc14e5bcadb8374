package wire

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// resourceHeader names the resource of a call, for proxies that route by it. The SDK fills it in where it is absent.
const resourceHeader = "temporal-resource-id"

// About returns the context of a call about a workflow. The SDK puts the workflow's id into a header, which holds
// printable ASCII only, and fails the call of any other: of such an id the header has the [ID].
func About(ctx context.Context, workflowID string) context.Context {
	if Printable(workflowID) {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, resourceHeader, "workflow:"+ID(workflowID))
}

// Closing is [About] for a call that asks for the event that closed a run. Without its header the server says that a run continued as new
// where it was tried again, or where a cron schedule goes to its next run.
func Closing(ctx context.Context, workflowID string) context.Context {
	return metadata.AppendToOutgoingContext(About(ctx, workflowID), "supported-features", "follows-next-run-id")
}
