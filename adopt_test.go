package verdict_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
)

// These are a user's workflow, activity and test as they were before Verdict, with calls of Score, Defer and Experiment added.

type order struct{ ID string }

func ship(context.Context, order) (string, error) { panic("mocked") }

var delivered = verdict.NewScorer("delivered", "1", func(ctx workflow.Context, o order) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("parcel.delivered", o.ID).Means(true), verdict.Within(72*time.Hour), verdict.ExpiresFalse)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

var carriers = func() *experiments.Experiment {
	e, err := experiments.New(experiments.Definition{
		Name: "carriers", Version: "1", Control: "post",
		Variants: []experiments.Variant{{Name: "post"}, {Name: "drone"}},
		Primary:  experiments.Metric{Name: "delivered", Type: experiments.Boolean},
	})
	if err != nil {
		panic(err)
	}
	return e
}()

func fulfil(ctx workflow.Context, o order) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var tracking string
	if err := workflow.ExecuteActivity(ctx, ship, o).Get(ctx, &tracking); err != nil {
		return "", err
	}
	pick := verdict.Experiment(ctx, carriers, verdict.ThisRun)
	if _, err := verdict.Of(pick, map[string]bool{"post": true, "drone": true}); err != nil {
		return "", err
	}
	verdict.Score(ctx, "shipped", true)
	verdict.Defer(ctx, delivered, o)
	return tracking, nil
}

// A user's existing test passes after Score, Defer and Experiment are added, with and without the plugin.
func TestExistingTestOfAUserPasses(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]worker.Options{
		"without the plugin": {},
		"with the plugin":    {Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{delivered}})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			env := patient.Environment(&suite, options)
			env.RegisterActivityWithOptions(ship, activity.RegisterOptions{Name: "ship"})
			env.OnActivity("ship", mock.Anything, order{"o-1"}).Return("track-1", nil).Once()

			env.ExecuteWorkflow(fulfil, order{"o-1"})

			require.True(t, env.IsWorkflowCompleted())
			require.NoError(t, env.GetWorkflowError())
			var tracking string
			require.NoError(t, env.GetWorkflowResult(&tracking))
			require.Equal(t, "track-1", tracking)
			env.AssertExpectations(t)
		})
	}
}
