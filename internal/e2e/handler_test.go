package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

var handled = scorerNamed("handled")

// handlerAnswer is what a handler saw.
type handlerAnswer struct{ Deferred, Variant, InChild string }

// In an update handler everything works as in the workflow's own function, with the handler's own context and with that
// of the function.
func TestUpdateHandlers(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	e := experiment(t, "handler-"+b.Queue, 1, "")
	use := func(ctx, own workflow.Context) (a handlerAnswer, err error) {
		d := verdict.Defer(ctx, handled, b.Queue)
		pick := verdict.Experiment(ctx, e, verdict.ThisRun)
		a.Deferred, a.Variant = d.ID, pick.Variant
		verdict.Score(ctx, "stars", 5)
		verdict.Session(ctx, "customer", "c")
		verdict.Flush(ctx, "in handler")
		err = workflow.ExecuteChildWorkflow(ctx, "handlerChild").Get(own, &a.InChild)
		return a, err
	}
	b.UserWorker(b.Config(handled), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			pick := verdict.Experiment(ctx, e, verdict.ThisRun)
			return pick.Variant, nil
		}, workflow.RegisterOptions{Name: "handlerChild"})
		w.RegisterWorkflowWithOptions(func(outer workflow.Context, captured bool) error {
			done := false
			err := workflow.SetUpdateHandler(outer, "use", func(ctx workflow.Context) (a handlerAnswer, err error) {
				defer func() { done = true }()
				if captured {
					return use(outer, ctx)
				}
				return use(ctx, ctx)
			})
			return errors.Join(err, workflow.Await(outer, func() bool { return done && workflow.AllHandlersFinished(outer) }))
		}, workflow.RegisterOptions{Name: "updated"})
	})
	for name, captured := range map[string]bool{"its own context": false, "the function's context": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := b.In(t)
			run := b.Start("updated", captured)
			var a handlerAnswer
			update(t, b, run, "use", &a)
			require.NoError(t, run.Get(t.Context(), nil))
			require.NotEmpty(t, a.Deferred)
			require.Equal(t, a.Variant, a.InChild, "the assignment travels")
			require.Equal(t, a.Variant, b.Recorded(e.Definition().Name, run))
			require.NoError(t, b.Verdict.Deliver(t.Context(), verdict.Outcome{ID: "handled-" + b.Queue, Name: "handled", Key: b.Queue}))
			require.ElementsMatch(t, []string{"stars=5", "handled=true"}, b.Scores(run, 2))
		})
	}
}

func update(t *testing.T, b *harness.Bench, run client.WorkflowRun, name string, answer any, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	h, err := b.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: run.GetID(), RunID: run.GetRunID(), UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, h.Get(ctx, answer))
}

// A continue-as-new that is made in an update handler carries the assignment on.
func TestAnUpdateHandlerContinuesAsNew(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	e := experiment(t, "handler-next-"+b.Queue, 1, "")
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, before string) (string, error) {
			var next error
			err := workflow.SetUpdateHandler(ctx, "next", func(ctx workflow.Context) (string, error) {
				pick := verdict.Experiment(ctx, e, verdict.ThisRun)
				next = workflow.NewContinueAsNewError(ctx, "continued", pick.Variant)
				return pick.Variant, nil
			})
			if err != nil {
				return "", err
			}
			if before == "" {
				return "", errors.Join(workflow.Await(ctx, func() bool { return next != nil && workflow.AllHandlersFinished(ctx) }), next)
			}
			pick := verdict.Experiment(ctx, e, verdict.ThisRun)
			return before + " then " + pick.Variant + " of " + pick.Assignment.Unit, nil
		}, workflow.RegisterOptions{Name: "continued"})
	})
	run := b.Start("continued", "")
	first := run.GetRunID()
	var variant, end string
	update(t, b, run, "next", &variant)
	require.NoError(t, run.Get(t.Context(), &end))
	require.Equal(t, variant+" then "+variant+" of "+first, end)
	all, err := b.Store.Assignments(t.Context(), e.Definition().Name, "1")
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// What a query handler or a validator says would be a phantom, and what a coroutine says after its workflow function has
// returned would be lost: both are refused, change nothing and fail nothing.
func TestScoresThatAreRefused(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	e := experiment(t, "asked-"+b.Queue, 1, "")
	refused := make(chan error, 1)
	cfg := b.Config()
	cfg.Refused = func(err error) { refused <- err }
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			verdict.Score(ctx, "own", 1)
			err := errors.Join(
				workflow.SetQueryHandler(ctx, "ask", func() (string, error) {
					verdict.Score(ctx, "from_query", 1)
					return verdict.Experiment(ctx, e, verdict.ThisRun).Variant, nil
				}),
				workflow.SetUpdateHandlerWithOptions(ctx, "change", func(workflow.Context) error { return nil }, workflow.UpdateHandlerOptions{
					Validator: func(ctx workflow.Context) error { verdict.Score(ctx, "from_validator", 1); return nil },
				}))
			verdict.Experiment(ctx, e, verdict.ThisRun, verdict.Forced("b"))
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
			return err
		}, workflow.RegisterOptions{Name: "asked"})
	})
	run := b.Start("asked")
	b.Eventually(func() error {
		d, err := b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
		if err == nil && d.PendingWorkflowTask != nil {
			err = errors.New("it does not wait yet")
		}
		return err
	})
	answer, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), "", "ask")
	require.NoError(t, err)
	var variant string
	require.NoError(t, answer.Get(&variant))
	require.Equal(t, "b", variant, "the run's own is no new assignment")
	require.ErrorContains(t, <-refused, "only reads")
	update(t, b, run, "change", nil)
	require.ErrorContains(t, <-refused, "only reads")
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, []string{"own=1"}, b.Scores(run, 1))
}

// scorerNamed waits for the outcome of its key.
func scorerNamed(name string) *verdict.Scorer[string] {
	return verdict.NewScorer(name, "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On(name, key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
		return got.Score(), err
	})
}
