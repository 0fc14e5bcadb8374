// Package runs finds out which run is meant, and whether it exists: the server knows the runs of its retention, the
// store the runs that it has records of.
package runs

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Server is the part of a Temporal client that describes runs.
type Server interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// Kept is the part of a store that has runs.
type Kept interface {
	Runs(ctx context.Context, f store.RunFilter) ([]scoring.RunFacts, error)
	Scores(ctx context.Context, f store.Filter) ([]scoring.Record, error)
}

// Status asks the server for the status of a run. ok is false if it has no such run, because it never had or no longer
// has it. An error means that the status is not known.
func Status(ctx context.Context, s Server, run scoring.Run) (status enumspb.WorkflowExecutionStatus, ok bool, err error) {
	d, _, err := describe(ctx, s, run)
	return d.GetWorkflowExecutionInfo().GetStatus(), d != nil, err
}

// AtServer completes a run by the server's knowledge; an empty run id means the newest run of the workflow id. known is
// false if the server has no such run and the store may. A run that neither could know is store.ErrNotFound; any other
// error means that the server does not answer or that the ids are invalid.
func AtServer(ctx context.Context, s Server, run scoring.Run) (_ scoring.Run, known bool, err error) {
	if err := check(run); err != nil {
		return run, false, err
	}
	d, malformed, err := describe(ctx, s, run)
	switch {
	case err != nil:
		return run, false, err
	case d != nil:
		run.RunID = d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
		return run, true, nil
	case malformed || run.RunID == "":
		return run, false, store.ErrNotFound
	}
	return run, false, nil
}

// InStore completes a run by what the store knows: histories expire, scores do not. Without a run id it is the one of the
// workflow id that started last. store.ErrNotFound if nothing was said of it.
func InStore(ctx context.Context, k Kept, run scoring.Run) (scoring.Run, error) {
	most := 0
	if run.RunID != "" {
		most = 1
	}
	runs, err := k.Runs(ctx, store.RunFilter{Run: run, Limit: most})
	if err != nil {
		return run, err
	}
	if len(runs) > 0 {
		newest := runs[0]
		for _, r := range runs[1:] {
			if r.StartedAt.IsZero() || !r.StartedAt.Before(newest.StartedAt) { // one that has not said when it started became known later
				newest = r
			}
		}
		return newest.Run, nil
	}
	scores, err := k.Scores(ctx, store.Filter{Run: run, Retracted: true, Superseded: true, Limit: most})
	if err != nil {
		return run, err
	}
	if len(scores) == 0 {
		return run, store.ErrNotFound
	}
	return scores[len(scores)-1].Run, nil
}

// Find asks the server, and then the store. It returns store.ErrNotFound if neither knows the run; while the server
// does not answer, it cannot know that.
func Find(ctx context.Context, s Server, k Kept, run scoring.Run) (scoring.Run, error) {
	found, known, err := AtServer(ctx, s, run)
	var invalid *scoring.InvalidError
	if known || errors.As(err, &invalid) {
		return found, err
	}
	kept, storeErr := InStore(ctx, k, run)
	if errors.Is(storeErr, store.ErrNotFound) && err != nil {
		return run, err
	}
	return kept, storeErr
}

// check refuses ids that no run can have.
func check(run scoring.Run) error {
	if err := scoring.CheckID("workflow id", run.WorkflowID); err != nil || run.RunID == "" {
		return err
	}
	return scoring.CheckID("run id", run.RunID)
}

// describe returns nil if the server has no such run, and whether the run id is none that a server issues.
func describe(ctx context.Context, s Server, run scoring.Run) (d *workflowservice.DescribeWorkflowExecutionResponse, malformed bool, err error) {
	d, err = s.DescribeWorkflowExecution(wire.About(ctx, run.WorkflowID), run.WorkflowID, run.RunID)
	var notFound *serviceerror.NotFound
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &notFound):
		return nil, false, nil
	case errors.As(err, &invalid):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	return d, false, nil
}
