package history

import (
	"fmt"
	"strconv"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	updatepb "go.temporal.io/api/update/v1"
)

// begin adds a step that begins with an event. Other events refer to it by that event until it ends.
func (r *reader) begin(e *historypb.HistoryEvent, s Step) *Step {
	s.EventID, s.ScheduledAt, s.Status = e.GetEventId(), when(e), Scheduled
	s.Type, s.TaskQueue, s.Worker = r.names.of(s.Type), r.names.of(s.TaskQueue), r.names.of(s.Worker)
	s.Summary = r.value(e.GetUserMetadata().GetSummary())
	r.at[s.EventID] = len(r.run.Steps)
	r.run.Steps = append(r.run.Steps, s)
	return &r.run.Steps[len(r.run.Steps)-1]
}

// open returns the step that began with an event. Where there is none, which the server never does, it returns one that is nobody's.
func (r *reader) open(begun int64) *Step {
	if i, ok := r.at[begun]; ok {
		return &r.run.Steps[i]
	}
	return &Step{}
}

func (s *Step) start(at time.Time) {
	s.Status, s.StartedAt, s.Attempts = Started, at, max(s.Attempts, 1)
}

// end ends the step that began with an event.
func (r *reader) end(begun int64, e *historypb.HistoryEvent, status Status) *Step {
	s := r.open(begun)
	s.Status, s.EndedAt, s.EndEventID = status, when(e), e.GetEventId()
	delete(r.at, begun)
	return s
}

// fail ends a step with a failure, if there is one.
func (r *reader) fail(begun int64, e *historypb.HistoryEvent, status Status, f *failurepb.Failure) {
	if s := r.end(begun, e, status); f != nil {
		s.Failure = r.failure(f)
	}
}

// failed is [reader.fail] for the events of activities and Nexus operations.
func (r *reader) failed(e *historypb.HistoryEvent, status Status, x interface {
	GetScheduledEventId() int64
	GetFailure() *failurepb.Failure
}) {
	r.fail(x.GetScheduledEventId(), e, status, x.GetFailure())
}

// notStarted ends a step that never began, because the server refused it.
func (r *reader) notStarted(begun int64, e *historypb.HistoryEvent, cause fmt.Stringer) {
	r.end(begun, e, Failed).Failure = &Failure{Type: TypeNotStarted, Message: cause.String()}
}

// activity reads activities and timers.
func (r *reader) activity(e *historypb.HistoryEvent) bool {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_ActivityTaskScheduledEventAttributes:
		x := a.ActivityTaskScheduledEventAttributes
		r.begin(e, Step{Kind: Activity, ID: x.GetActivityId(), Type: x.GetActivityType().GetName(), TaskQueue: x.GetTaskQueue().GetName(), Input: r.values(x.GetInput())})
	case *historypb.HistoryEvent_ActivityTaskStartedEventAttributes:
		x := a.ActivityTaskStartedEventAttributes
		s := r.open(x.GetScheduledEventId())
		s.start(when(e))
		s.Attempts, s.Worker = x.GetAttempt(), r.names.of(x.GetIdentity())
		if f := x.GetLastFailure(); f != nil {
			s.Failure = r.failure(f)
		}
	case *historypb.HistoryEvent_ActivityTaskCompletedEventAttributes:
		x := a.ActivityTaskCompletedEventAttributes
		r.end(x.GetScheduledEventId(), e, Completed).Result = r.values(x.GetResult())
	case *historypb.HistoryEvent_ActivityTaskFailedEventAttributes:
		r.failed(e, Failed, a.ActivityTaskFailedEventAttributes)
	case *historypb.HistoryEvent_ActivityTaskTimedOutEventAttributes:
		r.failed(e, TimedOut, a.ActivityTaskTimedOutEventAttributes)
	case *historypb.HistoryEvent_ActivityTaskCancelRequestedEventAttributes:
		r.open(a.ActivityTaskCancelRequestedEventAttributes.GetScheduledEventId()).CancelRequested = true
	case *historypb.HistoryEvent_ActivityTaskCanceledEventAttributes:
		r.end(a.ActivityTaskCanceledEventAttributes.GetScheduledEventId(), e, Canceled).CancelRequested = true
	case *historypb.HistoryEvent_TimerStartedEventAttributes:
		x := a.TimerStartedEventAttributes
		r.begin(e, Step{Kind: Timer, ID: x.GetTimerId(), Length: x.GetStartToFireTimeout().AsDuration()}).start(when(e))
	case *historypb.HistoryEvent_TimerFiredEventAttributes:
		r.end(a.TimerFiredEventAttributes.GetStartedEventId(), e, Completed)
	case *historypb.HistoryEvent_TimerCanceledEventAttributes:
		r.end(a.TimerCanceledEventAttributes.GetStartedEventId(), e, Canceled).CancelRequested = true
	default:
		return false
	}
	return true
}

