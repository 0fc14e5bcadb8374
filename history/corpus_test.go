package history_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

// seen is what the activities say of themselves: the last attempt of each, by run id and activity id.
var seen sync.Map

type passage struct {
	Text string `json:"text"`
	Rank int    `json:"rank"`
}

func retrieve(ctx context.Context, query string, n int) ([]passage, error) {
	info := activity.GetInfo(ctx)
	seen.Store(info.WorkflowExecution.RunID+"/"+info.ActivityID, info)
	if int(info.Attempt) < n {
		return nil, temporal.NewApplicationError("the index is away", "IndexAway")
	}
	return []passage{{query, 1}}, nil
}

func refuse(ctx context.Context) error {
	info := activity.GetInfo(ctx)
	seen.Store(info.WorkflowExecution.RunID+"/"+info.ActivityID, info)
	return temporal.NewNonRetryableApplicationError("the card is declined", "CardDeclined", errors.New("funds"), 7)
}

func hang(ctx context.Context) error {
	info := activity.GetInfo(ctx)
	seen.Store(info.WorkflowExecution.RunID+"/"+info.ActivityID, info)
	if info.HeartbeatTimeout == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		}
	}
}

func local(context.Context, string) (string, error) { return "quick", nil }

func localFails(context.Context) error {
	return temporal.NewNonRetryableApplicationError("no", "LocalNo", nil)
}

func options(ctx workflow.Context, attempts int32) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, BackoffCoefficient: 1, MaximumAttempts: attempts},
	})
}

// busy does one of everything.
func busy(ctx workflow.Context, other string) (string, error) {
	err := workflow.SetUpdateHandler(ctx, "adjust", func(ctx workflow.Context, by int) (int, error) {
		if by < 0 {
			return 0, temporal.NewApplicationError("never down", "Down")
		}
		return by + 1, nil
	})
	if err != nil {
		return "", err
	}
	var found []passage
	if err := workflow.ExecuteActivity(options(ctx, 5), retrieve, "what is a bond?", 3).Get(ctx, &found); err != nil {
		return "", err
	}
	_ = workflow.ExecuteActivity(options(ctx, 1), refuse).Get(ctx, nil)
	_ = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 300 * time.Millisecond, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}), hang).Get(ctx, nil)
	unserved := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{ScheduleToStartTimeout: 200 * time.Millisecond, StartToCloseTimeout: time.Minute, TaskQueue: "nobody-" + other})
	_ = workflow.ExecuteActivity(unserved, "absent").Get(ctx, nil)
	canceled, cancel := workflow.WithCancel(options(ctx, 1))
	waits := workflow.ExecuteActivity(workflow.WithWaitForCancellation(workflow.WithHeartbeatTimeout(canceled, 30*time.Second), true), hang)
	_ = workflow.Sleep(ctx, 10*time.Millisecond)
	cancel()
	_ = waits.Get(ctx, nil)

	here := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
	var quick string
	_ = workflow.ExecuteLocalActivity(here, local, "x").Get(ctx, &quick)
	_ = workflow.ExecuteLocalActivity(here, localFails).Get(ctx, nil)

	child := func(id, end string) workflow.ChildWorkflowFuture {
		return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "/" + id}), ends, end)
	}
	_ = child("ok", "").Get(ctx, nil)
	_ = child("fails", "fail").Get(ctx, nil)
	taken := child("ok", "wait")
	_ = taken.GetChildWorkflowExecution().Get(ctx, nil)
	_ = taken.SignalChildWorkflow(ctx, "go", nil).Get(ctx, nil)
	_ = taken.Get(ctx, nil)
	_ = workflow.SignalExternalWorkflow(ctx, "nobody-"+other, "", "hello", 1).Get(ctx, nil)
	_ = workflow.SignalExternalWorkflow(ctx, other, "", "hello", 2).Get(ctx, nil)
	_ = workflow.RequestCancelExternalWorkflow(ctx, other, "").Get(ctx, nil)

	timer, stop := workflow.WithCancel(ctx)
	_ = workflow.NewTimer(timer, time.Hour)
	_ = workflow.Sleep(ctx, time.Millisecond)
	stop()
	_ = workflow.UpsertMemo(ctx, map[string]any{"stage": "late"})
	workflow.GetSignalChannel(ctx, "finish").Receive(ctx, nil)
	return found[0].Text + quick, nil
}

