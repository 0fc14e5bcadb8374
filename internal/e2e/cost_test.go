package e2e

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
)

// cost is what a history costs.
type cost struct{ events, tasks, actions int }

// costOf counts a history's events and workflow tasks, and the Actions of Temporal Cloud that its events stand for, after
// https://docs.temporal.io/cloud/actions: one for a start, a timer, a signal and an attempt of an activity; two for a
// child, its start included; one for all markers of a workflow task; one for an upsert of search attributes, that of
// TemporalChangeVersion excepted.
func costOf(h *historypb.History) (c cost) {
	c.events = len(h.Events)
	marked := map[int64]bool{}
	for _, e := range h.Events {
		switch e.EventType {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			c.tasks++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			if e.GetWorkflowExecutionStartedEventAttributes().ParentWorkflowExecution == nil {
				c.actions++
			}
		case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			c.actions += 2
		case enumspb.EVENT_TYPE_TIMER_STARTED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			c.actions++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			c.actions += int(e.GetActivityTaskStartedEventAttributes().Attempt)
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			marked[e.GetMarkerRecordedEventAttributes().WorkflowTaskCompletedEventId] = true
		case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			fields := e.GetUpsertWorkflowSearchAttributesEventAttributes().SearchAttributes.IndexedFields
			if _, version := fields["TemporalChangeVersion"]; !version || len(fields) > 1 {
				c.actions++
			}
		}
	}
	c.actions += len(marked)
	return c
}

func bytesOf(h *historypb.History) (n int) {
	for _, e := range h.Events {
		n += proto.Size(e)
	}
	return n
}

// A deferred scorer that waits for one outcome costs this much, in docs/reliability.md.
func TestCostOfADeferredScorer(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.PlainStoreWorker() // a workflow carries the outcome
	cfg := b.Config(merged)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest) (verdict.Deferred, error) {
			if pr.Key == "" {
				return verdict.Deferred{}, nil
			}
			return verdict.Defer(ctx, merged, pr), nil
		}, workflow.RegisterOptions{Name: "deferring"})
	})
	plain := b.Start("deferring", pullRequest{})
	require.NoError(t, plain.Get(t.Context(), nil))

	pr := pullRequest{"octo/hello#" + uuid.NewString()[:6]}
	run := b.Start("deferring", pr)
	var deferred verdict.Deferred
	require.NoError(t, run.Get(t.Context(), &deferred))
	b.Waiting(pr.Key, 1)
	scorer := b.Client.GetWorkflow(t.Context(), deferred.ID, deferred.RunID)
	var waits *historypb.History
	b.Eventually(func() error {
		waits = b.History(scorer)
		if last := waits.Events[len(waits.Events)-1]; last.EventType != enumspb.EVENT_TYPE_TIMER_STARTED {
			return errors.New("it has no timer yet")
		}
		return nil
	})

	o := outcome("pr.merged", pr.Key)
	require.NoError(t, b.Verdict.Deliver(t.Context(), o))
	require.NoError(t, scorer.Get(t.Context(), nil))
	delivery := b.Client.GetWorkflow(t.Context(), "verdict/outcome/"+o.ID, "")
	require.NoError(t, delivery.Get(t.Context(), nil))

	without, with := costOf(b.History(plain)), costOf(b.History(run))
	require.Equal(t, cost{events: 7, tasks: 1, actions: 3},
		cost{with.events - without.events, with.tasks - without.tasks, with.actions - without.actions}, "what Defer adds to its run")
	require.Equal(t, cost{events: 11, tasks: 2, actions: 2}, costOf(waits), "the scorer while it waits: Expect and a timer")
	require.Equal(t, cost{events: 23, tasks: 4, actions: 4}, costOf(b.History(scorer)), "the same at its end: a signal and Settle")
	require.Equal(t, cost{events: 11, tasks: 2, actions: 2}, costOf(b.History(delivery)), "the delivery: its start and Receive")
	require.Less(t, bytesOf(waits), 3000)
	require.Less(t, bytesOf(b.History(scorer)), 5300)
	require.Less(t, bytesOf(b.History(delivery)), 1800)
	t.Logf("bytes of history: %d while it waits, %d at its end, %d of the delivery", bytesOf(waits), bytesOf(b.History(scorer)), bytesOf(b.History(delivery)))
}
