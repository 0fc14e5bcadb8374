package ticket

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// Close solves the problem and closes the ticket.
func Close(ctx context.Context, t Ticket) error {
	if t.Problem == "" {
		return temporal.NewNonRetryableApplicationError("there is no problem", "NoProblem", nil)
	}
	activity.GetLogger(ctx).Info("closed", "ticket", t.ID)
	return nil
}
