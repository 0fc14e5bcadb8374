package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

type pullRequest struct{ Key string }

func (p pullRequest) Validate() error {
	if p.Key == "" {
		return errors.New("no key")
	}
	return nil
}

var merged = verdict.NewScorer("merged", "1", func(ctx workflow.Context, pr pullRequest) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.AnyOf(
		verdict.On("pr.merged", pr.Key).Means(true), verdict.On("pr.closed", pr.Key).Means(false),
	), verdict.Within(time.Hour), verdict.ExpiresUnknown)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

// fast is merged as another scorer that waits for the same outcome.
var fast = verdict.NewScorer("fast", "1", func(ctx workflow.Context, pr pullRequest) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("pr.merged", pr.Key).Means(1), verdict.Within(time.Hour), verdict.ExpiresAs(0))
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

func outcome(name, key string) verdict.Outcome {
	return verdict.Outcome{ID: "id-" + uuid.NewString(), Name: name, Key: key}
}

// propose defers both scorers and ends as told.
func propose(ctx workflow.Context, pr pullRequest, end string) error {
	verdict.Defer(ctx, merged, pr)
	verdict.Defer(ctx, fast, pr)
	switch end {
	case "fail":
		return temporal.NewNonRetryableApplicationError("no", "No", nil)
	case "wait":
		return workflow.Sleep(ctx, time.Hour)
	case "signal":
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
	case "continue":
		if workflow.GetInfo(ctx).ContinuedExecutionRunID == "" {
			return workflow.NewContinueAsNewError(ctx, propose, pullRequest{pr.Key + "/next"}, "")
		}
	}
	return nil
}

func scorerBench(t *testing.T) *harness.Bench {
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(merged, fast), func(w worker.Worker) { w.RegisterWorkflow(propose) })
	return b
}

// An outcome gives exactly one score to each of the scorers that wait for it, whenever it comes.
func TestOutcomeInEveryOrder(t *testing.T) {
	t.Parallel()
	b := scorerBench(t)
	deliver := func(o verdict.Outcome) { require.NoError(t, b.Verdict.Deliver(t.Context(), o)) }
	both := []string{"merged=true", "fast=1"}
	t.Run("before the run", func(t *testing.T) {
		b := b.In(t)
		pr := pullRequest{uuid.NewString()}
		deliver(outcome("pr.merged", pr.Key))
		run := b.Start(propose, pr, "")
		require.ElementsMatch(t, both, b.Scores(run, 2))
	})
	t.Run("after the scorer waits", func(t *testing.T) {
		b := b.In(t)
		pr := pullRequest{uuid.NewString()}
		run := b.Start(propose, pr, "")
		b.Waiting(pr.Key, 2)
		deliver(outcome("pr.merged", pr.Key))
		require.ElementsMatch(t, both, b.Scores(run, 2))
	})
	t.Run("twice, with one id and with two", func(t *testing.T) {
		b := b.In(t)
		pr := pullRequest{uuid.NewString()}
		run := b.Start(propose, pr, "")
		b.Waiting(pr.Key, 2)
		one, two := outcome("pr.merged", pr.Key), outcome("pr.merged", pr.Key)
		deliver(one)
		deliver(one)
		deliver(two)
		require.ElementsMatch(t, both, b.Scores(run, 2))
		for _, name := range []string{"merged", "fast"} {
			history, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: name, History: true})
			require.NoError(t, err)
			require.Len(t, history, 2, "pending, then the score")
		}
	})
	t.Run("the other outcome", func(t *testing.T) {
		b := b.In(t)
		pr := pullRequest{uuid.NewString()}
		run := b.Start(propose, pr, "")
		deliver(outcome("pr.closed", pr.Key))
		b.Eventually(func() error {
			scores, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: "merged", States: []scoring.State{scoring.Scored}})
			if err == nil && len(scores) != 1 {
				err = errors.New("not scored")
			}
			return err
		})
	})
}

