package releases

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// What is said between the user's worker, services and the verdict worker, by the name that it has in a history. A release
// reads what the other writes, either way: a field keeps its name and its meaning.
var wire = map[string][]any{
	"verdict.RecordWorkflow input":     {activities.Batch{}},
	"verdict.DeliverWorkflow input":    {scoring.Outcome{}},
	"verdict.ExperimentWorkflow input": {rollout.State{}},
	"verdict.scorer input":             {workflows.Envelope{}},
	"verdict.scorer result":            {workflows.Result{}},
	"verdict.outcome signal":           {scoring.Outcome{}},
	"verdict.Record input":             {activities.Batch{}},
	"verdict.Expect input":             {scoring.Expectation{}},
	"verdict.Expect result":            {activities.Expected{}},
	"verdict.Settle input":             {store.Settlement{}},
	"verdict.Settle result":            {activities.Refusal{}},
	"verdict.Receive input":            {scoring.Outcome{}},
	"verdict.Reject input":             {store.Rejection{}},
	"verdict.FollowRun input":          {scoring.Run{}},
	"verdict.FollowRun result":         {activities.Closed{}},
	"VerdictAssign result":             {scoring.Assignment{}},
	"verdict-assignments header":       {[]scoring.Ref{}},
}

// What a release has put on the wire is read by today's types and written by them as it was, with nothing left out.
func TestWireKeepsItsForm(t *testing.T) {
	t.Parallel()
	recordings(t, keepsTheWire)
}

func keepsTheWire(t *testing.T, l left) {
	seen := map[string]int{}
	for _, r := range l.histories(t) {
		for name, payloads := range said(r.events(t)) {
			types, ok := wire[name]
			if !ok {
				continue
			}
			for _, p := range payloads {
				for i, x := range types {
					seen[name]++
					keepsItsForm(t, name, p.Payloads[i].Data, reflect.TypeOf(x))
				}
			}
		}
	}
	for name := range wire {
		require.NotZero(t, seen[name], "%s was not recorded", name)
	}
}

func keepsItsForm(t *testing.T, name string, data []byte, as reflect.Type) {
	t.Helper()
	var then, now any
	require.NoError(t, json.Unmarshal(data, &then))
	v := reflect.New(as)
	require.NoError(t, json.Unmarshal(data, v.Interface()), "%s: %s", name, data)
	again, err := json.Marshal(v.Interface())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(again, &now))
	require.Empty(t, differences("", then, now), "%s: %s", name, data)
}

// said returns the payloads of a history by what they are.
func said(h *historypb.History) map[string][]*commonpb.Payloads {
	all := map[string][]*commonpb.Payloads{}
	add := func(name string, p *commonpb.Payloads) {
		if len(p.GetPayloads()) > 0 {
			all[name] = append(all[name], p)
		}
	}
	kind := h.Events[0].GetWorkflowExecutionStartedEventAttributes().WorkflowType.Name
	if strings.HasPrefix(kind, "verdict.scorer.") {
		kind = "verdict.scorer"
	}
	scheduled := map[int64]string{}
	for _, e := range h.Events {
		switch e.EventType {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			a := e.GetWorkflowExecutionStartedEventAttributes()
			add(kind+" input", a.Input)
			if p := a.Header.GetFields()["verdict-assignments"]; p != nil {
				add("verdict-assignments header", &commonpb.Payloads{Payloads: []*commonpb.Payload{p}})
			}
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			add(kind+" result", e.GetWorkflowExecutionCompletedEventAttributes().Result)
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			a := e.GetWorkflowExecutionSignaledEventAttributes()
			add(a.SignalName+" signal", a.Input)
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			a := e.GetActivityTaskScheduledEventAttributes()
			scheduled[e.EventId] = a.ActivityType.Name
			add(a.ActivityType.Name+" input", a.Input)
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			a := e.GetActivityTaskCompletedEventAttributes()
			add(scheduled[a.ScheduledEventId]+" result", a.Result)
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			a := e.GetMarkerRecordedEventAttributes()
			if a.MarkerName == "LocalActivity" && strings.Contains(string(a.Details["data"].GetPayloads()[0].Data), `"VerdictAssign"`) {
				add("VerdictAssign result", a.Details["result"])
			}
		}
	}
	return all
}
