package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/verdict-dev/verdict/scoring"
)

// Chain is what one start led to.
type Chain struct {
	// Runs are the runs of the chain that hold, from the first to the last: a run that continued as new or was tried again, and the next.
	Runs []*Run
	// Away are runs of the chain that were reset away, in the order in which they were met. Only a [Describer] can tell.
	Away []*Run
	// Lost is the run id of the earliest run that is known of and that the source no longer has; empty: Runs begin with the first.
	Lost string
}

// Last is the run with which the chain ends, as far as it got.
func (c Chain) Last() *Run { return c.Runs[len(c.Runs)-1] }

// Open tells whether the last run is open.
func (c Chain) Open() bool { return c.Last().Open() }

// Follow reads the chain of a run, which may be any run of it: back to its first run and on to its last, through continue-as-new,
// retries and, where the source can tell, resets. Each run of a cron schedule is a chain of its own.
func Follow(ctx context.Context, from Source, run scoring.Run, o Options) (*Chain, error) {
	w := walk{from: from, o: o, read: map[string]*Run{}}
	c := &Chain{}
	r, err := w.fetch(ctx, run)
	if err != nil {
		return nil, err
	}
	for r.ContinuedFrom != "" && r.Initiator != ByCron {
		before, err := w.fetch(ctx, r.at(r.ContinuedFrom))
		if Missing(err) {
			c.Lost = r.ContinuedFrom
			break
		}
		if err != nil {
			return nil, err
		}
		r = before
	}
	for on := map[string]bool{}; ; {
		if on[r.ID.RunID] {
			return nil, fmt.Errorf("verdict: the chain of %s comes back to %s", run, r.ID.RunID)
		}
		on[r.ID.RunID] = true
		next, reset, err := w.next(ctx, r)
		if err != nil {
			return nil, err
		}
		if reset {
			c.Away = append(c.Away, r)
		} else {
			c.Runs = append(c.Runs, r)
		}
		if next == "" {
			for _, other := range w.order { // runs after one that was reset away
				if !on[other.ID.RunID] {
					c.Away = append(c.Away, other)
				}
			}
			return c, nil
		}
		if r, err = w.fetch(ctx, r.at(next)); err != nil {
			return nil, err
		}
	}
}

// walk reads each run of a chain once.
type walk struct {
	from  Source
	o     Options
	read  map[string]*Run
	order []*Run
}

func (w *walk) fetch(ctx context.Context, run scoring.Run) (*Run, error) {
	if r, ok := w.read[run.RunID]; ok {
		return r, nil
	}
	r, err := Fetch(ctx, w.from, run, w.o)
	if err != nil {
		return nil, err
	}
	w.read[r.ID.RunID] = r
	w.order = append(w.order, r)
	return r, nil
}

// next is the run that comes after r, and whether it does because r was reset.
func (w *walk) next(ctx context.Context, r *Run) (runID string, reset bool, err error) {
	if d, ok := w.from.(Describer); ok {
		about, err := d.Describe(ctx, r.ID)
		if err != nil && !Missing(err) { // an archived run has no description
			return "", false, err
		}
		if to := about.GetWorkflowExtendedInfo().GetResetRunId(); to != "" && to != r.ID.RunID {
			return to, true, nil
		}
	}
	return r.Next(), false, nil
}

// at is another run of the same workflow id.
func (r *Run) at(runID string) scoring.Run {
	return scoring.Run{Namespace: r.ID.Namespace, WorkflowID: r.ID.WorkflowID, RunID: runID}
}

// Next is the run that continues the chain after this one; empty: none does. The next run of a cron schedule does not.
func (r *Run) Next() string { return r.next }

// Next is the run that continues the chain of a run after the event that closed it: it continued as new, or it is tried again. Empty:
// none does. The next run of a cron schedule is a chain of its own.
func Next(e *historypb.HistoryEvent) string {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes:
		if x := a.WorkflowExecutionFailedEventAttributes; x.GetRetryState() == enumspb.RETRY_STATE_IN_PROGRESS {
			return x.GetNewExecutionRunId()
		}
	case *historypb.HistoryEvent_WorkflowExecutionTimedOutEventAttributes:
		if x := a.WorkflowExecutionTimedOutEventAttributes; x.GetRetryState() == enumspb.RETRY_STATE_IN_PROGRESS {
			return x.GetNewExecutionRunId()
		}
	case *historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes:
		if x := a.WorkflowExecutionContinuedAsNewEventAttributes; x.GetInitiator() != enumspb.CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE {
			return x.GetNewExecutionRunId()
		}
	}
	return "" // a run that completed has a next one by a cron schedule alone
}

// Missing tells whether an error says that a source does not have a run: its retention is over, or it never was there.
func Missing(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound) || errors.Is(err, fs.ErrNotExist)
}
