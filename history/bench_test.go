package history_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/verdict-dev/verdict/history"
)

// long makes the events of a run one at a time: some activities, each with two attempts and half a kilobyte of values, then workflow tasks
// and markers up to a number of events.
func long(events, activities int) history.Events {
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	payloads := func(i int) *commonpb.Payloads {
		p, err := converter.GetDefaultDataConverter().ToPayloads(fmt.Sprintf("%0256d", i))
		if err != nil {
			panic(err)
		}
		return p
	}
	return func(yield func(*historypb.HistoryEvent, error) bool) {
		id := int64(0)
		add := func(kind enumspb.EventType, set func(e *historypb.HistoryEvent)) bool {
			id++
			e := &historypb.HistoryEvent{EventId: id, EventType: kind, EventTime: timestamppb.New(began.Add(time.Duration(id) * time.Millisecond)), TaskId: 1 << 20}
			set(e)
			return yield(e, nil)
		}
		ok := add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, func(e *historypb.HistoryEvent) {
			e.Attributes = &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
				WorkflowType: &commonpb.WorkflowType{Name: "long"}, TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}, WorkflowId: "long", OriginalExecutionRunId: "r", FirstExecutionRunId: "r", Attempt: 1,
			}}
		})
		for n := 0; ok && id < int64(events)-1; n++ {
			if n < activities {
				scheduled := id + 1
				ok = add(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, func(e *historypb.HistoryEvent) {
					e.Attributes = &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
						ActivityId: fmt.Sprint(scheduled), ActivityType: &commonpb.ActivityType{Name: fmt.Sprint("tool-", n%10)}, TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}, Input: payloads(n % 100),
					}}
				}) && add(enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED, func(e *historypb.HistoryEvent) {
					e.Attributes = &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{
						ScheduledEventId: scheduled, Attempt: 2, Identity: "1@worker", LastFailure: &failurepb.Failure{Message: "away", FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: "Away"}}},
					}}
				}) && add(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, func(e *historypb.HistoryEvent) {
					e.Attributes = &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{
						ScheduledEventId: scheduled, StartedEventId: scheduled + 1, Result: payloads(n),
					}}
				})
				continue
			}
			ok = add(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, func(e *historypb.HistoryEvent) {
				e.Attributes = &historypb.HistoryEvent_WorkflowTaskScheduledEventAttributes{WorkflowTaskScheduledEventAttributes: &historypb.WorkflowTaskScheduledEventAttributes{TaskQueue: &taskqueuepb.TaskQueue{Name: "q"}}}
			})
			if ok && id < int64(events)-1 {
				ok = add(enumspb.EVENT_TYPE_MARKER_RECORDED, func(e *historypb.HistoryEvent) {
					e.Attributes = &historypb.HistoryEvent_MarkerRecordedEventAttributes{MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: "SideEffect", Details: map[string]*commonpb.Payloads{"data": payloads(n)}}}
				})
			}
		}
		_ = ok && add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, func(e *historypb.HistoryEvent) {
			e.Attributes = &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: payloads(0)}}
		})
	}
}

// held is how many bytes are reachable after a collection.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A run of 50,000 events with 300 activities takes the memory of its activities: what a run of 1,000 events with as many takes, while it
// is read and after, and a hundredth of its events.
func TestMemoryIsForStepsAndNotForEvents(t *testing.T) {
	cost := func(events int) (after, most int64) {
		before := held()
		n := 0
		r, err := history.Read(func(yield func(*historypb.HistoryEvent, error) bool) {
			for e, err := range long(events, 300) {
				if n++; n%(events/4) == 0 {
					most = max(most, held()-before)
				}
				if !yield(e, err) {
					return
				}
			}
		}, history.Options{})
		require.NoError(t, err)
		require.EqualValues(t, events, r.Events)
		require.Len(t, r.Steps, 300)
		after = held() - before
		runtime.KeepAlive(r)
		return after, most
	}
	cost(1000) // what is made once
	short, shortMost := cost(1000)
	all, most := cost(50_000)
	t.Logf("1,000 events: %d bytes, at most %d; 50,000 events: %d bytes, at most %d", short, shortMost, all, most)
	const noise = 64 << 10
	require.Less(t, all, short+noise)
	require.Less(t, most, max(short, shortMost)+noise)
	events, err := collect(long(50_000, 300))
	require.NoError(t, err)
	size := int64(0)
	for _, e := range events {
		size += int64(proto.Size(e))
	}
	require.Less(t, all, size/10)
}

// A limit on values leaves them out and says so.
func TestLargeValuesAreOmitted(t *testing.T) {
	t.Parallel()
	r, err := history.Read(long(1000, 10), history.Options{MaxValues: 100})
	require.NoError(t, err)
	for s := range r.Activities() {
		require.Zero(t, s.Result.Len())
		require.Greater(t, s.Result.Omitted(), 256)
		_, err := history.Decode[string](s.Result)
		require.ErrorIs(t, err, history.ErrOmitted)
	}
}

func report(b *testing.B, events int, size int64) {
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.SetBytes(size)
}

// BenchmarkRead reads runs of 50,000 events that are in memory, as a client gets them; "steps" has 16,000 activities.
func BenchmarkRead(b *testing.B) {
	for name, activities := range map[string]int{"events": 300, "steps": 16_000} {
		b.Run(name, func(b *testing.B) {
			events, err := collect(long(50_000, activities))
			require.NoError(b, err)
			size := int64(0)
			for _, e := range events {
				size += int64(proto.Size(e))
			}
			for b.Loop() {
				_, err := history.Read(history.FromEvents(events), history.Options{})
				require.NoError(b, err)
			}
			report(b, len(events), size)
		})
	}
}

// BenchmarkFromJSON reads the same runs as the command line exports them.
func BenchmarkFromJSON(b *testing.B) {
	events, err := collect(long(50_000, 300))
	require.NoError(b, err)
	data, err := protojson.Marshal(&historypb.History{Events: events})
	require.NoError(b, err)
	for b.Loop() {
		_, err := history.Read(history.FromJSON(bytes.NewReader(data)), history.Options{})
		require.NoError(b, err)
	}
	report(b, 50_000, int64(len(data)))
}
