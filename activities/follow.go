package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Closed is how a run ended, at the end of its retry or continue-as-new chain.
type Closed struct {
	// Run is the last run of the chain.
	Run    scoring.Run       `json:"run"`
	Status scoring.RunStatus `json:"status"`
	// Result is the run's result from its history, still encoded; nil unless Status is RunCompleted.
	Result *commonpb.Payloads `json:"result,omitempty"`
	// ResultOmitted tells that the result is too large to be carried, and so does StepFacts.OutputOmitted of an output: a
	// Closed takes at most [MaxCarried] bytes in all.
	ResultOmitted bool `json:"result_omitted,omitempty"`
	// Failure is the failure's message, FailureType its application error type.
	Failure     string    `json:"failure,omitempty"`
	FailureType string    `json:"failure_type,omitempty"`
	ClosedAt    time.Time `json:"closed_at"`
	// Steps are its activities in the order of scheduling, StepsOmitted how many of the last are left out because there are
	// too many to carry.
	Steps        []StepFacts `json:"steps,omitempty"`
	StepsOmitted int         `json:"steps_omitted,omitempty"`

	decode func(from *commonpb.Payloads, to any) error
}

// DecodedBy returns c with a decoder for its result: the SDK's default converter has no payload codec.
func (c Closed) DecodedBy(decode func(from *commonpb.Payloads, to any) error) Closed {
	c.decode = decode
	return c
}

// Decode decodes the result of a run that completed, in a scorer by the converter of the scorer's worker. One that was too
// large is an error.
func (c Closed) Decode(to any) error {
	if c.ResultOmitted {
		return fmt.Errorf("verdict: the result of %s is too large to carry", c.Run)
	}
	if c.decode != nil {
		return c.decode(c.Result, to)
	}
	return converter.GetDefaultDataConverter().FromPayloads(c.Result, to)
}

// maxFailure is how many bytes a failure's message takes where there is no room for all of it.
const maxFailure = 2 << 10

// fit leaves out parts that are too large to carry: the result if it does not fit along with the facts, then outputs
// from the first that does not fit. Where even the rest is too large, it cuts the messages of failures and leaves out
// the last steps.
func (c *Closed) fit() {
	if Size(c) <= MaxCarried {
		return
	}
	whole := *c
	whole.Steps = slices.Clone(c.Steps)
	c.Result, c.ResultOmitted = nil, whole.Result != nil
	for i := range c.Steps {
		step := &c.Steps[i]
		step.Output, step.OutputOmitted = nil, step.Output != nil
	}
	if Size(c) > MaxCarried {
		c.shorten()
	}
	left := MaxCarried - Size(c)
	put := func(to **commonpb.Payloads, omitted *bool, p *commonpb.Payloads) {
		if n := Size(p); p != nil && n <= left {
			*to, *omitted, left = p, false, left-n
		}
	}
	put(&c.Result, &c.ResultOmitted, whole.Result)
	for i := range c.Steps {
		put(&c.Steps[i].Output, &c.Steps[i].OutputOmitted, whole.Steps[i].Output)
	}
}

// shorten makes the facts about a run and its steps, without any output, fit.
func (c *Closed) shorten() {
	c.Failure, c.FailureType = scoring.ClipEncoded(c.Failure, maxFailure), scoring.ClipEncoded(c.FailureType, maxFailure)
	for i := range c.Steps {
		c.Steps[i].Failure = scoring.ClipEncoded(c.Steps[i].Failure, maxFailure)
	}
	steps := c.Steps
	c.Steps, c.StepsOmitted = nil, len(steps)
	n := Fitting(steps, MaxCarried-Size(c)-len(`"steps":[],`))
	c.Steps, c.StepsOmitted = steps[:n], len(steps)-n
}

// StepFacts are what history says of one activity.
type StepFacts struct {
	Step    scoring.Step       `json:"step"` // Attempt is the number of attempts that were made
	Status  string             `json:"status"`
	Failure string             `json:"failure,omitempty"` // of the last failed attempt
	Output  *commonpb.Payloads `json:"output,omitempty"`
	// OutputOmitted tells that Output is left out for its size.
	OutputOmitted bool          `json:"output_omitted,omitempty"`
	Duration      time.Duration `json:"duration"` // from the start of the last attempt to its end
}