// ends ends in a way.
func ends(ctx workflow.Context, how string) (int, error) {
	info := workflow.GetInfo(ctx)
	switch how {
	case "fail":
		return 0, temporal.NewApplicationError("it fails", "Bad")
	case "retry":
		if info.Attempt < 3 {
			return 0, temporal.NewApplicationError("not yet", "NotYet")
		}
	case "continue":
		if info.ContinuedExecutionRunID == "" {
			return 0, workflow.NewContinueAsNewError(ctx, ends, how)
		}
	case "wait":
		selector := workflow.NewSelector(ctx)
		selector.AddReceive(workflow.GetSignalChannel(ctx, "go"), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		selector.Select(ctx)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	case "step":
		if err := workflow.ExecuteActivity(options(ctx, 1), retrieve, "x", 1).Get(ctx, nil); err != nil {
			return 0, err
		}
		workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
		return 7, workflow.ExecuteActivity(options(ctx, 1), retrieve, "y", 1).Get(ctx, nil)
	case "pend":
		return 0, workflow.ExecuteActivity(options(ctx, 100), retrieve, "x", 1000).Get(ctx, nil)
	}
	return 7, nil
}

func bench(t testing.TB) *harness.Bench {
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(busy, workflow.RegisterOptions{Name: "busy"})
		w.RegisterWorkflowWithOptions(ends, workflow.RegisterOptions{Name: "ends"})
		for name, f := range map[string]any{"retrieve": retrieve, "refuse": refuse, "hang": hang} {
			w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
		}
	})
	return b
}

// agrees compares a run with what the server's own description of it says, field by field.
func agrees(t *testing.T, b *harness.Bench, r *history.Run) *workflowservice.DescribeWorkflowExecutionResponse {
	t.Helper()
	var d *workflowservice.DescribeWorkflowExecutionResponse
	b.Eventually(func() (err error) { // the close of a chain's run may be a moment younger than its history
		d, err = b.Client.DescribeWorkflowExecution(t.Context(), r.ID.WorkflowID, r.ID.RunID)
		if err == nil && d.WorkflowExecutionInfo.HistoryLength != r.Events {
			err = errors.New("the history has grown")
		}
		return err
	})
	info := d.WorkflowExecutionInfo
	require.Equal(t, info.Execution.WorkflowId, r.ID.WorkflowID)
	require.Equal(t, info.Execution.RunId, r.ID.RunID)
	require.Equal(t, info.Type.Name, r.Type)
	require.Equal(t, info.TaskQueue, r.TaskQueue)
	require.Equal(t, info.FirstRunId, r.FirstRunID)
	require.Equal(t, map[enumspb.WorkflowExecutionStatus]scoring.RunStatus{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:          "",
		enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:        scoring.RunCompleted,
		enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:           scoring.RunFailed,
		enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:         scoring.RunCanceled,
		enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:       scoring.RunTerminated,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: scoring.RunContinuedAsNew,
		enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        scoring.RunTimedOut,
	}[info.Status], r.Status)
	if len(r.Resets) == 0 {
		require.WithinDuration(t, info.StartTime.AsTime(), r.StartedAt, time.Millisecond)
		require.WithinDuration(t, info.ExecutionTime.AsTime(), r.RunsAt, time.Millisecond)
	}
	if info.CloseTime != nil {
		require.WithinDuration(t, info.CloseTime.AsTime(), r.ClosedAt, time.Millisecond)
	}
	require.Equal(t, info.ParentExecution.GetRunId(), r.Parent.RunID)
	if info.RootExecution.GetRunId() != r.ID.RunID && len(r.Resets) == 0 {
		require.Equal(t, info.RootExecution.GetRunId(), r.Root.RunID)
	}
	require.InEpsilon(t, info.HistorySizeBytes, r.Bytes, 0.1)
	for key := range info.GetMemo().GetFields() {
		require.Equal(t, 1, r.Memo(key).Len(), key)
	}
	pending := map[string]bool{}
	for _, p := range d.PendingActivities {
		pending[p.ActivityId] = true
		require.Equal(t, p.Attempt, max(r.Step(history.Activity, p.ActivityId).Attempts, 1))
	}
	for s := range r.Of(history.Activity) {
		require.Equal(t, r.Open() && !s.Status.Ended(), pending[s.ID], s.ID)
		said, ok := seen.Load(r.ID.RunID + "/" + s.ID)
		if !ok || pending[s.ID] {
			continue
		}
		attempt := said.(activity.Info)
		require.Equal(t, attempt.Attempt, s.Attempts, s.Type)
		require.Equal(t, attempt.ActivityType.Name, s.Type)
		require.Equal(t, attempt.TaskQueue, s.TaskQueue)
		require.WithinDuration(t, attempt.StartedTime, s.StartedAt, time.Millisecond, s.Type)
		if s.Attempts == 1 { // later attempts are scheduled anew
			require.WithinDuration(t, attempt.ScheduledTime, s.ScheduledAt, time.Millisecond, s.Type)
		}
	}
	return d
}

