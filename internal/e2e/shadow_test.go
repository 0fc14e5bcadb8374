package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness"
	reporting "github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// accepted takes an outcome for the newest run that waits for it.
var accepted = verdict.NewScorer("accepted", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("accepted", key).Means(true),
		verdict.Within(time.Hour).Attribute(scoring.AttributeLast), verdict.ExpiresUnknown)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

// shadowed is a bench with a workflow that is served, and shadowed by itself as the variant c.
type shadowed struct {
	*harness.Bench
	one, two *experiments.Experiment
	three    *experiments.Experiment // that only the shadow asks
}

func newShadowed(t *testing.T) shadowed {
	b := harness.New(t, nil)
	b.StoreWorker()
	s := shadowed{b, experiment(t, "one-"+b.Queue, 1, ""), experiment(t, "two-"+b.Queue, 1, "customer"), experiment(t, "three-"+b.Queue, 1, "")}
	child := func(ctx workflow.Context, key string) error {
		verdict.DeclareKey(ctx, key)
		verdict.Score(ctx, "in_child", true)
		return nil
	}
	served := func(ctx workflow.Context, key string) (string, error) {
		pick := verdict.Experiment(ctx, s.one, verdict.ThisRun)
		other := verdict.Experiment(ctx, s.two, key)
		verdict.Shadow(ctx, pick, "c", "served", key)
		verdict.Shadow(ctx, pick, "c", "served", key)
		verdict.DeclareKey(ctx, key)
		verdict.Session(ctx, "customer", key)
		verdict.Score(ctx, "good", pick.Variant == "c")
		verdict.Score(ctx, "other", other.Variant == "b")
		verdict.Defer(ctx, accepted, key)
		if pick.Variant != "c" {
			return pick.Variant, nil
		}
		third := verdict.Experiment(ctx, s.three, verdict.ThisRun)
		if third.Variant != "a" {
			return "", errors.New("not served control")
		}
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		if err := workflow.ExecuteChildWorkflow(ctx, "shadowed-child", key).Get(ctx, nil); err != nil { // nil if it was cancelled
			return "", err
		}
		return "", errors.New("a shadow may fail")
	}
	waiting := func(ctx workflow.Context, key string) error {
		pick := verdict.Experiment(ctx, s.one, verdict.ThisRun)
		verdict.Shadow(ctx, pick, "c", "served", key)
		cancelled := workflow.Sleep(ctx, time.Hour)
		ctx, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		return errors.Join(workflow.Sleep(ctx, time.Millisecond), cancelled) // a cancellation has gone out by then
	}
	forced := func(ctx workflow.Context, key string) error {
		pick := verdict.Experiment(ctx, s.one, verdict.ThisRun, verdict.Forced("b"))
		if pick.Variant != "b" {
			return temporal.NewNonRetryableApplicationError("it is not forced", "", nil)
		}
		verdict.Shadow(ctx, pick, "c", "served", key)
		return nil
	}
	cfg := b.Config(accepted)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(served, workflow.RegisterOptions{Name: "served"})
		w.RegisterWorkflowWithOptions(waiting, workflow.RegisterOptions{Name: "waiting"})
		w.RegisterWorkflowWithOptions(forced, workflow.RegisterOptions{Name: "forced"})
		w.RegisterWorkflowWithOptions(child, workflow.RegisterOptions{Name: "shadowed-child"})
	})
	return s
}

// shadow returns the run of the shadow that stands beside run.
func (s shadowed) shadow(run client.WorkflowRun) client.WorkflowRun {
	name := s.one.Definition().Name
	return s.Client.GetWorkflow(s.T.Context(), "verdict/shadow/"+name+"@1/c/"+run.GetRunID(), "")
}

// goOn lets a shadow end, and waits for it.
func (s shadowed) goOn(shadow client.WorkflowRun) {
	s.T.Helper()
	require.NoError(s.T, s.Client.SignalWorkflow(s.T.Context(), shadow.GetID(), "", "go on", nil))
	require.ErrorContains(s.T, shadow.Get(s.T.Context(), nil), "a shadow may fail")
}

