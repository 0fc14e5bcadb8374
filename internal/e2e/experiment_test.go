package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

func experiment(t *testing.T, name string, weightB float64, unit string) *experiments.Experiment {
	t.Helper()
	e, err := experiments.New(experiments.Definition{
		Name: name, Version: "1", Control: "a", Unit: unit,
		Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: weightB}},
		Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	return e
}

// The variant is the same in the run, its children, its continued and its retried runs, whatever is deployed
// meanwhile, and the assignment is there while the run is still open.
func TestVariantLastsForTheLifeOfTheRun(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	name := "life-" + b.Queue
	var current atomic.Pointer[experiments.Experiment]
	current.Store(experiment(t, name, 1, ""))
	child := func(ctx workflow.Context) (string, error) {
		pick := verdict.Experiment(ctx, current.Load(), verdict.ThisRun)
		verdict.Score(ctx, "in_child", true)
		return pick.Variant, nil
	}
	life := func(ctx workflow.Context, before []string) ([]string, error) {
		pick := verdict.Experiment(ctx, current.Load(), verdict.ThisRun)
		again := verdict.Experiment(ctx, current.Load(), verdict.ThisRun)
		seen := append(before, pick.Variant, again.Variant)
		var inChild string
		if err := workflow.ExecuteChildWorkflow(ctx, "life-child").Get(ctx, &inChild); err != nil {
			return nil, err
		}
		seen = append(seen, inChild)
		if len(before) == 0 {
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
			return nil, workflow.NewContinueAsNewError(ctx, "life", seen)
		}
		if workflow.GetInfo(ctx).Attempt == 1 {
			return nil, errors.New("retried by policy")
		}
		return seen, nil
	}
	cfg := b.Config()
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(life, workflow.RegisterOptions{Name: "life"})
		w.RegisterWorkflowWithOptions(child, workflow.RegisterOptions{Name: "life-child"})
	})
	o := startOptions()
	o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 1, MaximumAttempts: 3}
	run := b.StartWith(o, "life", []string{})
	b.Eventually(func() error {
		as, err := b.Store.Assignments(t.Context(), name, "1")
		if err == nil && len(as) != 1 {
			err = errors.New("not yet assigned")
		}
		return err
	})
	assigned, err := b.Store.Assignments(t.Context(), name, "1")
	require.NoError(t, err)
	a := assigned[0]
	require.Equal(t, map[string]float64{"a": 0.5, "b": 0.5}, a.Probabilities)
	require.Equal(t, run.GetRunID(), a.Unit)

	// A deploy that would give this unit the other variant.
	weight := 1e-9
	if a.Variant == "a" {
		weight = 1e9
	}
	current.Store(experiment(t, name, weight, ""))
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
	var seen []string
	require.NoError(t, run.Get(t.Context(), &seen))
	require.Len(t, seen, 6)
	for _, v := range seen {
		require.Equal(t, a.Variant, v, "%v", seen)
	}
	assigned, err = b.Store.Assignments(t.Context(), name, "1")
	require.NoError(t, err)
	require.Len(t, assigned, 1, "a chain is one unit")
	scores, err := b.Store.Scores(t.Context(), store.Filter{Experiment: name})
	require.NoError(t, err)
	require.NotEmpty(t, scores, "what a child scores counts for the unit that was assigned")
}

// Scores are attributed from the recorded assignment; a run may be in several experiments at once.
func TestSeveralExperiments(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	one, two := experiment(t, "one-"+b.Queue, 1, ""), experiment(t, "two-"+b.Queue, 1, "customer")
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, customer string) ([]string, error) {
			p := verdict.Experiment(ctx, one, verdict.ThisRun)
			q := verdict.Experiment(ctx, two, customer)
			fn, err := verdict.Of(q, map[string]func() bool{"a": func() bool { return false }, "b": func() bool { return true }})
			if err != nil {
				return nil, err
			}
			verdict.Score(ctx, "good", fn())
			return []string{p.Variant, q.Variant}, nil
		}, workflow.RegisterOptions{Name: "several"})
	})
	customer := uuid.NewString()
	var first, second []string
	require.NoError(t, b.Start("several", customer).Get(t.Context(), &first))
	require.NoError(t, b.Start("several", customer).Get(t.Context(), &second))
	require.Equal(t, first[1], second[1], "the same customer, the same variant")
	for _, name := range []string{"one-" + b.Queue, "two-" + b.Queue} {
		b.Eventually(func() error {
			scores, err := b.Store.Scores(t.Context(), store.Filter{Experiment: name, Name: "good"})
			if err == nil && len(scores) != 2 {
				err = errors.New("not both scored")
			}
			return err
		})
	}

	nobody := b.Start("several", "")
	var served []string
	require.NoError(t, nobody.Get(t.Context(), &served))
	require.Equal(t, "a", served[1], "no customer: the control")
	all, err := b.Store.Assignments(t.Context(), "two-"+b.Queue, "")
	require.NoError(t, err)
	for _, a := range all {
		require.NotEqual(t, nobody.GetRunID(), a.Run.RunID, "it is not in the experiment")
	}
	require.True(t, b.Log.Contains("pass one"))
}