// child reads child workflows.
func (r *reader) child(e *historypb.HistoryEvent) bool {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_StartChildWorkflowExecutionInitiatedEventAttributes:
		x := a.StartChildWorkflowExecutionInitiatedEventAttributes
		s := r.begin(e, Step{Kind: Child, ID: x.GetWorkflowId(), Type: x.GetWorkflowType().GetName(), TaskQueue: x.GetTaskQueue().GetName(), Input: r.values(x.GetInput())})
		s.Run.Namespace, s.Run.WorkflowID = r.names.of(x.GetNamespace()), s.ID
	case *historypb.HistoryEvent_StartChildWorkflowExecutionFailedEventAttributes:
		x := a.StartChildWorkflowExecutionFailedEventAttributes
		r.notStarted(x.GetInitiatedEventId(), e, x.GetCause())
	case *historypb.HistoryEvent_ChildWorkflowExecutionStartedEventAttributes:
		x := a.ChildWorkflowExecutionStartedEventAttributes
		s := r.open(x.GetInitiatedEventId())
		s.start(when(e))
		s.Run.RunID = x.GetWorkflowExecution().GetRunId()
	case *historypb.HistoryEvent_ChildWorkflowExecutionCompletedEventAttributes:
		x := a.ChildWorkflowExecutionCompletedEventAttributes
		r.end(x.GetInitiatedEventId(), e, Completed).Result = r.values(x.GetResult())
	case *historypb.HistoryEvent_ChildWorkflowExecutionFailedEventAttributes:
		x := a.ChildWorkflowExecutionFailedEventAttributes
		r.fail(x.GetInitiatedEventId(), e, Failed, x.GetFailure())
	case *historypb.HistoryEvent_ChildWorkflowExecutionCanceledEventAttributes:
		r.end(a.ChildWorkflowExecutionCanceledEventAttributes.GetInitiatedEventId(), e, Canceled)
	case *historypb.HistoryEvent_ChildWorkflowExecutionTimedOutEventAttributes:
		r.end(a.ChildWorkflowExecutionTimedOutEventAttributes.GetInitiatedEventId(), e, TimedOut).Failure = &Failure{Type: TypeExecution, Message: "the child timed out"}
	case *historypb.HistoryEvent_ChildWorkflowExecutionTerminatedEventAttributes:
		r.end(a.ChildWorkflowExecutionTerminatedEventAttributes.GetInitiatedEventId(), e, Terminated).Failure = &Failure{Type: TypeTerminated, Message: "the child was terminated"}
	default:
		return false
	}
	return true
}

// message reads signals and updates, and what the run sends to others.
func (r *reader) message(e *historypb.HistoryEvent) bool {
	id := strconv.FormatInt(e.GetEventId(), 10)
	other := func(kind Kind, signal, namespace string, to *commonpb.WorkflowExecution, input *commonpb.Payloads) {
		r.begin(e, Step{Kind: kind, ID: id, Type: signal, Input: r.values(input)}).Run = execution(namespace, to)
	}
	arrived := func(begun int64) {
		s := r.end(begun, e, Completed)
		s.StartedAt, s.Attempts = s.ScheduledAt, 1
	}
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes:
		x := a.WorkflowExecutionSignaledEventAttributes
		r.begin(e, Step{Kind: Signal, ID: id, Type: x.GetSignalName(), Input: r.values(x.GetInput()), Worker: x.GetIdentity()}).Run = execution("", x.GetExternalWorkflowExecution())
		arrived(e.GetEventId())
	case *historypb.HistoryEvent_SignalExternalWorkflowExecutionInitiatedEventAttributes:
		x := a.SignalExternalWorkflowExecutionInitiatedEventAttributes
		other(SignalOther, x.GetSignalName(), x.GetNamespace(), x.GetWorkflowExecution(), x.GetInput())
	case *historypb.HistoryEvent_SignalExternalWorkflowExecutionFailedEventAttributes:
		x := a.SignalExternalWorkflowExecutionFailedEventAttributes
		r.notStarted(x.GetInitiatedEventId(), e, x.GetCause())
	case *historypb.HistoryEvent_ExternalWorkflowExecutionSignaledEventAttributes:
		arrived(a.ExternalWorkflowExecutionSignaledEventAttributes.GetInitiatedEventId())
	case *historypb.HistoryEvent_RequestCancelExternalWorkflowExecutionInitiatedEventAttributes:
		x := a.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
		other(CancelOther, "", x.GetNamespace(), x.GetWorkflowExecution(), nil)
	case *historypb.HistoryEvent_RequestCancelExternalWorkflowExecutionFailedEventAttributes:
		x := a.RequestCancelExternalWorkflowExecutionFailedEventAttributes
		r.notStarted(x.GetInitiatedEventId(), e, x.GetCause())
	case *historypb.HistoryEvent_ExternalWorkflowExecutionCancelRequestedEventAttributes:
		arrived(a.ExternalWorkflowExecutionCancelRequestedEventAttributes.GetInitiatedEventId())
	default:
		return r.update(e)
	}
	return true
}

