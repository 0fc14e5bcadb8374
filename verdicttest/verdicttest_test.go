package verdicttest_test

import (
	"context"
	"fmt"
	"math"
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
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/verdicttest"
)

type order struct{ ID string }

var returned = verdict.NewScorer("returned", "1", func(ctx workflow.Context, o order) (scoring.Score, error) {
	parcel, err := verdict.Await(ctx, verdict.On("parcel.returned", o.ID).Means(true), verdict.Within(14*24*time.Hour), verdict.ExpiresFalse)
	return parcel.Score(), err
})

var carriers = experiments.MustNew(experiments.Definition{
	Name: "carriers", Version: "1", Control: "post",
	Variants: []experiments.Variant{{Name: "post"}, {Name: "drone"}},
	Primary:  experiments.Metric{Name: "returned", Type: experiments.Boolean},
})

func pack(ctx context.Context, o order) (string, error) {
	verdict.Score(ctx, "packed", true)
	return "box of " + o.ID, nil
}

func ship(ctx workflow.Context, o order) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var box string
	if err := workflow.ExecuteActivity(ctx, "pack", o).Get(ctx, &box); err != nil {
		return "", err
	}
	workflow.GetVersion(ctx, "my change", workflow.DefaultVersion, 1)
	key := "Mine"
	//lint:ignore SA1019 users have it in their code
	if err := workflow.UpsertSearchAttributes(ctx, map[string]any{key: "x"}); err != nil {
		return "", err
	}
	pick := verdict.Experiment(ctx, carriers, verdict.ThisRun)
	verdict.Score(ctx, "shipped", 1)
	verdict.Flush(ctx, "half")
	verdict.Defer(ctx, returned, o)
	return box + " by " + pick.Variant, workflow.Sleep(ctx, time.Hour)
}

// A test sees what a run scores, is assigned and defers.
func TestARun(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"post", "drone"} {
		env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{returned}, Experiments: []*experiments.Experiment{carriers}})
		env.Force(carriers, variant)
		env.RegisterActivityWithOptions(pack, activity.RegisterOptions{Name: "pack"})
		env.ExecuteWorkflow(ship, order{"o-1"})
		require.NoError(t, env.GetWorkflowError())
		var said string
		require.NoError(t, env.GetWorkflowResult(&said))
		require.Equal(t, "box of o-1 by "+variant, said)
		env.RequireScore("packed", true)
		env.RequireScore("shipped", 1)
		env.RequireNoScore("refunded")
		env.RequireAssigned(carriers, variant)
		env.RequireDeferred("returned", order{"o-1"})
	}
}

// A scorer of two weeks takes milliseconds.
func TestAScorer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		want  bool
	}{"before the run": {-time.Second, true}, "on the last day": {14*24*time.Hour - time.Minute, true}, "too late": {15 * 24 * time.Hour, false}} {
		s := verdicttest.NewScorer(t, returned, order{"o-1"})
		s.Deliver(c.after, verdict.Outcome{Name: "parcel.returned", Key: "o-1"})
		s.Deliver(time.Hour, verdict.Outcome{Name: "parcel.returned", Key: "another"})
		t.Log(name)
		s.RequireScore("returned", c.want)
	}
	closes := verdict.NewScorer("closed", "1", func(ctx workflow.Context, _ string) (scoring.Score, error) {
		closed, err := verdict.AwaitRun(ctx)
		return verdict.Bool("", closed.Status == scoring.RunCompleted && closed.ClosedAt.Equal(workflow.Now(ctx))), err
	})
	s := verdicttest.NewScorer(t, closes, "")
	s.CloseRun(24*time.Hour, verdict.ClosedRun{Status: scoring.RunCompleted})
	s.RequireScore("closed", true)
}

// failing takes what a test would say, and goes on.
type failing struct {
	testing.TB
	said []string
}

func (f *failing) Helper() {}
func (f *failing) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// What is refused fails the test, in a workflow, in a side effect and in an activity.
func TestARefusalFailsTheTest(t *testing.T) {
	t.Parallel()
	f := &failing{TB: t}
	env := verdicttest.New(f, verdict.Config{})
	env.RegisterActivityWithOptions(func(ctx context.Context) error { verdict.Score(ctx, "", 1); return nil }, activity.RegisterOptions{Name: "bad"})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		verdict.Score(ctx, "precision", math.NaN())
		workflow.SideEffect(ctx, func(ctx workflow.Context) any { verdict.Score(ctx, "effect", 1); return nil })
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, "bad").Get(ctx, nil)
	})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, f.said, 3)
	env.RequireScore("precision", scoring.Failed)
	env.RequireNoScore("effect")
}