// A variant may be a child workflow: it has the assignment of the run that started it, and what it scores counts for it.
func TestVariantsAsChildWorkflows(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	name := "children-" + b.Queue
	exp := experiment(t, name, 1, "customer")
	variant := func(good bool) func(workflow.Context) error {
		return func(ctx workflow.Context) error { verdict.Score(ctx, "good", good); return nil }
	}
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(variant(false), workflow.RegisterOptions{Name: "variant-a"})
		w.RegisterWorkflowWithOptions(variant(true), workflow.RegisterOptions{Name: "variant-b"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, customer string) error {
			pick := verdict.Experiment(ctx, exp, customer)
			return workflow.ExecuteChildWorkflow(ctx, "variant-"+pick.Variant).Get(ctx, nil)
		}, workflow.RegisterOptions{Name: "parent"})
	})
	const runs = 12
	for range runs {
		b.Start("parent", uuid.NewString())
	}
	var assigned []scoring.Assignment
	var records []scoring.Record
	b.Eventually(func() (err error) {
		if assigned, err = b.Store.Assignments(t.Context(), name, "1"); err != nil {
			return err
		}
		records, err = b.Store.Scores(t.Context(), store.Filter{Experiment: name, Name: "good"})
		if err == nil && len(records) != runs {
			err = errors.New("not all scored")
		}
		return err
	})
	facts, err := b.Store.Runs(t.Context(), store.RunFilter{Experiment: name})
	require.NoError(t, err)
	report, err := analysis.Of(exp, experiments.Rows{Assignments: assigned, Records: records, Runs: facts}, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, report.Metrics[0].Variants, 2)
	for _, v := range report.Metrics[0].Variants {
		require.NotZero(t, v.Assigned)
		require.Equal(t, v.Assigned, v.Scored, "every unit by its child's score")
		require.Equal(t, map[string]float64{"a": 0, "b": 1}[v.Variant], *v.Mean)
	}
}

// Whoever calls has a say in the pick: whom the experiment is for, an override, or a choice of their own with the
// probabilities that it had. What contradicts the definition is refused, and the run served control, out of the statistics.
func TestPickOptions(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	hashed := experiment(t, "hashed-"+b.Queue, 1, "")
	custom, err := experiments.New(experiments.Definition{
		Name: "custom-" + b.Queue, Version: "1", Control: "a", Selection: scoring.ByCustom,
		Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
		Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	cfg := b.Config()
	cfg.Store = b.Store
	refused := make(chan error, 1)
	cfg.Refused = func(err error) { refused <- err }
	calls := map[string]func(workflow.Context) verdict.Pick{
		"targeted": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, hashed, verdict.ThisRun, verdict.Targeted(true))
		},
		"not targeted": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, hashed, verdict.ThisRun, verdict.Targeted(false))
		},
		"forced": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, hashed, verdict.ThisRun, verdict.Targeted(false), verdict.Forced("b"))
		},
		"chosen": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, custom, verdict.ThisRun, verdict.Chosen("b", map[string]float64{"a": .75, "b": .25}))
		},
		"forced to what is not there": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, hashed, verdict.ThisRun, verdict.Forced("c"))
		},
		"chosen where the hash picks": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, hashed, verdict.ThisRun, verdict.Chosen("b", map[string]float64{"a": .5, "b": .5}))
		},
		"nothing chosen": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, custom, verdict.ThisRun)
		},
		"chosen with no probability": func(ctx workflow.Context) verdict.Pick {
			return verdict.Experiment(ctx, custom, verdict.ThisRun, verdict.Chosen("b", map[string]float64{"a": 1}))
		},
	}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, call string) (string, error) {
			return calls[call](ctx).Variant, nil
		}, workflow.RegisterOptions{Name: "picks"})
	})
	call := func(name string) (run string, variant string, err error) {
		r := b.Start("picks", name)
		err = r.Get(t.Context(), &variant)
		return r.GetRunID(), variant, err
	}
	assigned := func(e *experiments.Experiment, run string) []scoring.Assignment {
		var of []scoring.Assignment
		all, err := b.Store.Assignments(t.Context(), e.Definition().Name, "")
		require.NoError(t, err)
		for _, a := range all {
			if a.Run.RunID == run {
				of = append(of, a)
			}
		}
		return of
	}
	for name, want := range map[string]struct {
		of      *experiments.Experiment
		variant string
		by      scoring.AssignedBy
	}{
		"targeted":     {hashed, "", scoring.ByWeight},
		"not targeted": {hashed, "a", experiments.ByTargeting},
		"forced":       {hashed, "b", scoring.ByForce},
		"chosen":       {custom, "b", scoring.ByCustom},
	} {
		run, variant, err := call(name)
		require.NoError(t, err, name)
		of := assigned(want.of, run)
		require.Len(t, of, 1, name)
		require.Equal(t, variant, of[0].Variant, name)
		require.Equal(t, want.by, of[0].By, name)
		if want.variant != "" {
			require.Equal(t, want.variant, variant, name)
		}
		if name == "chosen" {
			require.Equal(t, map[string]float64{"a": .75, "b": .25}, of[0].Probabilities)
		}
	}
	for _, name := range []string{"forced to what is not there", "chosen where the hash picks", "nothing chosen", "chosen with no probability"} {
		run, variant, err := call(name)
		require.NoError(t, err, name)
		require.Equal(t, "a", variant, "%s: it is served control", name)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, <-refused, &invalid, name)
		require.Empty(t, assigned(hashed, run), name)
		require.Empty(t, assigned(custom, run), name)
	}
}

