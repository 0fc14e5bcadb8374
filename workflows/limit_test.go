package workflows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// A run starts so many scorers and no more; one more is a typed error that its code can handle. Of many at once none is
// started if all together are too many.
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
				if _, err := verdict.DeferAll(ctx, kept, []string{key, key, key, key}); !tooMany(err) {
					return n, errors.Join(errors.New("four at once were not refused"), err)
				}
				_, err := verdict.Defer(ctx, kept, key)
				if tooMany(err) {
					return n, nil
				}
				if err != nil {
					return n, err
				}
			}
		}, workflow.RegisterOptions{Name: "greedy"})
	})
	var n int
	require.NoError(t, b.Start("greedy", t.Name()+b.Queue).Get(t.Context(), &n))
	require.Equal(t, 3, n)
	b.Waiting(t.Name()+b.Queue, 3)
}

// A run holds so many bytes of scores and no more, however they come: what it holds must fit into a workflow's input.
func TestTooManyBytes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (int, error) {
			reason := verdict.Because(strings.Repeat("x", scoring.MaxReason))
			var refused *temporal.ApplicationError
			for n := range workflows.MaxScores {
				if err := verdict.Score(ctx, fmt.Sprint(n), 1); err != nil {
					return 0, err
				}
			}
			for n := range workflows.MaxScores { // corrections
				err := verdict.Score(ctx, fmt.Sprint(n), 1, reason)
				if errors.As(err, &refused) && refused.Type() == scoring.ErrorTypeInvalid {
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