// Whatever becomes of the run, its scorer goes on, and its score is about the run that called Defer.
func TestScorerOutlivesItsRun(t *testing.T) {
	t.Parallel()
	b := scorerBench(t)
	for _, end := range []string{"", "fail", "cancel", "terminate", "timeout", "continue"} {
		t.Run("end="+end, func(t *testing.T) {
			t.Parallel()
			b := b.In(t)
			pr := pullRequest{uuid.NewString()}
			argument := end
			if end == "cancel" || end == "terminate" || end == "timeout" {
				argument = "wait"
			}
			var run client.WorkflowRun
			if end == "timeout" {
				run = b.TimesOut(client.StartWorkflowOptions{}, func(shape []string) bool {
					return count(shape, "ChildWorkflowExecutionStarted") == 2
				}, propose, pr, argument)
			} else {
				run = b.Start(propose, pr, argument)
			}
			b.Waiting(pr.Key, 2)
			switch end {
			case "cancel":
				require.NoError(t, b.Client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
			case "terminate":
				require.NoError(t, b.Client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "test"))
			}
			first := b.Client.GetWorkflow(t.Context(), run.GetID(), run.GetRunID())
			_ = first.Get(t.Context(), nil)
			require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
			require.ElementsMatch(t, []string{"merged=true", "fast=1"}, b.Scores(run, 2))
		})
	}
}

// A reset to before Defer gives the new run a scorer of its own; a reset to after it keeps the one that waits.
func TestScorerAndReset(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"before", "after"} {
		for _, settled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/settled=%v", where, settled), func(t *testing.T) {
				t.Parallel()
				b := scorerBench(t)
				pr := pullRequest{uuid.NewString()}
				run := b.Start(propose, pr, "signal")
				b.Waiting(pr.Key, 2)
				deliver := func() { require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key))) }
				if settled {
					deliver()
					require.Len(t, b.Scores(run, 2), 2)
				}
				at := int64(0)
				for _, e := range b.History(run).Events {
					if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED && (at == 0 || where == "after") {
						at = e.EventId
					}
				}
				if where == "before" {
					at = 4
				}
				again := b.Reset(run, at)
				require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), again.GetRunID(), "end", nil))
				require.NoError(t, again.Get(t.Context(), nil))
				if !settled {
					deliver()
				}
				require.ElementsMatch(t, []string{"merged=true", "fast=1"}, b.Scores(again, 2))
				require.Empty(t, b.Scores(run, 0))
			})
		}
	}
}

// The end of the window means what the scorer says.
func TestWindowEnds(t *testing.T) {
	t.Parallel()
	for want, expiry := range map[string]scoring.Expiry{
		"w=true": verdict.ExpiresTrue, "w=false": verdict.ExpiresFalse, "w=0.25": verdict.ExpiresAs(0.25), "w:expired": verdict.ExpiresUnknown,
		"w:error": {},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			w := verdict.NewScorer("w", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
				got, err := verdict.Await(ctx, verdict.On("x", key), verdict.Within(300*time.Millisecond), expiry)
				if err != nil {
					return scoring.Score{}, err
				}
				return got.Score(), nil
			})
			b.UserWorker(b.Config(w), func(r worker.Worker) {
				r.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Deferred, error) {
					return verdict.Defer(ctx, w, key), nil
				}, workflow.RegisterOptions{Name: "window"})
			})
			run := b.Start("window", uuid.NewString())
			require.Equal(t, []string{want}, b.Scores(run, 1))
		})
	}
}

// A scorer's input is validated where it is called. What is refused is a score in state error, and fails nothing.
func TestDeferValidatesItsInput(t *testing.T) {
	t.Parallel()
	b := scorerBench(t)
	run := b.Start(propose, pullRequest{}, "")
	require.NoError(t, run.Get(t.Context(), nil))
	require.ElementsMatch(t, []string{"merged:error", "fast:error"}, b.Scores(run, 2))
}

// Start modes, the closed run's facts, cancellation and the result from outside.
func TestStartModes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	ended := verdict.NewScorer("ended", "1", func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
		closed, err := verdict.AwaitRun(ctx)
		if err != nil {
			return nil, err
		}
		var n int
		if closed.Status == scoring.RunCompleted {
			if err := closed.Decode(&n); err != nil {
				return nil, err
			}
		}
		return []scoring.Score{
			scoring.Bool("ended", true).WithReason(string(closed.Status)),
			scoring.Number("result", float64(n)), scoring.Number("steps", float64(len(closed.Steps))),
		}, nil
	})
	b.UserWorker(b.Config(ended), func(r worker.Worker) {
		r.RegisterActivity(double)
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, mode, end string) (int, error) {
			option := map[string]verdict.DeferOption{"close": verdict.OnClose(), "success": verdict.OnSuccess(), "failure": verdict.OnFailure()}[mode]
			verdict.Defer(ctx, ended, "", option)
			n, err := scoreTimes(ctx, 0)
			if end == "fail" {
				return 0, temporal.NewNonRetryableApplicationError("no", "No", nil)
			}
			return n, err
		}, workflow.RegisterOptions{Name: "modes"})
	})
	for _, c := range []struct {
		mode, end string
		want      []string
	}{
		{"close", "", []string{"ended=true", "result=42", "steps=1"}},
		{"close", "fail", []string{"ended=true", "result=0", "steps=1"}},
		{"success", "", []string{"ended=true", "result=42", "steps=1"}},
		{"success", "fail", []string{"ended:not_applicable"}},
		{"failure", "", []string{"ended:not_applicable"}},
		{"failure", "fail", []string{"ended=true", "result=0", "steps=1"}},
	} {
		t.Run(c.mode+"/"+c.end, func(t *testing.T) {
			t.Parallel()
			b := b.In(t)
			run := b.Start("modes", c.mode, c.end)
			require.ElementsMatch(t, c.want, b.Scores(run, len(c.want)))
		})
	}
}

