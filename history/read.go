package history

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict/scoring"
)

// Events are the events of a run in their order. An error ends them.
type Events = iter.Seq2[*historypb.HistoryEvent, error]

// ErrEmpty: there is no event.
var ErrEmpty = errors.New("verdict: the history has no events")

// GapError reports that events of a history are missing, or are not in order. Nothing can be said about such a run.
type GapError struct {
	Want, Got int64 // event ids
	Type      string
}

func (e *GapError) Error() string {
	return fmt.Sprintf("verdict: the history has event %d (%s) where event %d belongs", e.Got, e.Type, e.Want)
}

// Options say how a history is read. The zero Options keep everything.
type Options struct {
	// Run is the run, as far as it is known. The history supplies workflow id and run id where they are empty.
	Run scoring.Run
	// DataConverter decodes arguments, results and failures: the one of the namespace's workers. Nil: the SDK's default.
	DataConverter converter.DataConverter
	// MaxValues is the most bytes that the arguments, or the results, of one step may have; larger ones are not kept, and say so
	// ([Values.Omitted]). 0: no limit.
	MaxValues int
}

// Read reads a run. It keeps what a [Run] has, and no event: memory grows with the steps. It fails with a [GapError] if the events
// are not all there, from the first one on, with [ErrEmpty] if there are none, and with the error that ends the events.
func Read(events Events, o Options) (*Run, error) {
	r := &reader{o: o, run: &Run{ID: o.Run, dc: o.DataConverter}, at: map[int64]int{}, updates: map[string]int{}, names: names{}}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if err := r.read(e); err != nil {
			return nil, err
		}
	}
	if r.run.Events == 0 {
		return nil, ErrEmpty
	}
	r.run.Steps = slices.Clip(r.run.Steps)
	return r.run, nil
}

