package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// MaxAsked is the most runs that the server is asked about.
const MaxAsked = 200

// maxRecent is how many recent runs are read for the scored types.
const maxRecent = 500

// RunState is the server's answer about a run.
type RunState string

// The states of a run, in addition to the states of a closed run in scoring.RunStatus.
const (
	Open RunState = "open"
	// Gone means that the server no longer knows the run.
	Gone RunState = "gone"
	// NotAsked means that the server was not asked, or did not answer.
	NotAsked RunState = "unknown"
)

// Ended is a run that ended without a flush: it was terminated, timed out or panicked before it could hand over its
// scores. The store knows only its assignment, its steps' scores and the scorers that wait for its outcomes.
type Ended struct {
	Run          scoring.Run `json:"run"`
	WorkflowType string      `json:"workflow_type,omitempty"`
	State        RunState    `json:"state"`
}

// unflushed lists the runs that never flushed and are not open, the newest first: the ones that the store has something
// of, and the ones that the server lists. The map has the server's answers about the former. cut tells that there were
// too many to ask the server about all.
func unflushed(ctx context.Context, s store.Reader, o Options) (ended []Ended, said map[scoring.Run]RunState, cut bool, err error) {
	candidates, err := s.Runs(ctx, store.RunFilter{
		Unflushed: true, Experiment: o.Experiment, Session: o.Session, Newest: true, Limit: MaxAsked + 1,
	})
	if err != nil {
		return nil, nil, false, err
	}
	if cut = len(candidates) > MaxAsked; cut {
		candidates = candidates[:MaxAsked]
	}
	ended, said = []Ended{}, map[scoring.Run]RunState{}
	ask := o.Ask
	for _, c := range candidates {
		state := NotAsked
		if c.Status != "" { // by its history
			state = RunState(c.Status)
		} else if ask != nil {
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
	if o.Experiment != "" || o.Session != (scoring.Session{}) || o.Closed == nil || ask == nil {
		return ended, said, cut, nil
	}
	listed, err := unknown(ctx, s, o, said)
	return append(ended, listed...), said, cut, err
}

// unknown lists runs that the store has nothing of: they scored only inline, and ended before their flush. It looks at
// the workflow types that have flushed lately.
func unknown(ctx context.Context, s store.Reader, o Options, said map[scoring.Run]RunState) ([]Ended, error) {
	recent, err := s.Runs(ctx, store.RunFilter{Flushed: true, Newest: true, Limit: maxRecent})
	if err != nil {
		return nil, err
	}
	types := map[string]bool{}
	for _, f := range recent {
		if f.WorkflowType != "" {
			types[f.WorkflowType] = true
		}
	}
	if len(types) == 0 {
		return nil, nil
	}
	closed, err := o.Closed(ctx, slices.Sorted(maps.Keys(types)))
	if err != nil {
		return nil, nil // the server is of no help: the store's own are listed all the same
	}
	var ended []Ended
	for _, e := range closed {
		if _, ok := said[e.Run]; ok {
			continue
		}
		known, err := s.Runs(ctx, store.RunFilter{Run: e.Run, Superseded: true, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(known) == 0 || known[0].Status == "" {
			ended = append(ended, e)
		}
	}
	return ended, nil
}

// Describer is the part of a Temporal client that describes a run.
type Describer interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// AskTemporal returns an [Options.Ask] that asks a Temporal client.
func AskTemporal(c Describer) func(context.Context, scoring.Run) (RunState, error) {
	return func(ctx context.Context, run scoring.Run) (RunState, error) {
		status, ok, err := runs.Status(ctx, c, run)
		switch {
		case err != nil:
			return NotAsked, err
		case !ok:
			return Gone, nil
		}
		return stateOf(status), nil
	}
}

// Lister is the part of a Temporal client that lists runs.
type Lister interface {
	ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
}

// ClosedOnTemporal returns an [Options.Closed] that asks a Temporal client's visibility, in its namespace.
func ClosedOnTemporal(l Lister, namespace string) func(ctx context.Context, types []string) ([]Ended, error) {
	return func(ctx context.Context, types []string) ([]Ended, error) {
		quoted := make([]string, len(types))
		for i, t := range types {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t) + `"`
		}
		answer, err := l.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, PageSize: MaxAsked,
			Query: fmt.Sprintf(`ExecutionStatus IN ("Terminated", "TimedOut", "Failed") AND WorkflowType IN (%s)`, strings.Join(quoted, ", ")),
		})
		if err != nil {
			return nil, err
		}
		var closed []Ended
		for _, e := range answer.Executions {
			closed = append(closed, Ended{
				Run:          scoring.Run{Namespace: namespace, WorkflowID: e.Execution.WorkflowId, RunID: e.Execution.RunId},
				WorkflowType: e.Type.Name, State: stateOf(e.Status),
			})
		}
		return closed, nil
	}
}

func stateOf(s enumspb.WorkflowExecutionStatus) RunState {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:
		return Open
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return RunState(scoring.RunCompleted)
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return RunState(scoring.RunFailed)
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return RunState(scoring.RunCanceled)
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return RunState(scoring.RunTerminated)
	case enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return RunState(scoring.RunContinuedAsNew)
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return RunState(scoring.RunTimedOut)
	}
	return NotAsked
}