// A worker that follows an open run stops at once, however patient its stop is, and another one goes on.
func TestAStopWhileARunIsFollowed(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	patient := func() (stop func()) {
		return b.Worker(b.VerdictQueue, worker.Options{WorkerStopTimeout: time.Hour}, func(w worker.Worker) {
			(&activities.Set{Store: b.Store, Client: b.Client}).Register(w)
			workflows.Register(w)
		})
	}
	ended := verdict.NewScorer("ended", "1", func(ctx workflow.Context, _ string) (scoring.Score, error) {
		closed, err := verdict.AwaitRun(ctx)
		return scoring.Bool("ended", closed.Status == scoring.RunCompleted), err
	})
	b.UserWorker(b.Config(ended), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			verdict.Defer(ctx, ended, "")
			workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
			return nil
		}, workflow.RegisterOptions{Name: "open"})
	})
	stop := patient()
	run := b.Start("open")
	following := func() (attempt int32) {
		scorer := fmt.Sprintf("verdict/scorer/ended/%s/1", run.GetRunID())
		d, err := b.Client.DescribeWorkflowExecution(t.Context(), scorer, "")
		if err != nil {
			return 0
		}
		for _, a := range d.PendingActivities {
			if a.ActivityType.Name == activities.FollowRunName && a.State == enumspb.PENDING_ACTIVITY_STATE_STARTED {
				return a.Attempt
			}
		}
		return 0
	}
	b.Eventually(func() error {
		if following() != 1 {
			return errors.New("nobody follows the run")
		}
		return nil
	})
	stop()
	patient()
	b.Eventually(func() error {
		if following() < 2 {
			return errors.New("nobody goes on")
		}
		return nil
	})
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go", nil))
	require.Equal(t, []string{"ended=true"}, b.Scores(run, 1))
}

// A scorer can be cancelled from outside, and its result awaited there.
func TestScorerFromOutside(t *testing.T) {
	t.Parallel()
	b := scorerBench(t)
	pr := pullRequest{uuid.NewString()}
	run := b.Start(propose, pr, "")
	b.Waiting(pr.Key, 2)
	deferred := func(name string) verdict.Deferred {
		return verdict.Deferred{ID: fmt.Sprintf("verdict/scorer/%s/%s/1", name, run.GetRunID())}
	}
	require.NoError(t, b.Verdict.CancelScorer(t.Context(), deferred("merged")))
	_, err := b.Verdict.ScorerResult(t.Context(), deferred("merged"))
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	scores, err := b.Verdict.ScorerResult(t.Context(), deferred("fast"))
	require.NoError(t, err)
	require.Len(t, scores, 1)
	require.Equal(t, []string{"fast=1"}, b.Scores(run, 1), "the cancelled scorer has no score")
}

// A late outcome within the grace is a revision; after it, it is in the ledger as late.
func TestGrace(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	graceful := verdict.NewScorer("graceful", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("x", key).Means(true),
			verdict.Within(200*time.Millisecond).Grace(time.Hour), verdict.ExpiresFalse)
		if err != nil {
			return scoring.Score{}, err
		}
		return got.Score(), nil
	})
	b.UserWorker(b.Config(graceful), func(r worker.Worker) {
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Deferred, error) {
			return verdict.Defer(ctx, graceful, key), nil
		}, workflow.RegisterOptions{Name: "graced"})
	})
	key := uuid.NewString()
	run := b.Start("graced", key)
	require.Equal(t, []string{"graceful=false"}, b.Scores(run, 1))
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("x", key)))
	b.Eventually(func() error {
		if got := b.Scores(run, 1); got[0] != "graceful=true" {
			return errors.New(got[0])
		}
		return nil
	})
}

