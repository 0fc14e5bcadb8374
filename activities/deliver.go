package activities

import (
	"context"
	"errors"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// StartDelivery starts the workflow that keeps an outcome and carries it to the scorers that wait for it. When it
// returns without an error, the outcome is held durably. The workflow's id is the outcome's, so a delivery that came
// before changes nothing, unless its workflow failed or was terminated; duplicate tells that one did.
func StartDelivery(ctx context.Context, c client.Client, taskQueue string, o scoring.Outcome) (duplicate bool, err error) {
	options := startOptions(outcomePrefix+wire.ID(o.ID), taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = c.ExecuteWorkflow(ctx, options, DeliverWorkflow, o)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return true, nil
	}
	return false, err
}

// repeatPrefix begins the ids of the workflows that count repeated deliveries, outcomePrefix the ids of the workflows
// of first deliveries.
const (
	repeatPrefix  = "verdict/repeat/"
	outcomePrefix = "verdict/outcome/"
)

// Deliver is StartDelivery, and has a delivery counted that came before: it never reaches the store by itself.
func Deliver(ctx context.Context, c client.Client, taskQueue string, o scoring.Outcome) (duplicate bool, err error) {
	duplicate, err = StartDelivery(ctx, c, taskQueue, o)
	if err != nil || !duplicate {
		return duplicate, err
	}
	return true, CountDelivery(ctx, c, taskQueue, o)
}

// CountDelivery counts a repeated delivery of o.ID. Its contents may differ from the first and must not replace it:
// while the first delivery's workflow runs, it gets a signal to count one more; only after that a workflow of its own
// counts the repetition.
func CountDelivery(ctx context.Context, c client.Client, taskQueue string, o scoring.Outcome) error {
	id := outcomePrefix + wire.ID(o.ID)
	err := c.SignalWorkflow(wire.About(ctx, id), id, "", RepeatSignal, nil)
	var ended *serviceerror.NotFound
	if !errors.As(err, &ended) {
		return err
	}
	options := startOptions(repeatPrefix+uuid.NewString(), taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
	_, err = c.ExecuteWorkflow(ctx, options, DeliverWorkflow, o)
	return err
}

// CountDelivery counts a delivery beyond the first of an outcome that the store has.
func (s *Set) CountDelivery(ctx context.Context, outcomeID string) error {
	_, err := s.Store.CountDelivery(ctx, outcomeID)
	return typed(err)
}