// A user's own test passes after the calls are added: with and without the plugin, with and without a store, whatever it mocks.
func TestUsersTestsPass(t *testing.T) {
	t.Parallel()
	mocks := map[string]func(*testsuite.TestWorkflowEnvironment){
		"none": func(*testsuite.TestWorkflowEnvironment) {},
		"an activity": func(e *testsuite.TestWorkflowEnvironment) {
			e.OnActivity("pack", mock.Anything, order{"o-1"}).Return("box of o-1", nil)
		},
		"its own version": func(e *testsuite.TestWorkflowEnvironment) {
			e.OnGetVersion("my change", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
		},
		"every version": func(e *testsuite.TestWorkflowEnvironment) {
			e.OnGetVersion(mock.Anything, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion).Once()
		},
		"an upsert": func(e *testsuite.TestWorkflowEnvironment) {
			e.OnGetVersion("my change", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.Version(1))
			//lint:ignore SA1019 users have it in their tests
			e.OnUpsertSearchAttributes(map[string]any{"Mine": "x"}).Return(nil).Once()
			//lint:ignore SA1019 as above
			e.OnUpsertSearchAttributes(mock.MatchedBy(func(a map[string]any) bool { return a["TemporalChangeVersion"] != nil })).Return(nil).Once()
		},
	}
	for _, plugin := range []string{"no plugin", "plugin", "plugin with everything"} {
		for _, kept := range []bool{false, true} {
			for name, mocks := range mocks {
				t.Run(fmt.Sprintf("%s/store %t/%s", plugin, kept, name), func(t *testing.T) {
					t.Parallel()
					cfg := verdict.Config{Scorers: []verdict.ScorerDefinition{returned}}
					if plugin == "plugin with everything" {
						cfg.Experiments, cfg.SearchAttributes = []*experiments.Experiment{carriers}, true
					}
					if kept {
						s, err := sqlite.Open(t.Context(), ":memory:")
						require.NoError(t, err)
						t.Cleanup(func() { _ = s.Close() })
						cfg.Store = store.Store(s)
					}
					var o worker.Options
					if plugin != "no plugin" {
						o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
					}
					var suite testsuite.WorkflowTestSuite
					lines := &said{}
					suite.SetLogger(lines)
					env := patient.Environment(&suite, o)
					env.RegisterActivityWithOptions(pack, activity.RegisterOptions{Name: "pack"})
					mocks(env)
					env.ExecuteWorkflow(ship, order{"o-1"})
					require.True(t, env.IsWorkflowCompleted())
					require.NoError(t, env.GetWorkflowError())
					env.AssertExpectations(t)
					require.Empty(t, lines.errors(plugin == "no plugin"))
				})
			}
		}
	}
}

// The environment's worker options are the caller's, next to the plugin.
func TestWorkerOptions(t *testing.T) {
	t.Parallel()
	patiently := verdicttest.WithWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	env := verdicttest.New(t, verdict.Config{}, patiently)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		verdict.Score(ctx, "good", true)
		return nil
	})
	env.RequireScore("good", true)
}

// The SDK knows closures by names that ours may have too: those of a user are called all the same.
func TestActivitiesThatAreClosures(t *testing.T) {
	t.Parallel()
	one := func(context.Context) (int, error) { return 1, nil }
	two := func(context.Context) (int, error) { return 2, nil }
	env := verdicttest.New(t, verdict.Config{})
	env.RegisterActivity(one)
	env.RegisterActivity(two)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		for want, activity := range map[int]any{1: one, 2: two} {
			var got int
			if err := workflow.ExecuteActivity(ctx, activity).Get(ctx, &got); err != nil {
				return err
			}
			verdict.Score(ctx, "it is the one", got == want)
		}
		return nil
	})
	require.NoError(t, env.GetWorkflowError())
	env.RequireScore("it is the one", true)
}

// A scorer that knows its run, and says a number.
func TestAScorerOfItsRun(t *testing.T) {
	t.Parallel()
	stars := verdict.NewScorer("stars", "1", func(ctx workflow.Context, _ string) (scoring.Score, error) {
		run, ok := verdict.AboutRun(ctx)
		if !ok {
			return scoring.Score{}, fmt.Errorf("it is about no run")
		}
		got, err := verdict.Await(ctx, verdict.On("rated", run.WorkflowID), verdict.Within(time.Hour), verdict.ExpiresUnknown)
		if err != nil || got.Ended {
			return verdict.Decline("", "nobody rated it"), err
		}
		return verdict.Number("", 4.5), nil
	})
	s := verdicttest.NewScorer(t, stars, "")
	s.Deliver(time.Minute, verdict.Outcome{Name: "rated", Key: s.Run().WorkflowID})
	s.RequireScore("stars", 4.5)
	verdicttest.NewScorer(t, stars, "").RequireScore("stars", scoring.Declined)
}