func fetch(t *testing.T, b *harness.Bench, run client.WorkflowRun) *history.Run {
	t.Helper()
	r, err := history.Fetch(t.Context(), history.Server(b.Client), scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, history.Options{})
	require.NoError(t, err)
	return r
}

// A run that does one of everything is what it did, step by step.
func TestARunIsWhatItDid(t *testing.T) {
	t.Parallel()
	b := bench(t)
	other := b.Start("ends", "wait")
	run := b.StartWith(client.StartWorkflowOptions{Memo: map[string]any{"stage": "early", "team": "a"}}, "busy", other.GetID())
	for by, want := range map[int]string{4: "", -1: "Down"} {
		h, err := b.Client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: "adjust", UpdateID: want + "up", Args: []any{by}, WaitForStage: client.WorkflowUpdateStageCompleted})
		require.NoError(t, err)
		var got int
		err = h.Get(t.Context(), &got)
		require.Equal(t, want != "", err != nil)
	}
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "finish", map[string]int{"n": 1}))
	var result string
	require.NoError(t, run.Get(t.Context(), &result))
	r := fetch(t, b, run)
	agrees(t, b, r)
	require.Equal(t, scoring.RunCompleted, r.Status)
	got, err := history.Decode[string](r.Result)
	require.NoError(t, err)
	require.Equal(t, result, got)
	input, err := history.Decode[string](r.Input)
	require.NoError(t, err)
	require.Equal(t, other.GetID(), input)
	stage, err := history.Decode[string](r.Memo("stage"))
	require.NoError(t, err)
	require.Equal(t, "late", stage)
	require.NotEmpty(t, r.BuildID())
	require.Equal(t, "temporal-go", r.SDK)

	type line struct {
		Kind     history.Kind
		Type     string
		Status   history.Status
		Attempts int32
		Failure  string
	}
	want := []line{
		{history.Activity, "retrieve", history.Completed, 3, "IndexAway"},
		{history.Activity, "refuse", history.Failed, 1, "CardDeclined"},
		{history.Activity, "hang", history.TimedOut, 1, "timeout:start_to_close"},
		{history.Activity, "absent", history.TimedOut, 0, "timeout:schedule_to_start"},
		{history.Activity, "hang", history.Canceled, 1, ""},
		{history.LocalActivity, "local", history.Completed, 1, ""},
		{history.LocalActivity, "localFails", history.Failed, 1, "LocalNo"},
		{history.Child, "ends", history.Completed, 1, ""},
		{history.Child, "ends", history.Failed, 1, "Bad"},
		{history.Child, "ends", history.Completed, 1, ""},
		{history.SignalOther, "go", history.Completed, 1, ""},
		{history.SignalOther, "hello", history.Failed, 0, "not_started"},
		{history.SignalOther, "hello", history.Completed, 1, ""},
		{history.CancelOther, "", history.Completed, 1, ""},
		{history.Timer, "", history.Completed, 1, ""},
		{history.Timer, "", history.Canceled, 1, ""},
		{history.Timer, "", history.Completed, 1, ""},
		{history.Signal, "finish", history.Completed, 1, ""},
		{history.Update, "adjust", history.Completed, 1, ""},
		{history.Update, "adjust", history.Failed, 1, "Down"},
	}
	var lines []line
	for _, s := range r.Steps {
		l := line{s.Kind, s.Type, s.Status, s.Attempts, ""}
		if s.Failure != nil {
			root := s.Failure
			for root.Type == history.TypeActivity || root.Type == history.TypeChild {
				root = root.Cause
			}
			l.Failure = root.Type
		}
		lines = append(lines, l)
	}
	require.ElementsMatch(t, want, lines)

	first := r.Last("retrieve")
	found, err := history.Decode[[]passage](first.Result)
	require.NoError(t, err)
	require.Equal(t, []passage{{"what is a bond?", 1}}, found)
	n, err := history.DecodeAt[int](first.Input, 1)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, ok := first.Wait()
	require.False(t, ok, "the start of the first of three attempts is not in a history")
	took, ok := first.Took()
	require.True(t, ok)
	require.Greater(t, took, 40*time.Millisecond)

	for s := range r.Of(history.Child) {
		c := fetch(t, b, b.Client.GetWorkflow(t.Context(), s.Run.WorkflowID, s.Run.RunID))
		agrees(t, b, c)
		require.Equal(t, r.ID.RunID, c.Parent.RunID)
		require.Equal(t, string(c.Status), string(s.Status))
		require.Equal(t, c.Result.Texts(), s.Result.Texts())
	}
	refused := r.Step(history.Activity, "11")
	for s := range r.Called("refuse") {
		refused = s
	}
	detail, err := history.Decode[int](refused.Failure.Details)
	require.NoError(t, err)
	require.Equal(t, 7, detail)
	require.True(t, refused.Failure.NonRetryable)
	require.Equal(t, "funds", refused.Failure.Root().Message)
}