// FollowRun waits until a run has closed, through retries and continue-as-new, and returns how. It heartbeats, so that
// another worker takes over when this one is lost, and gives up at once when this one stops. A run that the server no
// longer knows is [ErrorTypeNotFound].
func (s *Set) FollowRun(ctx context.Context, run scoring.Run) (Closed, error) {
	ctx, stop := beating(ctx)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-ctx.Done():
		case <-activity.GetWorkerStopChannel(ctx):
			cancel()
		}
	}()
	for {
		closing, err := s.closeEvent(ctx, run)
		if stopping(ctx) {
			return Closed{}, temporal.NewApplicationErrorWithOptions("the worker stops; another one follows the run", ErrorTypeStopping,
				temporal.ApplicationErrorOptions{NextRetryDelay: time.Second})
		}
		if err != nil {
			var notFound *serviceerror.NotFound
			if errors.As(err, &notFound) {
				return Closed{}, temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeNotFound, err)
			}
			return Closed{}, err
		}
		if next := history.Next(closing); next != "" {
			run.RunID = next
			continue
		}
		c := describeClose(run, closing)
		c.Steps, err = s.steps(ctx, run)
		c.fit()
		return c, err
	}
}

// stopping tells whether the worker that runs the activity stops.
func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}

// beating beats until it is stopped: the server gives the activity of a worker that was lost to another one soon, and
// not only when its time is up. One that is done before the first beat is due costs nothing.
func beating(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	return beatingWith(ctx, nil)
}

// beatingWith is beating with details, which the next attempt gets.
func beatingWith(ctx context.Context, details func() any) (_ context.Context, stop context.CancelFunc) {
	ctx, stop = context.WithCancel(ctx)
	go heartbeat(ctx, details)
	return ctx, stop
}

// heartbeat beats until ctx is done.
func heartbeat(ctx context.Context, details func() any) {
	interval := activity.GetInfo(ctx).HeartbeatTimeout / 3
	if interval <= 0 {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if details != nil {
				activity.RecordHeartbeat(ctx, details())
			} else {
				activity.RecordHeartbeat(ctx)
			}
		}
	}
}

// closeEvent long-polls the run's close event.
func (s *Set) closeEvent(ctx context.Context, run scoring.Run) (*historypb.HistoryEvent, error) {
	iter := s.Client.GetWorkflowHistory(wire.Closing(ctx, run.WorkflowID), run.WorkflowID, run.RunID, true, enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	event, err := iter.Next()
	if err != nil {
		return nil, err
	}
	return event, nil
}

func describeClose(run scoring.Run, e *historypb.HistoryEvent) Closed {
	c := Closed{Run: run, ClosedAt: e.EventTime.AsTime()}
	switch a := e.Attributes.(type) {
	case *historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes:
		c.Status, c.Result = scoring.RunCompleted, a.WorkflowExecutionCompletedEventAttributes.Result
	case *historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes:
		f := a.WorkflowExecutionFailedEventAttributes.Failure
		c.Status, c.Failure, c.FailureType = scoring.RunFailed, f.GetMessage(), f.GetApplicationFailureInfo().GetType()
	case *historypb.HistoryEvent_WorkflowExecutionCanceledEventAttributes:
		c.Status = scoring.RunCanceled
	case *historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes:
		c.Status, c.Failure = scoring.RunTerminated, a.WorkflowExecutionTerminatedEventAttributes.Reason
	case *historypb.HistoryEvent_WorkflowExecutionTimedOutEventAttributes:
		c.Status = scoring.RunTimedOut
	}
	return c
}

// steps reads the activities of a closed run from its history.
func (s *Set) steps(ctx context.Context, run scoring.Run) ([]StepFacts, error) {
	r, err := history.Fetch(ctx, history.Server(s.Client), run, history.Options{DataConverter: s.DataConverter})
	if err != nil {
		return nil, err
	}
	var steps []StepFacts
	for step := range r.Of(history.Activity) {
		facts := StepFacts{
			Step:   scoring.Step{ID: step.ID, Type: step.Type, Attempt: step.Attempts},
			Status: string(step.Status), Output: step.Result.Payloads(),
		}
		if !step.Status.Ended() {
			facts.Status = string(history.Scheduled)
		}
		if step.Failure != nil {
			facts.Failure = step.Failure.Message
		}
		facts.Duration, _ = step.Duration()
		steps = append(steps, facts)
	}
	return steps, nil
}
