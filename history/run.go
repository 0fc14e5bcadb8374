package history

import (
	"iter"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/scoring"
)

// Run is a run as its history tells it.
type Run struct {
	// ID is the run. A history has no namespace, which comes from [Options.Run], and the run id of a run that was reset is there too, or
	// that of the run that it was reset from.
	ID scoring.Run
	// Type is the workflow type.
	Type      string
	TaskQueue string
	// Status is how the run ended; empty: it is open.
	Status scoring.RunStatus
	// FirstRunID is the first run of the retry or continue-as-new chain, OriginalRunID the run id that a reset keeps, ContinuedFrom the
	// run before this one in its chain, ContinuedTo the next one. Empty: none.
	FirstRunID, OriginalRunID, ContinuedFrom, ContinuedTo string
	// Initiator says what made the run follow ContinuedFrom.
	Initiator Initiator
	// Parent is the run that started it as a child, Root the first of its ancestors; zero: none.
	Parent, Root scoring.Run
	// Attempt counts the tries of a workflow with a retry policy, from 1.
	Attempt int32
	// Cron is the schedule of a cron workflow. Each of its runs is a chain of its own.
	Cron string
	// StartedAt is when it was started, RunsAt when its code could begin: later by a delay, a backoff or a cron schedule. ClosedAt is
	// zero while it is open.
	StartedAt, RunsAt, ClosedAt time.Time
	Input, Result               Values
	// Failure is why it failed, was terminated or timed out; nil: it did not.
	Failure *Failure
	// CancelRequestedAt is when somebody asked to cancel it; zero: nobody did.
	CancelRequestedAt time.Time
	// Steps are in the order of their first events.
	Steps []Step
	// Tasks are its workflow tasks.
	Tasks Tasks
	// Resets are the points that the run was reset to, in the order in which that happened. A run that was never made by a reset has none.
	Resets []Reset
	// Builds are the worker builds that its code ran on, each once, in the order of their last use: the last one closed it.
	Builds []string
	// SDK and SDKVersion name the SDK of the last worker that said so.
	SDK, SDKVersion string
	// Events is how many events it has, Bytes how large they are as protobuf messages.
	Events int64
	Bytes  int64
	// Unknown counts events of kinds that this release does not know, by type. They change nothing here.
	Unknown map[string]int
	// Unread says which markers look like local activities and cannot be read, by event id: a codec is missing, or the SDK is unknown.
	Unread map[int64]string

	memo, attributes map[string]*commonpb.Payload
	dc               converter.DataConverter
	next             string
}

// Initiator says why a run follows another one.
type Initiator string

// The initiators.
const (
	ByWorkflow Initiator = "workflow" // it continued as new
	ByRetry    Initiator = "retry"
	ByCron     Initiator = "cron"
)

// Tasks counts workflow tasks.
type Tasks struct {
	Scheduled, Completed, Failed, TimedOut int
	// Failure is why the last one that failed did, such as a panic or code that does not fit the history; nil: none.
	Failure *Failure
	// Cause is the server's word for it.
	Cause string
}

// Reset is a point at which a run leaves the run that it was reset from.
type Reset struct {
	// BaseRunID is the run that was reset, RunID the run that continues it.
	BaseRunID, RunID string
	// EventID is the event of the reset: earlier events are the base's.
	EventID int64
	At      time.Time
	Reason  string
}

// Open tells whether the run has not closed.
func (r *Run) Open() bool { return r.Status == "" }

// Duration is the time from the start of its code to its close; ok is false while it is open.
func (r *Run) Duration() (d time.Duration, ok bool) {
	if r.Open() {
		return 0, false
	}
	return r.ClosedAt.Sub(r.RunsAt), true
}

// BuildID is the build that its code ran on last; empty if no worker said.
func (r *Run) BuildID() string {
	if len(r.Builds) == 0 {
		return ""
	}
	return r.Builds[len(r.Builds)-1]
}

// Facts are what a store keeps of a run, because histories expire. An open run has no status.
func (r *Run) Facts() scoring.RunFacts {
	f := scoring.RunFacts{
		Run: r.ID, FirstRunID: r.FirstRunID, OriginalRunID: r.OriginalRunID, WorkflowType: r.Type, TaskQueue: r.TaskQueue, Attempt: r.Attempt,
		StartedAt: r.StartedAt, ClosedAt: r.ClosedAt, Status: r.Status, BuildID: r.BuildID(), FromHistory: true,
	}
	if r.Status == scoring.RunFailed {
		f.FailureType, f.FailingStep = r.Failure.Ending()
		f.FailureType, f.FailingStep = scoring.Clip(f.FailureType, scoring.MaxID), scoring.Clip(f.FailingStep, scoring.MaxID)
	}
	return f
}

// Of returns the steps of some kinds, in order, without the ones that Verdict's plugin added.
func (r *Run) Of(kinds ...Kind) iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for i := range r.Steps {
			s := &r.Steps[i]
			if s.Own() {
				continue
			}
			for _, k := range kinds {
				if s.Kind == k {
					if !yield(s) {
						return
					}
					break
				}
			}
		}
	}
}

// Activities are the activities, local ones included, in order, without the ones that Verdict's plugin added.
func (r *Run) Activities() iter.Seq[*Step] { return r.Of(Activity, LocalActivity) }

// Called are the activities of a type, in order.
func (r *Run) Called(activityType string) iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for s := range r.Activities() {
			if s.Type == activityType && !yield(s) {
				return
			}
		}
	}
}

// Last returns the last activity of a type that completed; nil: none did.
func (r *Run) Last(activityType string) *Step {
	var last *Step
	for s := range r.Called(activityType) {
		if s.Status == Completed {
			last = s
		}
	}
	return last
}

// Step returns the step of a kind and an id; nil: there is none. Of several children with one workflow id it is the last.
func (r *Run) Step(kind Kind, id string) *Step {
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if r.Steps[i].Kind == kind && r.Steps[i].ID == id {
			return &r.Steps[i]
		}
	}
	return nil
}

// Memo is a field of the run's memo, as last written.
func (r *Run) Memo(key string) Values { return one(r.memo[key], r.dc) }

// Attribute is a search attribute, as last written by its start or its code. The server's own attributes are not in a history.
func (r *Run) Attribute(key string) Values { return one(r.attributes[key], nil) } // no codec encodes them

func one(p *commonpb.Payload, dc converter.DataConverter) Values {
	if p == nil {
		return Values{}
	}
	return Values{payloads: []*commonpb.Payload{p}, dc: dc}
}
