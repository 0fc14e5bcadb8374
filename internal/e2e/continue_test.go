package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// However a run continues as new, the run that follows has its variant, and that of a shadow is a shadow.
func TestContinuedRunsKeepWhatTheRunHad(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	exp := experiment(t, "continued-"+b.Queue, 1, "")
	again := map[string]func(ctx workflow.Context, next string, args ...any) error{
		"plain": func(ctx workflow.Context, next string, args ...any) error {
			return workflow.NewContinueAsNewError(ctx, next, args...)
		},
		"with options": func(ctx workflow.Context, next string, args ...any) error {
			return workflow.NewContinueAsNewErrorWithOptions(ctx, workflow.ContinueAsNewErrorOptions{BackoffStartInterval: time.Millisecond}, next, args...)
		},
	}
	// shadow is the shadow's own code: it has a key that only the served run may have.
	shadow := func(ctx workflow.Context, how, key string, n int) error {
		if n == 0 {
			return again[how](ctx, "continued-shadow", how, key, 1)
		}
		verdict.DeclareKey(ctx, key)
		verdict.Score(ctx, "good", false)
		return nil
	}
	served := func(ctx workflow.Context, how, key string, n int) (string, error) {
		pick := verdict.Experiment(ctx, exp, verdict.ThisRun)
		if n > 0 {
			verdict.DeclareKey(ctx, key)
			verdict.Score(ctx, "good", true)
			return pick.Variant, nil
		}
		verdict.Shadow(ctx, pick, "c", "continued-shadow", how, key, 0)
		return "", again[how](ctx, "continued-served", how, key, 1)
	}
	cfg := b.Config()
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(served, workflow.RegisterOptions{Name: "continued-served"})
		w.RegisterWorkflowWithOptions(shadow, workflow.RegisterOptions{Name: "continued-shadow"})
	})
	for how := range again {
		t.Run(how, func(t *testing.T) {
			b, key := b.In(t), uuid.NewString()
			first := b.Start("continued-served", how, key, 0)
			chain := first.GetRunID() // that of the run which it waits for, once it has followed the chain
			var variant string
			require.NoError(t, first.Get(t.Context(), &variant))
			beside := b.Client.GetWorkflow(t.Context(), "verdict/shadow/"+exp.Definition().Name+"@1/c/"+chain, "")
			require.NoError(t, beside.Get(t.Context(), nil))

			last := b.Client.GetWorkflow(t.Context(), first.GetID(), "")
			header := b.History(last).Events[0].GetWorkflowExecutionStartedEventAttributes().Header.GetFields()
			require.Contains(t, header, workflows.HeaderKey)
			header = b.History(beside).Events[0].GetWorkflowExecutionStartedEventAttributes().Header.GetFields()
			require.Contains(t, header, workflows.ShadowHeaderKey)

			assigned, err := b.Store.Assignments(t.Context(), exp.Definition().Name, "")
			require.NoError(t, err)
			var by []scoring.AssignedBy
			require.NotEmpty(t, assigned)
			for _, a := range assigned {
				if a.Unit == chain {
					by = append(by, a.By)
					require.Contains(t, []string{variant, "c"}, a.Variant)
				}
			}
			require.Equal(t, []scoring.AssignedBy{scoring.ByWeight, scoring.ByShadow}, by, "a chain is one unit, and its shadow one beside it")
			run, err := b.Store.RunOfKey(t.Context(), key)
			require.NoError(t, err, "the shadow declares no key")
			require.Equal(t, first.GetID(), run.WorkflowID)
		})
	}
}