// A shadow is scored, and touches nothing of the run beside which it runs: not its result, not its time, not the
// outcomes that it waits for, its keys, its sessions, or any experiment's statistics.
func TestShadow(t *testing.T) {
	t.Parallel()
	s := newShadowed(t)
	key := uuid.NewString()
	for pick(t, s.two, key) != "b" { // control is what a shadow would get that does not know
		key = uuid.NewString()
	}
	run := s.Start("served", key)
	var variant string
	require.NoError(t, run.Get(t.Context(), &variant))
	require.Contains(t, []string{"a", "b"}, variant)
	children := 0
	for _, event := range harness.Shape(s.History(run)) {
		if event == "StartChildWorkflowExecutionInitiated" {
			children++
		}
	}
	require.Equal(t, 2, children, "one shadow, however often it is asked for, and one scorer")
	shadow := s.shadow(run)
	d, err := s.Client.DescribeWorkflowExecution(t.Context(), shadow.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, d.WorkflowExecutionInfo.Status, "nobody waited for it")
	shadowRun := d.WorkflowExecutionInfo.Execution.RunId

	// The outcome is of the run that was served, although the shadow is the newer one.
	s.Waiting(key, 1)
	require.NoError(t, s.Verdict.Deliver(t.Context(), outcome("accepted", key)))
	s.goOn(shadow)
	require.ElementsMatch(t, []string{"good=false", "other=true", "accepted=true"}, s.Scores(run, 3))
	shadow = s.Client.GetWorkflow(t.Context(), shadow.GetID(), shadowRun)
	require.ElementsMatch(t, []string{"good=true", "other=true", "accepted:not_applicable"}, s.Scores(shadow, 3))

	// The key that both declared is the served run's.
	require.NoError(t, s.Verdict.Score(t.Context(), verdict.Key(key), "thumbs_up", true))
	s.Scores(run, 4)
	in, err := s.Store.Scores(t.Context(), store.Filter{Session: scoring.Session{Key: "customer", ID: key}})
	require.NoError(t, err)
	require.NotEmpty(t, in)
	for _, r := range in {
		require.Equal(t, run.GetRunID(), r.Run.RunID)
	}

	// One unit in each experiment, and one shadow beside it.
	two, err := s.Store.Assignments(t.Context(), s.two.Definition().Name, "")
	require.NoError(t, err)
	require.Len(t, two, 1)
	three, err := s.Store.Assignments(t.Context(), s.three.Definition().Name, "")
	require.NoError(t, err)
	require.Empty(t, three)
	one, err := s.Store.Assignments(t.Context(), s.one.Definition().Name, "")
	require.NoError(t, err)
	require.Len(t, one, 2)
	require.Equal(t, scoring.ByShadow, one[1].By)
	require.Equal(t, "c", one[1].Variant)
	require.Equal(t, run.GetRunID(), one[1].Unit)

	r, err := reporting.Build(t.Context(), s.Store, reporting.Options{
		Experiment: s.one.Definition().Name, Definitions: []*experiments.Experiment{s.one}, Now: time.Now().Add(time.Minute),
	})
	require.NoError(t, err)
	e := r.Experiments[0]
	require.Equal(t, 1, e.Units)
	require.Zero(t, e.Excluded)
	shadows := map[string]reporting.Row{}
	require.NotEmpty(t, e.Shadows)
	for _, row := range e.Shadows {
		require.Equal(t, "c", row.Variant)
		shadows[row.Score] = row
	}
	require.Equal(t, 1., *shadows["good"].Mean)
	require.Equal(t, 1., *shadows["in_child"].Mean, "what a shadow starts counts for it")
	require.Equal(t, 1, shadows["accepted"].NotApplicable)
	require.Equal(t, 1., *shadows[experiments.RunFailed].Mean)
	if variant == "a" {
		require.Equal(t, 1., shadows["good"].Versus.Difference)
	}
	for _, row := range append(e.Rows, e.Engine...) {
		require.NotEqual(t, "c", row.Variant)
		require.NotEqual(t, "in_child", row.Score)
		require.Zero(t, len(e.Failures))
	}
}

// A shadow outlives its run, is started once however often the run is replayed, and not at all beside a run that is not
// in the experiment.
func TestShadowIsStartedOnce(t *testing.T) {
	t.Parallel()
	s := newShadowed(t)

	run := s.Start("waiting", uuid.NewString())
	s.Eventually(func() error {
		_, err := s.Client.DescribeWorkflowExecution(t.Context(), s.shadow(run).GetID(), "")
		return err
	})
	require.NoError(t, s.Client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	require.Error(t, run.Get(t.Context(), nil))
	s.goOn(s.shadow(run))

	run = s.Start("served", uuid.NewString())
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, s.Reset(run, 4).Get(t.Context(), nil))
	s.goOn(s.shadow(run))
	assigned, err := s.Store.Assignments(t.Context(), s.one.Definition().Name, "")
	require.NoError(t, err)
	byShadow := 0
	for _, a := range assigned {
		if a.By == scoring.ByShadow && a.Unit == run.GetRunID() {
			byShadow++
		}
	}
	require.Equal(t, 1, byShadow)

	run = s.Start("forced", uuid.NewString())
	require.NoError(t, run.Get(t.Context(), nil))
	_, err = s.Client.DescribeWorkflowExecution(t.Context(), s.shadow(run).GetID(), "")
	require.ErrorAs(t, err, new(*serviceerror.NotFound))
}

// pick returns what a unit gets by the definition.
func pick(t *testing.T, e *experiments.Experiment, unit string) string {
	t.Helper()
	split, err := e.At(experiments.Epoch{})
	require.NoError(t, err)
	return split.Assign(unit).Variant
}
