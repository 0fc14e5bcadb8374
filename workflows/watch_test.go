package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// A rule that cannot be followed for hours stays where it was, and sees later what it has not seen. It ends when no worker has it.
func TestARuleStaysWhereItWas(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(workflows.WatchRuns, workflow.RegisterOptions{Name: activities.WatchWorkflow})
	began := time.Now().Add(-time.Minute)
	var looks []activities.Backfill
	env.RegisterActivityWithOptions(func(_ context.Context, b activities.Backfill) (activities.Listed, error) {
		looks = append(looks, b)
		switch n := len(looks); {
		case n == 2, n == 3:
			return activities.Listed{}, temporal.NewNonRetryableApplicationError("visibility is away", "Away", errors.New("for hours"))
		case n == 5:
			return activities.Listed{}, temporal.NewNonRetryableApplicationError("no such rule", activities.ErrorTypeNoRule, nil)
		}
		return activities.Listed{Every: time.Second, Runs: []scoring.Run{{WorkflowID: "w", RunID: "r"}}}, nil
	}, activity.RegisterOptions{Name: activities.MatchRunsName})
	scored := 0
	env.RegisterActivityWithOptions(func(_ context.Context, x activities.ToScore) (activities.Counts, error) {
		scored++
		require.Equal(t, "agents", x.Rule)
		return activities.Counts{Scored: 1}, nil
	}, activity.RegisterOptions{Name: activities.ScoreRunsName})
	env.ExecuteWorkflow(activities.WatchWorkflow, activities.Watch{Rule: "agents", Since: began})
	require.True(t, env.IsWorkflowCompleted())
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, looks, 5)
	require.Equal(t, 2, scored)
	for i, b := range looks {
		require.Equal(t, "agents", b.Rule)
		require.True(t, b.Since.Before(b.Until))
		if i > 0 {
			require.False(t, b.Since.After(looks[i-1].Until), "no gap between two looks")
		}
	}
	require.False(t, looks[3].Since.After(looks[0].Until), "what the two failed looks did not see")
	require.Equal(t, looks[3].Until.Sub(looks[0].Until).Round(time.Minute), 2*time.Minute)
}