// What is too large for an activity's result comes in parts, or is left out and said to be: nothing waits for ever.
func TestMoreThanAResultHolds(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	early := verdict.NewScorer("early", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		n := 0
		got, err := verdict.Await(ctx, verdict.Times(40, verdict.On("big", key).Where(func(o scoring.Outcome) bool { n++; return len(o.Payload) > 60_000 })),
			verdict.Within(time.Hour), verdict.ExpiresFalse)
		if err != nil {
			return scoring.Score{}, err
		}
		return scoring.Bool("early", !got.Ended), nil
	})
	steps := verdict.NewScorer("steps", "1", func(ctx workflow.Context, _ string) (scoring.Score, error) {
		run, err := verdict.AwaitRun(ctx)
		if err != nil {
			return scoring.Score{}, err
		}
		omitted := 0
		for _, s := range run.Steps {
			if s.OutputOmitted {
				omitted++
			}
		}
		return scoring.Number("steps", float64(10*len(run.Steps)+omitted)), nil
	})
	b.UserWorker(b.Config(early, steps), func(r worker.Worker) {
		r.RegisterActivityWithOptions(func() ([]byte, error) { return make([]byte, 900_000), nil }, activity.RegisterOptions{Name: "large"})
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
			verdict.Defer(ctx, early, key)
			verdict.Defer(ctx, steps, key)
			for range 3 {
				if err := workflow.ExecuteActivity(ctx, "large").Get(ctx, nil); err != nil {
					return err
				}
			}
			return nil
		}, workflow.RegisterOptions{Name: "larger"})
	})
	key := uuid.NewString()
	payload := []byte(`"` + strings.Repeat("x", 60_500) + `"`)
	for range 40 {
		o := outcome("big", key)
		o.Payload = payload
		require.NoError(t, b.Verdict.Deliver(t.Context(), o))
		require.NoError(t, b.Carried(t.Context(), o.ID))
	}
	run := b.Start("larger", key)
	require.NoError(t, run.Get(t.Context(), nil))
	require.ElementsMatch(t, []string{"early=true", "steps=32"}, b.Scores(run, 2))
}

// An outcome in the grace counts, also if no worker was up when it came, or until the grace was over.
func TestGraceWithoutAWorker(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		window, grace time.Duration
		settled       bool // before the worker stops
	}{
		"not yet settled":        {2 * time.Second, 30 * time.Second, false},
		"settled, back too late": {200 * time.Millisecond, 30 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := &unsettled{}
			held.allowed.Store(c.settled)
			b := harness.New(t, func(s store.Store) store.Store { held.Store = s; return held })
			b.StoreWorker()
			scorer := verdict.NewScorer("graceful", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
				got, err := verdict.Await(ctx, verdict.On("x", key).Means(true), verdict.Within(c.window).Grace(c.grace), verdict.ExpiresFalse)
				if err != nil {
					return scoring.Score{}, err
				}
				return got.Score(), nil
			})
			register := func(r worker.Worker) {
				r.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Deferred, error) {
					return verdict.Defer(ctx, scorer, key), nil
				}, workflow.RegisterOptions{Name: "graced"})
			}
			stop := b.UserWorker(b.Config(scorer), register)
			key := uuid.NewString()
			run := b.Start("graced", key)
			var d verdict.Deferred
			require.NoError(t, run.Get(t.Context(), &d))
			if c.settled {
				require.Equal(t, []string{"graceful=false"}, b.Scores(run, 1))
			} else {
				b.Waiting(key, 1)
			}
			stop()
			open, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			var window scoring.Window
			for _, e := range open {
				if e.Events[0].Key == key {
					window = e.Window
				}
			}
			past := func(at time.Time) {
				b.Eventually(func() error {
					if !time.Now().After(at) {
						return errors.New("it is not over")
					}
					return nil
				})
			}
			if !c.settled {
				past(window.Until)
				held.allowed.Store(true)
			}
			o := outcome("x", key)
			require.NoError(t, b.Verdict.Deliver(t.Context(), o))
			require.NoError(t, b.Carried(t.Context(), o.ID))
			if c.settled {
				past(time.Now().Add(c.grace))
			}
			b.UserWorker(b.Config(scorer), register)
			b.Eventually(func() error {
				if got := b.Scores(run, 1); got[0] != "graceful=true" {
					return errors.New(got[0])
				}
				return nil
			})
		})
	}
}