// Runs end in every way.
func TestRunsEndInEveryWay(t *testing.T) {
	t.Parallel()
	b := bench(t)
	ctx := t.Context()
	for how, end := range map[string]struct {
		status scoring.RunStatus
		cause  string
		do     func(run client.WorkflowRun)
	}{
		"":     {scoring.RunCompleted, "", func(client.WorkflowRun) {}},
		"fail": {scoring.RunFailed, "Bad", func(client.WorkflowRun) {}},
		"terminate": {scoring.RunTerminated, history.TypeTerminated, func(run client.WorkflowRun) {
			require.NoError(t, b.Client.TerminateWorkflow(ctx, run.GetID(), "", "enough", 1))
		}},
		"cancel":   {scoring.RunCanceled, history.TypeCanceled, func(run client.WorkflowRun) { require.NoError(t, b.Client.CancelWorkflow(ctx, run.GetID(), "")) }},
		"time out": {scoring.RunTimedOut, history.TypeExecution, func(client.WorkflowRun) {}},
		"delayed":  {scoring.RunCompleted, "", func(client.WorkflowRun) {}},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			o, arg := client.StartWorkflowOptions{}, how
			switch how {
			case "terminate", "cancel", "time out":
				arg = "wait"
			case "delayed":
				o.StartDelay = time.Second
			}
			if how == "time out" {
				o.WorkflowRunTimeout = time.Second
			}
			run := b.In(t).StartWith(o, "ends", arg)
			end.do(run)
			_ = b.Client.GetWorkflow(t.Context(), run.GetID(), "").Get(t.Context(), nil)
			r := fetch(t, b, run)
			agrees(t, b, r)
			require.Equal(t, end.status, r.Status)
			if end.cause == "" {
				require.Nil(t, r.Failure)
				require.Equal(t, []string{"7"}, r.Result.Texts())
			} else {
				require.Equal(t, end.cause, r.Failure.Root().Type)
			}
			require.Equal(t, how == "cancel", !r.CancelRequestedAt.IsZero())
			d, ok := r.Duration()
			require.True(t, ok)
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.Equal(t, how == "delayed", r.RunsAt.After(r.StartedAt))
		})
	}
}

// Of an open run the server supplies what no history has yet.
func TestAnOpenRunHasItsPendingActivities(t *testing.T) {
	t.Parallel()
	b := bench(t)
	run := b.Start("ends", "pend")
	b.Eventually(func() error {
		r := fetch(t, b, run)
		s := r.Step(history.Activity, firstActivity(r))
		if s == nil || s.Attempts < 3 || s.Failure == nil {
			return errors.New("not tried three times yet")
		}
		require.True(t, r.Open())
		require.Equal(t, "IndexAway", s.Failure.Root().Type)
		require.Equal(t, history.Started, s.Status)
		return nil
	})
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), run.GetID(), "", "seen"))
	r := fetch(t, b, run)
	s := r.Step(history.Activity, firstActivity(r))
	require.Equal(t, scoring.RunTerminated, r.Status)
	require.False(t, s.Status.Ended(), "it never ended, and nothing says that it did")
}

func firstActivity(r *history.Run) string {
	for s := range r.Of(history.Activity) {
		return s.ID
	}
	return ""
}