// update reads updates. One that a reset applies again is admitted first, and its request is there alone.
func (r *reader) update(e *historypb.HistoryEvent) bool {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowExecutionUpdateAdmittedEventAttributes:
		x := a.WorkflowExecutionUpdateAdmittedEventAttributes.GetRequest()
		r.updated(e, x.GetMeta().GetUpdateId(), x)
	case *historypb.HistoryEvent_WorkflowExecutionUpdateAcceptedEventAttributes:
		x := a.WorkflowExecutionUpdateAcceptedEventAttributes
		r.updated(e, x.GetProtocolInstanceId(), x.GetAcceptedRequest()).start(when(e))
	case *historypb.HistoryEvent_WorkflowExecutionUpdateRejectedEventAttributes:
		x := a.WorkflowExecutionUpdateRejectedEventAttributes
		s := r.updated(e, x.GetProtocolInstanceId(), x.GetRejectedRequest())
		r.fail(s.EventID, e, Failed, x.GetFailure())
	case *historypb.HistoryEvent_WorkflowExecutionUpdateCompletedEventAttributes:
		x := a.WorkflowExecutionUpdateCompletedEventAttributes
		i, ok := r.updates[x.GetMeta().GetUpdateId()]
		if !ok {
			return true
		}
		begun := r.run.Steps[i].EventID
		if f := x.GetOutcome().GetFailure(); f != nil {
			r.fail(begun, e, Failed, f)
			return true
		}
		r.end(begun, e, Completed).Result = r.values(x.GetOutcome().GetSuccess())
	default:
		return false
	}
	return true
}

// updated returns the step of an update, which begins with its first event.
func (r *reader) updated(e *historypb.HistoryEvent, id string, x *updatepb.Request) *Step {
	if i, ok := r.updates[id]; ok {
		return &r.run.Steps[i]
	}
	r.updates[id] = len(r.run.Steps)
	return r.begin(e, Step{Kind: Update, ID: id, Type: x.GetInput().GetName(), Input: r.values(x.GetInput().GetArgs()), Worker: x.GetMeta().GetIdentity()})
}

// nexus reads Nexus operations.
func (r *reader) nexus(e *historypb.HistoryEvent) bool {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_NexusOperationScheduledEventAttributes:
		x := a.NexusOperationScheduledEventAttributes
		r.begin(e, Step{Kind: Nexus, ID: strconv.FormatInt(e.GetEventId(), 10), Type: x.GetService() + "/" + x.GetOperation(), TaskQueue: x.GetEndpoint(), Input: r.value(x.GetInput())})
	case *historypb.HistoryEvent_NexusOperationStartedEventAttributes:
		r.open(a.NexusOperationStartedEventAttributes.GetScheduledEventId()).start(when(e))
	case *historypb.HistoryEvent_NexusOperationCompletedEventAttributes:
		x := a.NexusOperationCompletedEventAttributes
		s := r.end(x.GetScheduledEventId(), e, Completed)
		s.Result, s.Attempts = r.value(x.GetResult()), max(s.Attempts, 1)
	case *historypb.HistoryEvent_NexusOperationFailedEventAttributes:
		r.failed(e, Failed, a.NexusOperationFailedEventAttributes)
	case *historypb.HistoryEvent_NexusOperationCanceledEventAttributes:
		r.failed(e, Canceled, a.NexusOperationCanceledEventAttributes)
	case *historypb.HistoryEvent_NexusOperationTimedOutEventAttributes:
		r.failed(e, TimedOut, a.NexusOperationTimedOutEventAttributes)
	case *historypb.HistoryEvent_NexusOperationCancelRequestedEventAttributes:
		r.open(a.NexusOperationCancelRequestedEventAttributes.GetScheduledEventId()).CancelRequested = true
	case *historypb.HistoryEvent_NexusOperationCancelRequestCompletedEventAttributes, *historypb.HistoryEvent_NexusOperationCancelRequestFailedEventAttributes:
	default:
		return false
	}
	return true
}
