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

// StartDelivery has Temporal hold an outcome, for the worker that keeps it and tells the scorers that wait for it. When it
// returns without an error, the outcome is held durably. The id of what carries it is the outcome's, so a delivery that came
// before changes nothing, unless what carried that failed or was terminated; duplicate tells that one did.
func (c *Carrier) StartDelivery(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	if !c.Bundles(ctx) {
		return c.startWorkflow(ctx, o)
	}
	// The first delivery may have gone the other way, before or after the server got standalone activities.
	if first, err := c.Client.DescribeWorkflowExecution(ctx, firstID(o), ""); err == nil && stands(first.GetWorkflowExecutionInfo().GetStatus()) {
		return true, nil
	}
	_, err = c.alone(ctx, firstID(o), ReceiveName, enumspb.ACTIVITY_ID_CONFLICT_POLICY_FAIL, o)
	var started *serviceerror.ActivityExecutionAlreadyStarted
	switch {
	case errors.As(err, &started):
		return true, nil
	case !errors.Is(err, errNotAlone):
		return false, err
	}
	first, describeErr := c.Client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: firstID(o)}).Describe(ctx, client.DescribeActivityOptions{})
	if describeErr == nil && (first.Status == enumspb.ACTIVITY_EXECUTION_STATUS_RUNNING || first.Status == enumspb.ACTIVITY_EXECUTION_STATUS_COMPLETED) {
		return true, nil
	}
	duplicate, startErr := c.startWorkflow(ctx, o)
	if startErr == nil {
		c.goPlain(err)
	}
	return duplicate, startErr
}

// stands tells whether a workflow has delivered its outcome, or will.
func stands(status enumspb.WorkflowExecutionStatus) bool {
	return status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
}

func (c *Carrier) startWorkflow(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	options := startOptions(firstID(o), c.TaskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	_, err = c.Client.ExecuteWorkflow(ctx, options, DeliverWorkflow, o)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return true, nil
	}
	return false, err
}

// firstID is the id of what carries the first delivery of an outcome.
func firstID(o scoring.Outcome) string { return outcomePrefix + wire.ID(o.ID) }

// repeatPrefix begins the ids of the workflows that count repeated deliveries, outcomePrefix the ids of the workflows
// of first deliveries.
const (
	repeatPrefix  = "verdict/repeat/"
	outcomePrefix = "verdict/outcome/"
)

// Deliver is StartDelivery, and has a delivery counted that came before: it never reaches the store by itself.
func (c *Carrier) Deliver(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	duplicate, err = c.StartDelivery(ctx, o)
	if err != nil || !duplicate {
		return duplicate, err
	}
	return true, c.CountDelivery(ctx, o)
}

// CountDelivery counts a repeated delivery of o.ID. Its contents may differ from the first and must not replace it:
// while the workflow of the first runs, it gets a signal to count one more; only after that, or where the first went without a
// workflow, the repetition is carried by itself. So is one that was tried on another way before, which may be the first itself: the
// store compares the two.
func (c *Carrier) CountDelivery(ctx context.Context, o scoring.Outcome) error {
	if !o.Retried {
		err := c.Client.SignalWorkflow(wire.About(ctx, firstID(o)), firstID(o), "", RepeatSignal, nil)
		var ended *serviceerror.NotFound
		if !errors.As(err, &ended) {
			return err
		}
	}
	id := repeatPrefix + uuid.NewString()
	if c.Bundles(ctx) {
		_, err := c.alone(ctx, id, RepeatName, enumspb.ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING, o)
		if !errors.Is(err, errNotAlone) {
			return err
		}
	}
	_, err := c.Client.ExecuteWorkflow(ctx, startOptions(id, c.TaskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE), DeliverWorkflow, o)
	return err
}

// errFirst: the first delivery of an outcome has not been received yet.
var errFirst = errors.New("verdict: the first delivery is still under way")

// Repeat counts a delivery beyond the first, once the store has the first. If that has ended and the store does not have it, because
// it was deleted since, the repetition is the first.
func (s *Set) Repeat(ctx context.Context, o scoring.Outcome) (told int, err error) {
	if counted, err := s.counted(ctx, o); counted || err != nil {
		return 0, err
	}
	return s.Receive(ctx, o)
}

// counted tells whether a repeated delivery is counted, which it is once the store has the first. One that may be the first itself is
// left to the store. It fails, to be tried again, while the first is still carried.
func (s *Set) counted(ctx context.Context, o scoring.Outcome) (bool, error) {
	if !o.Retried {
		if known, err := s.Store.CountDelivery(ctx, o.ID); known || err != nil {
			return known, typed(err)
		}
	}
	carried, err := s.carries(ctx, o)
	if err == nil && carried {
		err = errFirst
	}
	return false, err
}

// carries tells whether the first delivery of an outcome is under way. That of a repetition that was counted by a signal is over.
func (s *Set) carries(ctx context.Context, o scoring.Outcome) (bool, error) {
	var none *serviceerror.NotFound
	first, err := s.Client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: firstID(o)}).Describe(ctx, client.DescribeActivityOptions{})
	switch {
	case err == nil:
		return first.Status == enumspb.ACTIVITY_EXECUTION_STATUS_RUNNING, nil
	case !errors.As(err, &none) && !unable(err):
		return false, err
	case !o.Retried:
		return false, nil
	}
	workflow, err := s.Client.DescribeWorkflowExecution(wire.About(ctx, firstID(o)), firstID(o), "")
	if errors.As(err, &none) {
		return false, nil
	}
	return workflow.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}

// CountDelivery counts a delivery beyond the first of an outcome that the store has.
func (s *Set) CountDelivery(ctx context.Context, outcomeID string) error {
	_, err := s.Store.CountDelivery(ctx, outcomeID)
	return typed(err)
}