// A chain is read from any of its runs: through continue-as-new, retries, and resets, whose runs are set apart.
func TestAChainIsReadFromAnyOfItsRuns(t *testing.T) {
	t.Parallel()
	b := bench(t)
	server := history.Server(b.Client)
	follow := func(t *testing.T, run scoring.Run) (ids, away []string, c *history.Chain) {
		c, err := history.Follow(t.Context(), server, run, history.Options{})
		require.NoError(t, err)
		for _, r := range c.Runs {
			agrees(t, b, r)
			ids = append(ids, r.ID.RunID)
		}
		for _, r := range c.Away {
			away = append(away, r.ID.RunID)
		}
		return ids, away, c
	}
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		run := b.In(t).StartWith(client.StartWorkflowOptions{RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 5}}, "ends", "retry")
		require.NoError(t, run.Get(t.Context(), nil))
		ids, away, c := follow(t, scoring.Run{WorkflowID: run.GetID()})
		require.Len(t, ids, 3)
		require.Empty(t, away)
		require.Equal(t, []int32{1, 2, 3}, []int32{c.Runs[0].Attempt, c.Runs[1].Attempt, c.Runs[2].Attempt})
		require.Equal(t, history.ByRetry, c.Last().Initiator)
		require.Equal(t, "NotYet", c.Runs[0].Failure.Type)
		for _, id := range ids {
			again, _, _ := follow(t, scoring.Run{WorkflowID: run.GetID(), RunID: id})
			require.Equal(t, ids, again)
		}
	})
	t.Run("time out and retry", func(t *testing.T) {
		t.Parallel()
		run := b.In(t).StartWith(client.StartWorkflowOptions{
			WorkflowRunTimeout: time.Second, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 2},
		}, "ends", "wait")
		require.Error(t, run.Get(t.Context(), nil))
		ids, _, c := follow(t, scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()})
		require.Len(t, ids, 2)
		require.Equal(t, scoring.RunTimedOut, c.Runs[0].Status)
		require.Equal(t, scoring.RunTimedOut, c.Last().Status)
	})
	t.Run("continue as new", func(t *testing.T) {
		t.Parallel()
		run := b.In(t).Start("ends", "continue")
		require.NoError(t, run.Get(t.Context(), nil))
		ids, _, c := follow(t, scoring.Run{WorkflowID: run.GetID()})
		require.Len(t, ids, 2)
		require.Equal(t, scoring.RunContinuedAsNew, c.Runs[0].Status)
		require.Equal(t, history.ByWorkflow, c.Last().Initiator)
	})
	t.Run("cron", func(t *testing.T) {
		t.Parallel()
		run := b.In(t).StartWith(client.StartWorkflowOptions{CronSchedule: "@every 1s"}, "ends", "")
		var first *history.Run
		b.Eventually(func() error {
			if first = fetch(t, b, b.Client.GetWorkflow(t.Context(), run.GetID(), run.GetRunID())); first.Open() {
				return errors.New("it is open")
			}
			return nil
		})
		require.NotEmpty(t, first.ContinuedTo)
		require.Empty(t, first.Next())
		ids, _, _ := follow(t, first.ID)
		require.Equal(t, []string{run.GetRunID()}, ids)
		second := fetch(t, b, b.Client.GetWorkflow(t.Context(), run.GetID(), first.ContinuedTo))
		require.Equal(t, history.ByCron, second.Initiator)
		require.NoError(t, b.Client.TerminateWorkflow(t.Context(), run.GetID(), "", "enough"))
	})
	t.Run("reset", func(t *testing.T) {
		t.Parallel()
		run := b.In(t).Start("ends", "step")
		require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go", nil))
		require.NoError(t, run.Get(t.Context(), nil))
		base := fetch(t, b, run)
		agrees(t, b, base)
		reset := b.In(t).Reset(run, 4)
		require.NoError(t, reset.Get(t.Context(), nil))
		again := reset.GetRunID()
		r := fetch(t, b, reset)
		agrees(t, b, r)
		require.Len(t, r.Resets, 1)
		require.Equal(t, base.ID.RunID, r.Resets[0].BaseRunID)
		require.Equal(t, again, r.Resets[0].RunID)
		require.Equal(t, base.ID.RunID, r.OriginalRunID)
		bare, err := history.Read(server.Events(t.Context(), r.ID), history.Options{})
		require.NoError(t, err)
		require.Equal(t, again, bare.ID.RunID, "the events alone say which run it is")
		for _, id := range []string{base.ID.RunID, again} {
			ids, away, _ := follow(t, scoring.Run{WorkflowID: run.GetID(), RunID: id})
			require.Equal(t, []string{again}, ids)
			if id == base.ID.RunID {
				require.Equal(t, []string{base.ID.RunID}, away)
			}
		}
	})
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		_, err := history.Follow(t.Context(), server, scoring.Run{WorkflowID: "nobody-" + uuid.NewString()}, history.Options{})
		require.True(t, history.Missing(err), err)
	})
}
