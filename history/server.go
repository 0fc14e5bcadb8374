package history

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Iterator goes through events, as the iterator of the SDK's client does.
type Iterator interface {
	HasNext() bool
	Next() (*historypb.HistoryEvent, error)
}

// FromIterator are the events of an iterator, such as what client.Client.GetWorkflowHistory returns. It holds one page of the server's.
func FromIterator(iter Iterator) Events {
	return func(yield func(*historypb.HistoryEvent, error) bool) {
		for iter.HasNext() {
			e, err := iter.Next()
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Client is the part of the SDK's client.Client that reads histories.
type Client[I Iterator] interface {
	GetWorkflowHistory(ctx context.Context, workflowID, runID string, isLongPoll bool, filter enumspb.HistoryEventFilterType) I
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// Source is where histories come from: a server, or a place where they were put.
type Source interface {
	// Events are the events of a run. An empty run id is the newest run of the workflow id, where the source can tell. A run that the
	// source does not have is an error for which [Missing] is true.
	Events(ctx context.Context, run scoring.Run) Events
}

// Server is the server of a client as a [Source]: history.Server(c). It has running runs, closed ones until their retention ends and,
// where the namespace has an archive, archived ones.
func Server[I Iterator](c Client[I]) Describer { return server[I]{c} }

// Describer is a [Source] that also knows facts about runs that no history has.
type Describer interface {
	Source
	// Describe returns what the server says of a run.
	Describe(ctx context.Context, run scoring.Run) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

type server[I Iterator] struct{ client Client[I] }

func (s server[I]) Events(ctx context.Context, run scoring.Run) Events {
	return FromIterator(s.client.GetWorkflowHistory(wire.About(ctx, run.WorkflowID), run.WorkflowID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT))
}

func (s server[I]) Describe(ctx context.Context, run scoring.Run) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return s.client.DescribeWorkflowExecution(wire.About(ctx, run.WorkflowID), run.WorkflowID, run.RunID)
}

// Fetch reads a run from a source. Of an open run, a [Describer] supplies how often its activities were tried so far.
func Fetch(ctx context.Context, from Source, run scoring.Run, o Options) (*Run, error) {
	d, ok := from.(Describer)
	if ok && run.RunID == "" {
		about, err := d.Describe(ctx, run) // so that all pages are of one run
		if err != nil {
			return nil, err
		}
		run.RunID = about.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	o.Run = run
	r, err := Read(from.Events(ctx, run), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run, err)
	}
	if ok && r.Open() {
		about, err := d.Describe(ctx, run)
		if err != nil {
			return nil, err
		}
		r.AddPending(about)
	}
	return r, nil
}

// AddPending takes from the server's description of an open run how often activities that have not ended were tried, why the last
// attempt failed, and when the current one began: history says so only once they end.
func (r *Run) AddPending(d *workflowservice.DescribeWorkflowExecutionResponse) {
	more := &reader{o: Options{DataConverter: r.dc}, names: names{}}
	for _, p := range d.GetPendingActivities() {
		s := r.Step(Activity, p.GetActivityId())
		if s == nil || s.Status.Ended() {
			continue
		}
		s.Attempts, s.Worker = p.GetAttempt(), p.GetLastWorkerIdentity()
		if f := p.GetLastFailure(); f != nil {
			s.Failure = more.failure(f)
		}
		if p.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && p.GetAttempt() <= 1 {
			s.Attempts = 0 // it waits for its first
			continue
		}
		s.Status = Started
		if at := p.GetLastStartedTime(); at != nil {
			s.StartedAt = at.AsTime()
		}
	}
}

// SourceFunc is a [Source] of one function.
type SourceFunc func(ctx context.Context, run scoring.Run) Events

// Events calls f.
func (f SourceFunc) Events(ctx context.Context, run scoring.Run) Events { return f(ctx, run) }
