package workflows_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
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

// At any pace of looks, a rule makes at most one call of visibility for 100 runs where many close. A run that visibility lists late, by up to half a
// minute, is in reach of a look at most 15 seconds later.
func TestARuleRespectsVisibility(t *testing.T) {
	t.Parallel()
	const rate, listed, period = 2000, 1000, 20 * time.Minute // runs a second, and runs a call
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, every := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 30 * time.Second} {
		calls, looks := 0, []activities.Backfill{}
		for w, now := (activities.Watch{Rule: "agents", Since: began}), began; now.Before(began.Add(period)); now = looks[len(looks)-1].Until.Add(every) {
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestWorkflowEnvironment()
			env.RegisterWorkflowWithOptions(workflows.WatchRuns, workflow.RegisterOptions{Name: activities.WatchWorkflow})
			env.SetStartTime(now)
			env.RegisterActivityWithOptions(func(_ context.Context, b activities.Backfill) (activities.Listed, error) {
				calls++
				page := 0
				if len(b.Progress.Page) > 0 {
					page = int(binary.BigEndian.Uint32(b.Progress.Page))
				} else {
					looks = append(looks, b)
				}
				runs := int(b.Until.Sub(later(b.Since, began)).Seconds() * rate)
				if page++; page*listed >= runs {
					return activities.Listed{Every: every}, nil
				}
				return activities.Listed{Every: every, Next: binary.BigEndian.AppendUint32(nil, uint32(page))}, nil
			}, activity.RegisterOptions{Name: activities.MatchRunsName})
			env.ExecuteWorkflow(activities.WatchWorkflow, w)
			var next *workflow.ContinueAsNewError
			require.ErrorAs(t, env.GetWorkflowError(), &next)
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &w))
		}
		runs := looks[len(looks)-1].Until.Sub(began).Seconds() * rate
		require.Less(t, float64(calls), runs/100, "every %s: %d calls for %.0f runs in %d looks", every, calls, runs, len(looks))
		t.Logf("every %s: a call for %.0f runs", every, runs/float64(calls))
		closed := began.Add(period / 2)
		for _, late := range []time.Duration{0, 10 * time.Second, 28 * time.Second} {
			first := slices.IndexFunc(looks, func(b activities.Backfill) bool {
				return !b.Since.After(closed) && b.Until.After(closed.Add(late))
			})
			require.LessOrEqual(t, looks[first].Until.Sub(closed.Add(late)), max(15*time.Second, every)+every, "every %s, listed %s late", every, late)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
