package history

import (
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Kind says what a step is.
type Kind string

// The kinds of a step.
const (
	Activity      Kind = "activity"
	LocalActivity Kind = "local_activity"
	Child         Kind = "child"
	Timer         Kind = "timer"
	Signal        Kind = "signal" // that the run received
	Update        Kind = "update"
	Nexus         Kind = "nexus"
	SignalOther   Kind = "signal_other" // that the run sent to another run
	CancelOther   Kind = "cancel_other" // its request to cancel another run
)

// Status says how far a step is, or how it ended.
type Status string

// The statuses of a step. A step that is open when its run closes stays as it was.
const (
	Scheduled  Status = "scheduled" // it has not started
	Started    Status = "started"
	Completed  Status = "completed" // a timer has fired, a signal has arrived
	Failed     Status = "failed"
	TimedOut   Status = "timed_out"
	Canceled   Status = "canceled"
	Terminated Status = "terminated" // a child
)

// Ended tells whether a step of that status is over.
func (s Status) Ended() bool { return s != Scheduled && s != Started && s != "" }

// Step is something that a run did, or that was done to it.
type Step struct {
	Kind Kind
	// ID is the activity id, the child's workflow id, the timer id or the update id. A signal and a Nexus operation have the id of
	// the event that they begin with. It is unique among the steps of a kind, except a workflow id that several children had.
	ID string
	// Type is the activity type, the child's workflow type, the name of the signal or update, or service/operation. A timer has none.
	Type   string
	Status Status
	// Attempts is how often an activity was tried, 0 if it never started; 1 for other steps that started. History tells it when the last
	// attempt has ended; of an activity that is still tried the server tells it: see [Run.AddPending].
	Attempts int32
	// EventID is the event that it begins with, EndEventID the one that it ends with, 0 as long as it has not.
	EventID, EndEventID int64
	// ScheduledAt is when the run asked for it. StartedAt is when its last attempt began; a local activity says it in no SDK. EndedAt is
	// when it ended.
	ScheduledAt, StartedAt, EndedAt time.Time
	// Input are its arguments. A local activity has none in history, but with the Java SDK.
	Input, Result Values
	// Failure is why the last attempt that failed did, also where a later one completed; nil if none is known.
	Failure *Failure
	// CancelRequested tells that the run asked to cancel it.
	CancelRequested bool
	// TaskQueue is where an activity or a child was scheduled, Worker the identity of who took the last attempt.
	TaskQueue, Worker string
	// Length is how long a timer runs.
	Length time.Duration
	// Run is the run of a child, or the run that was signaled or canceled.
	Run scoring.Run
	// Summary is the text that the workflow gave the step for people.
	Summary Values
}

// Duration is the time from the start of the last attempt to its end, of a timer from its start. ok is false while it is not
// known, and for a local activity.
func (s Step) Duration() (d time.Duration, ok bool) {
	if s.StartedAt.IsZero() || !s.Status.Ended() {
		return 0, false
	}
	return s.EndedAt.Sub(s.StartedAt), true
}

// Took is the time from when the run asked for the step to its end, with every attempt and every pause. ok is false while it is not
// known.
func (s Step) Took() (d time.Duration, ok bool) {
	if !s.Status.Ended() || s.ScheduledAt.IsZero() {
		return 0, false
	}
	return s.EndedAt.Sub(s.ScheduledAt), true
}

// Wait is the time from scheduling to start: what a worker took to begin. ok is false for an activity that was tried several times,
// because history has the start of the last attempt alone, and for a step that does not wait for a worker.
func (s Step) Wait() (d time.Duration, ok bool) {
	if (s.Kind != Activity && s.Kind != Child) || s.Attempts != 1 || s.StartedAt.IsZero() {
		return 0, false
	}
	return s.StartedAt.Sub(s.ScheduledAt), true
}

// Subject is the step as the subject of a score. An activity is the step that verdict.OnStep and a score in the activity name; of
// other kinds the id begins with the kind, because ids of different kinds may be the same.
func (s Step) Subject() scoring.Step {
	id := s.ID
	if s.Kind != Activity {
		id = string(s.Kind) + ":" + id
	}
	return scoring.Step{ID: scoring.Clip(id, scoring.MaxID), Type: s.Type, Attempt: s.Attempts}
}

// own are the local activities that Verdict adds to a run.
var own = map[string]bool{"VerdictFlush": true, "VerdictWait": true, "VerdictAssign": true}

// Own tells whether Verdict's plugin added the step to the run.
func (s Step) Own() bool { return s.Kind == LocalActivity && own[s.Type] }