// FromEvents are the events of a list, such as the ones of a history that is in memory.
func FromEvents(events []*historypb.HistoryEvent) Events {
	return func(yield func(*historypb.HistoryEvent, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// names makes equal names one string: there are few, and each is in many events.
type names map[string]string

func (n names) of(s string) string {
	if same, ok := n[s]; ok {
		return same
	}
	n[s] = s
	return s
}

// reader makes a run of events.
type reader struct {
	o       Options
	run     *Run
	at      map[int64]int  // open steps by the event that begins them
	updates map[string]int // by id
	again   []int          // local activities that failed and are tried again after a timer
	names   names
}

func (r *reader) read(e *historypb.HistoryEvent) error {
	if want := r.run.Events + 1; e.GetEventId() != want {
		return &GapError{Want: want, Got: e.GetEventId(), Type: e.GetEventType().String()}
	}
	if r.run.Events == 0 && e.GetWorkflowExecutionStartedEventAttributes() == nil {
		return &GapError{Want: 1, Got: 1, Type: e.GetEventType().String()}
	}
	r.run.Events++
	r.run.Bytes += int64(proto.Size(e))
	if r.life(e) || r.task(e) || r.activity(e) || r.child(e) || r.message(e) || r.nexus(e) || r.other(e) {
		return nil
	}
	if r.run.Unknown == nil {
		r.run.Unknown = map[string]int{}
	}
	r.run.Unknown[e.GetEventType().String()]++
	return nil
}

// life reads what begins and ends the run.
func (r *reader) life(e *historypb.HistoryEvent) bool {
	run, at := r.run, when(e)
	closed := func(status scoring.RunStatus) { run.Status, run.ClosedAt, run.next = status, at, Next(e) }
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes:
		r.started(a.WorkflowExecutionStartedEventAttributes, at)
	case *historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes:
		x := a.WorkflowExecutionCompletedEventAttributes
		closed(scoring.RunCompleted)
		run.Result, run.ContinuedTo = r.values(x.GetResult()), x.GetNewExecutionRunId()
	case *historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes:
		x := a.WorkflowExecutionFailedEventAttributes
		closed(scoring.RunFailed)
		run.Failure, run.ContinuedTo = r.failure(x.GetFailure()), x.GetNewExecutionRunId()
	case *historypb.HistoryEvent_WorkflowExecutionTimedOutEventAttributes:
		closed(scoring.RunTimedOut)
		run.Failure = &Failure{Type: TypeExecution, Message: "the run timed out"}
		run.ContinuedTo = a.WorkflowExecutionTimedOutEventAttributes.GetNewExecutionRunId()
	case *historypb.HistoryEvent_WorkflowExecutionCanceledEventAttributes:
		closed(scoring.RunCanceled)
		run.Failure = &Failure{Type: TypeCanceled, Message: "the run was canceled", Details: r.values(a.WorkflowExecutionCanceledEventAttributes.GetDetails())}
	case *historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes:
		x := a.WorkflowExecutionTerminatedEventAttributes
		closed(scoring.RunTerminated)
		run.Failure = &Failure{Type: TypeTerminated, Message: x.GetReason(), Details: r.values(x.GetDetails())}
	case *historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes:
		x := a.WorkflowExecutionContinuedAsNewEventAttributes
		closed(scoring.RunContinuedAsNew)
		run.ContinuedTo = x.GetNewExecutionRunId()
		//lint:ignore SA1019 earlier servers say so
		run.Failure = r.failure(x.GetFailure())
	case *historypb.HistoryEvent_WorkflowExecutionCancelRequestedEventAttributes:
		run.CancelRequestedAt = at
	default:
		return false
	}
	return true
}

func (r *reader) started(x *historypb.WorkflowExecutionStartedEventAttributes, at time.Time) {
	run := r.run
	run.Type, run.TaskQueue, run.Input = x.GetWorkflowType().GetName(), x.GetTaskQueue().GetName(), r.values(x.GetInput())
	run.FirstRunID, run.OriginalRunID, run.ContinuedFrom = x.GetFirstExecutionRunId(), x.GetOriginalExecutionRunId(), x.GetContinuedExecutionRunId()
	run.Attempt, run.Cron = x.GetAttempt(), x.GetCronSchedule()
	run.StartedAt, run.RunsAt = at, at.Add(x.GetFirstWorkflowTaskBackoff().AsDuration())
	if run.ID.WorkflowID == "" {
		run.ID.WorkflowID = x.GetWorkflowId()
	}
	if run.ID.RunID == "" {
		run.ID.RunID = run.OriginalRunID
	}
	run.Parent = execution(x.GetParentWorkflowNamespace(), x.GetParentWorkflowExecution())
	if root := execution(run.ID.Namespace, x.GetRootWorkflowExecution()); root.RunID != run.ID.RunID {
		run.Root = root
	}
	if run.ContinuedFrom != "" {
		switch x.GetInitiator() {
		case enumspb.CONTINUE_AS_NEW_INITIATOR_RETRY:
			run.Initiator = ByRetry
		case enumspb.CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE:
			run.Initiator = ByCron
		default:
			run.Initiator = ByWorkflow
		}
	}
	run.memo, run.attributes = maps.Clone(x.GetMemo().GetFields()), maps.Clone(x.GetSearchAttributes().GetIndexedFields())
}

// task reads workflow tasks.
func (r *reader) task(e *historypb.HistoryEvent) bool {
	run := r.run
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes:
		run.Tasks.Scheduled++
	case *historypb.HistoryEvent_WorkflowTaskStartedEventAttributes:
	case *historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes:
		run.Tasks.Completed++
		r.build(a.WorkflowTaskCompletedEventAttributes)
	case *historypb.HistoryEvent_WorkflowTaskTimedOutEventAttributes:
		run.Tasks.TimedOut++
	case *historypb.HistoryEvent_WorkflowTaskFailedEventAttributes:
		x := a.WorkflowTaskFailedEventAttributes
		if x.GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW {
			run.Resets = append(run.Resets, Reset{x.GetBaseRunId(), x.GetNewRunId(), e.GetEventId(), when(e), x.GetFailure().GetMessage()})
			if r.o.Run.RunID == "" {
				run.ID.RunID = x.GetNewRunId()
			}
			return true
		}
		run.Tasks.Failed++
		run.Tasks.Failure, run.Tasks.Cause = r.failure(x.GetFailure()), x.GetCause().String()
	default:
		return false
	}
	return true
}

// build notes what the code of a completed workflow task ran on.
func (r *reader) build(x *historypb.WorkflowTaskCompletedEventAttributes) {
	id := x.GetDeploymentVersion().GetBuildId()
	if id == "" {
		//lint:ignore SA1019 earlier SDKs say nothing else
		id = x.GetWorkerVersion().GetBuildId()
	}
	if id == "" {
		//lint:ignore SA1019 as above
		id = x.GetBinaryChecksum()
	}
	if id != "" && r.run.BuildID() != id {
		r.run.Builds = append(slices.DeleteFunc(r.run.Builds, func(b string) bool { return b == id }), r.names.of(id))
	}
	if m := x.GetSdkMetadata(); m.GetSdkName() != "" {
		r.run.SDK, r.run.SDKVersion = m.GetSdkName(), m.GetSdkVersion()
	} else if m.GetSdkVersion() != "" {
		r.run.SDKVersion = m.GetSdkVersion()
	}
}

// other reads what changes the run's own properties.
func (r *reader) other(e *historypb.HistoryEvent) bool {
	switch a := e.GetAttributes().(type) {
	case *historypb.HistoryEvent_UpsertWorkflowSearchAttributesEventAttributes:
		merge(&r.run.attributes, a.UpsertWorkflowSearchAttributesEventAttributes.GetSearchAttributes().GetIndexedFields())
	case *historypb.HistoryEvent_WorkflowPropertiesModifiedEventAttributes:
		merge(&r.run.memo, a.WorkflowPropertiesModifiedEventAttributes.GetUpsertedMemo().GetFields())
	case *historypb.HistoryEvent_MarkerRecordedEventAttributes:
		r.marker(e, a.MarkerRecordedEventAttributes)
	case *historypb.HistoryEvent_WorkflowPropertiesModifiedExternallyEventAttributes,
		*historypb.HistoryEvent_ActivityPropertiesModifiedExternallyEventAttributes,
		*historypb.HistoryEvent_WorkflowExecutionOptionsUpdatedEventAttributes,
		*historypb.HistoryEvent_WorkflowExecutionPausedEventAttributes,
		*historypb.HistoryEvent_WorkflowExecutionUnpausedEventAttributes,
		*historypb.HistoryEvent_WorkflowExecutionTimeSkippingTransitionedEventAttributes:
	default:
		return false
	}
	return true
}

// merge sets what an upsert sets; a null takes a field away.
func merge(to *map[string]*commonpb.Payload, fields map[string]*commonpb.Payload) {
	for key, p := range fields {
		if *to == nil {
			*to = map[string]*commonpb.Payload{}
		}
		switch {
		case string(p.GetMetadata()[converter.MetadataEncoding]) == converter.MetadataEncodingNil, string(p.GetData()) == "null", string(p.GetData()) == "[]":
			delete(*to, key)
		default:
			(*to)[key] = p
		}
	}
}

func when(e *historypb.HistoryEvent) time.Time {
	if t := e.GetEventTime(); t != nil {
		return t.AsTime()
	}
	return time.Time{}
}

func execution(namespace string, e *commonpb.WorkflowExecution) scoring.Run {
	if e.GetWorkflowId() == "" {
		return scoring.Run{}
	}
	return scoring.Run{Namespace: namespace, WorkflowID: e.GetWorkflowId(), RunID: e.GetRunId()}
}
