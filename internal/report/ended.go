package report

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// maxAsked is about how many runs the server is asked, at most.
const maxAsked = 200

// RunState is what the server says of a run.
type RunState string

// The states of a run. Those of a run that has closed are of scoring.RunStatus.
const (
	Open RunState = "open"
	// Gone means that the server no longer knows the run.
	Gone RunState = "gone"
	// NotAsked means that the server was not asked, or did not answer.
	NotAsked RunState = "unknown"
)

// Ended is a run that ended without a flush: it was terminated, timed out or panicked before it could hand over what it
// had scored. What is known of it is its assignment, its steps' scores and what waits for its outcomes.
type Ended struct {
	Run          scoring.Run `json:"run"`
	WorkflowType string      `json:"workflow_type,omitempty"`
	State        RunState    `json:"state"`
}

// unflushed lists the runs that never flushed and are not open. The map has what the server said of those that it was
// asked about.
func unflushed(ctx context.Context, s store.Reader, o Options) ([]Ended, map[scoring.Run]RunState, error) {
	candidates, err := s.Runs(ctx, store.RunFilter{
		Unflushed: true, Experiment: o.Experiment, Session: o.Session, Limit: maxAsked,
	})
	if err != nil {
		return nil, nil, err
	}
	ended, said := []Ended{}, map[scoring.Run]RunState{}
	ask := o.Ask
	for _, c := range candidates {
		state := NotAsked
		if ask != nil {
			state, err = ask(ctx, c.Run)
			if err != nil {
				state, ask = NotAsked, nil // the server does not answer, and will not for the next one
			}
		}
		said[c.Run] = state
		if state != Open {
			ended = append(ended, Ended{c.Run, c.WorkflowType, state})
		}
	}
	return ended, said, nil
}

// Describer is the part of a Temporal client that tells the state of a run.
type Describer interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// AskTemporal returns an [Options.Ask] that asks a Temporal client.
func AskTemporal(d Describer) func(context.Context, scoring.Run) (RunState, error) {
	return func(ctx context.Context, run scoring.Run) (RunState, error) {
		answer, err := d.DescribeWorkflowExecution(ctx, run.WorkflowID, run.RunID)
		var unknown *serviceerror.NotFound
		var malformed *serviceerror.InvalidArgument // an id that the server could not have issued
		switch {
		case errors.As(err, &unknown), errors.As(err, &malformed):
			return Gone, nil
		case err != nil:
			return NotAsked, err
		}
		switch answer.GetWorkflowExecutionInfo().GetStatus() {
		case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
			return Open, nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
			return RunState(scoring.RunCompleted), nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
			return RunState(scoring.RunFailed), nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
			return RunState(scoring.RunCanceled), nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
			return RunState(scoring.RunTerminated), nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
			return RunState(scoring.RunContinuedAsNew), nil
		case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
			return RunState(scoring.RunTimedOut), nil
		}
		return NotAsked, nil
	}
}
