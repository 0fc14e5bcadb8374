package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// A run starts so many scorers and no more; one more is a typed error that its code may look at, and a score in state error. Of
// many at once none is started if all together are too many.
func TestTooManyScorers(t *testing.T) {
	workflows.LimitScorers(t, 3)
	b := harness.New(t, nil)
	b.StoreWorker()
	tooMany := func(err error) bool {
		var application *temporal.ApplicationError
		return errors.As(err, &application) && application.Type() == workflows.ErrorTypeTooManyScorers
	}
	b.UserWorker(b.Config(kept), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (int, error) {
			for n := 0; ; n++ {
				for _, d := range verdict.DeferAll(ctx, kept, []string{key, key, key, key}) {
					if !tooMany(d.Err()) || d.Started() {
						return n, errors.Join(errors.New("four at once were not refused"), d.Err())
					}
				}
				d := verdict.Defer(ctx, kept, key)
				if tooMany(d.Err()) {
					return n, nil
				}
				if !d.Started() {
					return n, d.Err()
				}
			}
		}, workflow.RegisterOptions{Name: "greedy"})
	})
	var n int
	run := b.Start("greedy", t.Name()+b.Queue)
	require.NoError(t, run.Get(t.Context(), &n))
	require.Equal(t, 3, n)
	b.Waiting(t.Name()+b.Queue, 3)
	var refused []scoring.Record
	b.Eventually(func() error {
		all, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{Namespace: "default", WorkflowID: run.GetID(), RunID: run.GetRunID()}, Name: "kept"})
		refused = slices.DeleteFunc(all, func(r scoring.Record) bool { return r.State != scoring.Failed })
		if err == nil && len(refused) == 0 {
			err = errors.New("the refusal is not in the store")
		}
		return err
	})
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Reason, "a run starts at most 3 scorers")
}

// A run holds so many bytes of scores and no more, however they come: what it holds must fit into a workflow's input.
func TestTooManyBytes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var refused atomic.Int64
	cfg := b.Config()
	cfg.Refused = func(error) { refused.Add(1) }
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (int, error) {
			reason := verdict.Reason(strings.Repeat("x", scoring.MaxReason))
			for n := range workflows.MaxScores {
				verdict.Score(ctx, fmt.Sprint(n), 1)
			}
			before := refused.Load()
			for n := range workflows.MaxScores { // corrections
				if verdict.Score(ctx, fmt.Sprint(n), 1, reason); refused.Load() > before {
					return n, nil
				}
			}
			return 0, errors.New("nothing is refused")
		}, workflow.RegisterOptions{Name: "verbose"})
	})
	run := b.Start("verbose")
	var n int
	require.NoError(t, run.Get(t.Context(), &n))
	require.Less(t, n*scoring.MaxReason, workflows.MaxBufferBytes)
	require.Greater(t, 2*n*scoring.MaxReason, workflows.MaxBufferBytes)
	b.Scores(run, workflows.MaxScores)
}

// Both forms of a scorer count, in either order, and AtEnd too.
func TestTooManyScorersOfBothForms(t *testing.T) {
	workflows.LimitScorers(t, 3)
	var refused []error
	cfg := verdict.Config{Scorers: []verdict.ScorerDefinition{kept}, Refused: func(err error) { refused = append(refused, err) }}
	var suite testsuite.WorkflowTestSuite
	env := patient.Environment(&suite, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	env.ExecuteWorkflow(func(ctx workflow.Context) (started []bool, _ error) {
		for _, d := range slices.Concat(
			verdict.DeferAll(ctx, declared, []string{"a", "b", "c", "d"}),
			[]verdict.Deferred{verdict.Defer(ctx, declared, "a"), verdict.Defer(ctx, declared, "b", verdict.AtEnd())},
			verdict.DeferAll(ctx, declared, []string{"c", "d"}),
			[]verdict.Deferred{verdict.Defer(ctx, declared, "c"), verdict.Defer(ctx, kept, "d"), verdict.Defer(ctx, declared, "e", verdict.AtEnd())},
		) {
			started = append(started, d.Started())
		}
		return started, nil
	})
	var started []bool
	require.NoError(t, env.GetWorkflowResult(&started))
	require.Equal(t, []bool{false, false, false, false, true, true, false, false, true, false, false}, started)
	require.Len(t, refused, 4)
}
