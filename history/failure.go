package history

import (
	"cmp"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// The types of failures that are no application's own. An application failure has the type that its code gave it.
const (
	TypeCanceled   = "canceled"
	TypeTerminated = "terminated"
	TypeServer     = "server"
	TypeReset      = "reset"
	TypeActivity   = "activity"      // an activity's failure; the cause says more
	TypeChild      = "child"         // a child's failure; the cause says more
	TypeNexus      = "nexus"         // a Nexus operation's or handler's failure; the cause says more
	TypeTimeout    = "timeout:"      // begins the type of a timeout: start_to_close, schedule_to_start, schedule_to_close or heartbeat follows
	TypeUnknown    = "unknown"       // a failure of a kind that this release does not know
	TypeNotStarted = "not_started"   // a child that could not be started, or another run that could not be signaled or canceled
	TypeExecution  = "run_timed_out" // the run's own timeout
)

// Failure is why something failed.
type Failure struct {
	Message string
	// Type is the type of an application failure, or one of the types above.
	Type string
	// NonRetryable tells that the failure says so itself.
	NonRetryable bool
	StackTrace   string
	// Step names the activity or the child that the failure comes from, by type and id.
	StepType, StepID string
	// Details are an application failure's own, or the last heartbeat's of an activity that timed out.
	Details Values
	// Cause is what led to it; nil if it has none.
	Cause *Failure

	application bool // its type is an application's own
}

// Root is the last cause of f: what the workers' own code said. nil has none.
func (f *Failure) Root() *Failure {
	for f != nil && f.Cause != nil {
		f = f.Cause
	}
	return f
}

// failure makes a Failure, decoding messages that a failure converter has encoded.
func (r *reader) failure(f *failurepb.Failure) *Failure {
	if f == nil {
		return nil
	}
	if f.GetEncodedAttributes() != nil {
		f = proto.CloneOf(f) // the event is not ours
		converter.DecodeCommonFailureAttributes(r.converter(), f)
	}
	out := &Failure{Message: f.GetMessage(), StackTrace: f.GetStackTrace(), Type: TypeUnknown, Cause: r.failure(f.GetCause())}
	switch i := f.GetFailureInfo().(type) {
	case *failurepb.Failure_ApplicationFailureInfo:
		a := i.ApplicationFailureInfo
		out.Type, out.NonRetryable, out.Details = r.names.of(a.GetType()), a.GetNonRetryable(), r.values(a.GetDetails())
		out.application = true
	case *failurepb.Failure_TimeoutFailureInfo:
		out.Type, out.Details = r.names.of(TimeoutType(i.TimeoutFailureInfo.GetTimeoutType())), r.values(i.TimeoutFailureInfo.GetLastHeartbeatDetails())
	case *failurepb.Failure_CanceledFailureInfo:
		out.Type, out.Details = TypeCanceled, r.values(i.CanceledFailureInfo.GetDetails())
	case *failurepb.Failure_TerminatedFailureInfo:
		out.Type = TypeTerminated
	case *failurepb.Failure_ServerFailureInfo:
		out.Type, out.NonRetryable = TypeServer, i.ServerFailureInfo.GetNonRetryable()
	case *failurepb.Failure_ResetWorkflowFailureInfo:
		out.Type = TypeReset
	case *failurepb.Failure_ActivityFailureInfo:
		out.Type, out.StepType, out.StepID = TypeActivity, r.names.of(i.ActivityFailureInfo.GetActivityType().GetName()), i.ActivityFailureInfo.GetActivityId()
	case *failurepb.Failure_ChildWorkflowExecutionFailureInfo:
		c := i.ChildWorkflowExecutionFailureInfo
		out.Type, out.StepType, out.StepID = TypeChild, r.names.of(c.GetWorkflowType().GetName()), c.GetWorkflowExecution().GetWorkflowId()
	case *failurepb.Failure_NexusOperationExecutionFailureInfo:
		n := i.NexusOperationExecutionFailureInfo
		out.Type, out.StepType = TypeNexus, r.names.of(n.GetService()+"/"+n.GetOperation())
	case *failurepb.Failure_NexusHandlerFailureInfo:
		out.Type = TypeNexus
	}
	return out
}

// Ending says why a run failed: the type of its last error, and the type of the activity that it comes from, each empty if there is none. It is
// the first named application error, where an error is only wrapped in others; without one it is the timeout, termination or the like.
func (f *Failure) Ending() (errorType, step string) {
	other := ""
	for ; f != nil; f = f.Cause {
		switch {
		case f.Type == TypeActivity:
			step = cmp.Or(step, f.StepType)
		case f.Type == TypeChild, f.Type == TypeNexus:
		case f.wraps():
		case f.application:
			return f.Type, step
		default:
			other = cmp.Or(other, f.Type)
		}
	}
	return other, step
}

// wraps tells whether f is what the SDK for Go makes of an error that wraps another one, and says nothing of its own.
func (f *Failure) wraps() bool {
	return f.Cause != nil && slices.Contains([]string{"wrapError", "wrapErrors", "joinError"}, f.Type)
}

// TimeoutType is the type of the failure of a timeout: timeout:start_to_close and so on.
func TimeoutType(t enumspb.TimeoutType) string { return TypeTimeout + timeoutName(t) }

func timeoutName(t enumspb.TimeoutType) string {
	switch t {
	case enumspb.TIMEOUT_TYPE_START_TO_CLOSE:
		return "start_to_close"
	case enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return "schedule_to_start"
	case enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
		return "schedule_to_close"
	case enumspb.TIMEOUT_TYPE_HEARTBEAT:
		return "heartbeat"
	}
	return TypeUnknown
}

// values keeps encoded values, unless they are too large.
func (r *reader) values(p *commonpb.Payloads) Values {
	if len(p.GetPayloads()) == 0 {
		return Values{}
	}
	return r.keep(p.GetPayloads())
}

func (r *reader) value(p *commonpb.Payload) Values {
	if p == nil {
		return Values{}
	}
	return r.keep([]*commonpb.Payload{p})
}

func (r *reader) keep(payloads []*commonpb.Payload) Values {
	v := Values{payloads: payloads, dc: r.o.DataConverter}
	if limit := r.o.MaxValues; limit != 0 {
		if n := v.Size(); n > limit {
			return Values{bytes: n}
		}
	}
	return v
}

func (r *reader) converter() converter.DataConverter {
	return Values{dc: r.o.DataConverter}.converter()
}