// A variant that was removed from the code under a run that has it fails the run's task, and not the run: the code that has
// it heals the run. An activity that was given the pick gets an error.
func TestRemovedVariant(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	exp := experiment(t, "removed-"+b.Queue, 1, "")
	texts := map[string]string{"a": "text of a", "b": "text of b"}
	// build is the workflow as a build of the code has it.
	build := func(texts map[string]string) func(worker.Worker) {
		return func(w worker.Worker) {
			w.RegisterActivityWithOptions(func(_ context.Context, p verdict.Pick) (string, error) {
				return verdict.Of(p, texts)
			}, registerActivity("text-of"))
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, how string) (text string, err error) {
				pick := verdict.Experiment(ctx, exp, verdict.ThisRun, verdict.Forced("b"))
				workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
				if how == "in an activity" {
					ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
						StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
					})
					return text, workflow.ExecuteActivity(ctx, "text-of", pick).Get(ctx, &text)
				}
				return verdict.Of(pick, texts)
			}, workflow.RegisterOptions{Name: "removed"})
		}
	}
	retried := client.StartWorkflowOptions{
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Millisecond},
		WorkflowTaskTimeout: 4 * time.Second, // so long does the server wait for the worker that has failed a task again
	}
	start := func(texts map[string]string) (stop func()) {
		return b.Worker(b.Queue, worker.Options{
			Plugins:                      []worker.Plugin{verdict.NewPlugin(b.Config())},
			StickyScheduleToStartTimeout: 100 * time.Millisecond, // so long does a task wait for the worker that has gone
		}, build(texts))
	}
	stop := start(texts)
	run := b.StartWith(retried, "removed", "")
	inActivity := b.StartWith(client.StartWorkflowOptions{}, "removed", "in an activity")
	for _, r := range []client.WorkflowRun{run, inActivity} {
		b.Eventually(func() error {
			if !slices.Contains(harness.Shape(b.History(r)), "MarkerRecorded") {
				return errors.New("it has no variant yet")
			}
			return nil
		})
	}
	stop()

	goOn := func(r client.WorkflowRun) {
		require.NoError(t, b.Client.SignalWorkflow(t.Context(), r.GetID(), "", "go on", nil))
	}
	without := map[string]string{"a": texts["a"]}
	const removed = `"b" of "removed-`
	stop = start(without)
	goOn(inActivity)
	var application *temporal.ApplicationError
	err := inActivity.Get(t.Context(), nil)
	require.ErrorAs(t, err, &application)
	require.False(t, application.NonRetryable())
	require.ErrorContains(t, err, removed)

	goOn(run)
	b.Eventually(func() error {
		for _, e := range b.History(run).Events {
			if failed := e.GetWorkflowTaskFailedEventAttributes(); failed != nil && strings.Contains(failed.Failure.GetMessage(), removed) {
				return nil
			}
		}
		return errors.New("its task has not failed")
	})
	stop()
	start(texts)
	var text string
	require.NoError(t, run.Get(t.Context(), &text))
	require.Equal(t, "text of b", text)
	shape := harness.Shape(b.History(run))
	require.NotContains(t, shape, "WorkflowExecutionFailed", "one run, which was not begun again: %v", shape)
}

// Whoever wants runs to fail where code and history do not fit gets that, once.
func TestRemovedVariantFailsTheRunWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	exp := experiment(t, "removed-"+b.Queue, 1, "")
	o := worker.Options{WorkflowPanicPolicy: worker.FailWorkflow, Plugins: []worker.Plugin{verdict.NewPlugin(b.Config())}}
	b.Worker(b.Queue, o, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			pick := verdict.Experiment(ctx, exp, verdict.ThisRun)
			return verdict.Of(pick, map[string]string{})
		}, workflow.RegisterOptions{Name: "removed"})
	})
	run := b.StartWith(client.StartWorkflowOptions{RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond}}, "removed")
	first := run.GetRunID()
	require.ErrorContains(t, run.Get(t.Context(), nil), "is not among []")
	require.Equal(t, first, run.GetRunID(), "it is not begun again")
}
