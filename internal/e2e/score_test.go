package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	reporting "github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }

// scoreTimes runs an activity and scores the given number of times.
func scoreTimes(ctx workflow.Context, times int) (int, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var n int
	if err := workflow.ExecuteActivity(ctx, double, 21).Get(ctx, &n); err != nil {
		return 0, err
	}
	for i := range times {
		verdict.Score(ctx, fmt.Sprintf("score_%d", i), float64(i)/10)
	}
	return n, nil
}

// An inline-scored run has three events more than a run without the plugin, and no workflow task more, whether it
// scores once or ten times or not at all.
func TestAScoredRunCostsThreeEvents(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	register := func(w worker.Worker) { w.RegisterWorkflow(scoreTimes); w.RegisterActivity(double) }
	b.UserWorker(b.Config(), register)
	b.Worker("plain-"+b.Queue, worker.Options{}, register)

	shapeOf := func(run client.WorkflowRun) []string {
		require.NoError(t, run.Get(t.Context(), nil))
		return harness.Shape(b.History(run))
	}
	plain := shapeOf(b.StartWith(client.StartWorkflowOptions{TaskQueue: "plain-" + b.Queue}, scoreTimes, 0))
	want := slices.Insert(slices.Clone(plain), len(plain)-1, "MarkerRecorded", "UpsertWorkflowSearchAttributes", "MarkerRecorded")
	for _, times := range []int{0, 1, 10} {
		run := b.Start(scoreTimes, times)
		require.Equal(t, want, shapeOf(run), "scored %d times", times)
		require.Len(t, b.Scores(run, times), times)
	}
}

// The server refuses a completion when a signal arrived meanwhile. What the refused attempt had flushed must not stay.
func TestNoPhantomWhenACompletionIsRefused(t *testing.T) {
	t.Parallel()
	flushing, release := make(chan struct{}, 8), make(chan struct{})
	b := harness.New(t, func(s store.Store) store.Store {
		return &hooked{Store: s, beforeFlush: func() {
			flushing <- struct{}{}
			<-release
		}}
	})
	cfg := b.Config()
	cfg.Store = b.Store
	var attempts atomic.Int32
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			signals := workflow.GetSignalChannel(ctx, "late").Len()
			attempts.Add(1)
			name := "only_without_signal"
			if signals > 0 {
				name = "only_with_signal"
			}
			verdict.Score(ctx, "always", true)
			verdict.Score(ctx, name, true)
			return nil
		}, workflow.RegisterOptions{Name: "phantom"})
	})
	run := b.Start("phantom")
	<-flushing
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "late", nil))
	close(release)
	require.NoError(t, run.Get(t.Context(), nil))

	require.Contains(t, harness.Shape(b.History(run)), "WorkflowTaskFailed", "the server refused the first completion")
	require.ElementsMatch(t, []string{"always=true", "only_with_signal=true"}, b.Scores(run, 2))
	all, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: "only_without_signal", Retracted: true, History: true})
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(all, func(r scoring.Record) bool { return r.Retracted }), "the phantom is a retracted revision, not gone")
	require.GreaterOrEqual(t, attempts.Load(), int32(2))
}

// hooked calls a function before each flush.
type hooked struct {
	store.Store
	beforeFlush func()
}

func (h *hooked) Flush(ctx context.Context, f scoring.Flush) error {
	h.beforeFlush()
	return h.Store.Flush(context.WithoutCancel(ctx), f)
}

func of(run client.WorkflowRun) scoring.Run {
	return scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
}

// A run that scored inline alone and ended before it could say so is unknown to the store. The report lists it all the same.
func TestRunsThatEndedWithoutAFlushAreListed(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	kind := "inline-" + b.Queue
	o := worker.Options{WorkflowPanicPolicy: worker.FailWorkflow, Plugins: []worker.Plugin{verdict.NewPlugin(b.Config())}}
	b.Worker(b.Queue, o, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, how string) error {
			verdict.Score(ctx, "quality", 1)
			switch how {
			case "panic":
				panic("a mistake of the user's")
			case "wait":
				return workflow.Sleep(ctx, time.Hour)
			case "fail":
				return temporal.NewNonRetryableApplicationError("no", "No", nil)
			}
			return nil
		}, workflow.RegisterOptions{Name: kind})
	})
	runs := map[string]client.WorkflowRun{}
	for _, how := range []string{"complete", "fail", "panic", "wait"} {
		runs[how] = b.Start(kind, how)
	}
	open := b.Start(kind, "wait")
	require.NoError(t, runs["complete"].Get(t.Context(), nil))
	require.Error(t, runs["fail"].Get(t.Context(), nil))
	require.Error(t, runs["panic"].Get(t.Context(), nil))
	b.Eventually(func() error { // the first task of it is done
		_, err := b.Client.QueryWorkflow(t.Context(), runs["wait"].GetID(), "", workflows.ScoresQuery)
		return err
	})
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), runs["wait"].GetID(), "", "test"))
	b.Eventually(func() error { // visibility comes later
		r, err := reporting.Build(t.Context(), b.Store, reporting.Options{
			Now: time.Now(), Ask: reporting.AskTemporal(b.Client), Closed: reporting.ClosedOnTemporal(b.Client, "default"),
		})
		if err != nil {
			return err
		}
		got := map[string]reporting.RunState{}
		for _, e := range r.Unflushed {
			got[e.Run.RunID] = e.State
		}
		want := map[string]reporting.RunState{
			runs["panic"].GetRunID(): reporting.RunState(scoring.RunFailed), runs["wait"].GetRunID(): reporting.RunState(scoring.RunTerminated),
		}
		if !maps.Equal(want, got) {
			return fmt.Errorf("%v, not %v", got, want)
		}
		return nil
	})
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), open.GetID(), "", "test"))
}

// On the client and on the worker, the plugin works once.
func TestDoubleRegistrationWorksOnce(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var flushes atomic.Int32
	cfg := b.Config()
	cfg.Store = &hooked{Store: b.Store, beforeFlush: func() { flushes.Add(1) }}
	plugin := verdict.NewPlugin(cfg)
	twice, err := client.NewClientFromExistingWithContext(t.Context(), b.Client, client.Options{
		Namespace: "default", Plugins: []client.Plugin{plugin}, Logger: b.Logger(),
	})
	require.NoError(t, err)
	t.Cleanup(twice.Close)
	w := worker.New(twice, b.Queue, worker.Options{Plugins: []worker.Plugin{plugin, verdict.NewPlugin(cfg)}})
	w.RegisterWorkflow(scoreTimes)
	w.RegisterActivity(double)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	run := b.Start(scoreTimes, 3)
	require.NoError(t, run.Get(t.Context(), nil))
	require.Len(t, b.Scores(run, 3), 3)
	require.Equal(t, int32(1), flushes.Load())
	markers := 0
	for _, e := range harness.Shape(b.History(run)) {
		if e == "MarkerRecorded" {
			markers++
		}
	}
	require.Equal(t, 2, markers)
	replay(t, b, run, func(r worker.WorkflowReplayer) { r.RegisterWorkflow(scoreTimes) }, verdict.NewPlugin(cfg))
}

// A client's plugin need not know the scorers of the workers that are made from it.
func TestScorersOfAWorkersPluginBelowAClients(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	below, err := client.NewClientFromExistingWithContext(t.Context(), b.Client, client.Options{
		Namespace: "default", Plugins: []client.Plugin{verdict.NewPlugin(b.Config())}, Logger: b.Logger(),
	})
	require.NoError(t, err)
	t.Cleanup(below.Close)
	w := worker.New(below, b.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(b.Config(merged, fast))}})
	w.RegisterWorkflowWithOptions(propose, workflow.RegisterOptions{Name: "propose"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	key := uuid.NewString()
	run := b.Start("propose", pullRequest{key}, "")
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
	require.ElementsMatch(t, []string{"merged=true", "fast=1"}, b.Scores(run, 2))
	require.False(t, b.Log.Contains("is not among"), b.Log.String())
}

// replay replays a run from its history with the plugins.
func replay(t *testing.T, b *harness.Bench, run client.WorkflowRun, register func(worker.WorkflowReplayer), plugins ...worker.Plugin) {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Plugins: plugins})
	require.NoError(t, err)
	register(r)
	require.NoError(t, r.ReplayWorkflowHistoryWithOptions(nil, b.History(run), worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: run.GetID(), RunID: run.GetRunID()},
	}))
}

// A run that was reset away is superseded: its scores leave the statistics and are kept.
func TestResetSupersedes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var quality atomic.Int64
	quality.Store(3)
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterActivity(double)
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			if _, err := scoreTimes(ctx, 0); err != nil {
				return err
			}
			var q int64
			if err := workflow.SideEffect(ctx, func(workflow.Context) any { return quality.Load() }).Get(&q); err != nil {
				return err
			}
			verdict.Score(ctx, "quality", q)
			return nil
		}, workflow.RegisterOptions{Name: "resettable"})
	})
	run := b.Start("resettable")
	require.NoError(t, run.Get(t.Context(), nil))
	require.Equal(t, []string{"quality=3"}, b.Scores(run, 1))

	quality.Store(7)
	again := b.Reset(run, 4)
	require.NoError(t, again.Get(t.Context(), nil))
	require.Equal(t, []string{"quality=7"}, b.Scores(again, 1))
	require.Empty(t, b.Scores(run, 0), "the run that was reset away is out of the statistics")
	kept, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Superseded: true})
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.True(t, kept[0].Superseded)
}

// A panic is the user's worker's policy: nothing is flushed while it unwinds, and the run goes on as it would without us.
func TestPanicIsLeftToThePolicy(t *testing.T) {
	t.Parallel()
	for _, policy := range []worker.WorkflowPanicPolicy{worker.FailWorkflow, worker.BlockWorkflow} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			var calm atomic.Bool
			var panics atomic.Int32
			o := worker.Options{WorkflowPanicPolicy: policy, Plugins: []worker.Plugin{verdict.NewPlugin(b.Config())}}
			b.Worker(b.Queue, o, func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
					verdict.Score(ctx, "before", true)
					if !calm.Load() {
						panics.Add(1)
						panic("a mistake of the user's")
					}
					return nil
				}, workflow.RegisterOptions{Name: "panics"})
			})
			run := b.Start("panics")
			if policy == worker.FailWorkflow {
				require.ErrorContains(t, run.Get(t.Context(), nil), "a mistake of the user's")
				require.NotContains(t, harness.Shape(b.History(run)), "MarkerRecorded")
				return
			}
			b.Eventually(func() error {
				if panics.Load() == 0 {
					return errors.New("not yet panicked")
				}
				return nil
			})
			calm.Store(true) // the deploy that mends it
			require.NoError(t, run.Get(t.Context(), nil))
			require.Equal(t, []string{"before=true"}, b.Scores(run, 1))
		})
	}
}

// A store that hangs holds a run up by less than a second, and what was scored is recorded once the store is back.
func TestASlowStoreHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	stuck := make(chan struct{})
	cfg := b.Config()
	cfg.Store = &hanging{b.Store, stuck}
	b.UserWorker(cfg, func(w worker.Worker) { w.RegisterWorkflow(scoreTimes); w.RegisterActivity(double) })
	run := b.Start(scoreTimes, 2)
	require.NoError(t, run.Get(t.Context(), nil))
	for _, e := range b.History(run).Events {
		require.NotEqual(t, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, e.EventType)
	}
	close(stuck)
	b.StoreWorker() // the store is back
	require.Len(t, b.Scores(run, 2), 2)
}

// hanging is a store that does not answer.
type hanging struct {
	store.Store
	stuck chan struct{}
}

func (h *hanging) Flush(ctx context.Context, f scoring.Flush) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h.stuck:
		return h.Store.Flush(ctx, f)
	}
}

// An activity scores its own step; every attempt is a revision and the last one is current.
func TestStepScoreFromAnActivity(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	var attempt atomic.Int32
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, ActivityID: "the-step",
				RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond},
			})
			return workflow.ExecuteActivity(ctx, "retrieve").Get(ctx, nil)
		}, workflow.RegisterOptions{Name: "steps"})
		w.RegisterActivityWithOptions(func(ctx context.Context) error {
			n := attempt.Add(1)
			verdict.Score(ctx, "precision", float64(n)/10, verdict.Reason("attempt"))
			verdict.Score(ctx, "seen", true, verdict.OnRun())
			if n < 3 {
				return errors.New("again")
			}
			return nil
		}, registerActivity("retrieve"))
	})
	run := b.Start("steps")
	require.NoError(t, run.Get(t.Context(), nil))
	var history []scoring.Record
	b.Eventually(func() (err error) { // each attempt's score is handed over by itself
		history, err = b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: "precision", History: true})
		if err == nil && len(history) != 3 {
			err = fmt.Errorf("%d revisions", len(history))
		}
		return err
	})
	require.ElementsMatch(t, []string{"precision=0.3", "seen=true"}, b.Scores(run, 2))
	current, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: "precision"})
	require.NoError(t, err)
	require.Equal(t, scoring.Step{ID: "the-step", Type: "retrieve", Attempt: 3}, current[0].Step)
}

// Bad input in a run fails nothing: it is a score in state error with its reason, if it has a name, and is made known in any
// case. In a service it is a typed error at the call.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	milliseconds := time.Unix(time.Now().UnixMilli(), 0) // taken for seconds
	nameless := []string{"", strings.Repeat("x", scoring.MaxName+1), "a\nb"}
	bad := map[string]func(ctx verdict.Context, name string){
		"no number":   func(ctx verdict.Context, name string) { verdict.Score(ctx, name, math.NaN()) },
		"no end":      func(ctx verdict.Context, name string) { verdict.Score(ctx, name, math.Inf(-1)) },
		"another age": func(ctx verdict.Context, name string) { verdict.Score(ctx, name, 1, verdict.ObservedAt(milliseconds)) },
		"before time": func(ctx verdict.Context, name string) {
			verdict.Score(ctx, name, 1, verdict.ObservedAt(time.Time{}.AddDate(-1, 0, 0)))
		},
		"a step's id":   func(ctx verdict.Context, name string) { verdict.Score(ctx, name, 1, verdict.OnStep("a\nb", "")) },
		"a step's type": func(ctx verdict.Context, name string) { verdict.Score(ctx, name, 1, verdict.OnStep("a", "\x00")) },
		"a long step": func(ctx verdict.Context, name string) {
			verdict.Score(ctx, name, 1, verdict.OnStep(strings.Repeat("x", 1001), ""))
		},
		"a long key": func(ctx verdict.Context, name string) {
			verdict.Score(ctx, name, 1, verdict.Keyed(strings.Repeat("x", 513)))
		},
		"a long reason": func(ctx verdict.Context, name string) {
			verdict.Score(ctx, name, 1, verdict.Reason(strings.Repeat("x", 4097)))
		},
		"half a session": func(ctx verdict.Context, name string) {
			verdict.Score(ctx, name, 1, verdict.InSession("customer", ""))
		},
		"a hope": func(ctx verdict.Context, name string) {
			verdict.Record(ctx, scoring.Score{Name: name, State: scoring.Pending})
		},
		"a void": func(ctx verdict.Context, name string) {
			verdict.Record(ctx, scoring.Score{Name: name, State: scoring.Scored})
		},
	}
	all := func(ctx verdict.Context) {
		for _, name := range nameless {
			verdict.Score(ctx, name, 1)
		}
		for _, name := range slices.Sorted(maps.Keys(bad)) { //workflowcheck:ignore they are sorted
			bad[name](ctx, name)
		}
	}
	var refused atomic.Int64
	cfg := b.Config()
	cfg.Refused = func(err error) {
		if _, ok := errors.AsType[*scoring.InvalidError](err); ok {
			refused.Add(1)
		}
	}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterActivityWithOptions(func(ctx context.Context) error {
			all(ctx)
			verdict.Score(ctx, "good", 2)
			return nil
		}, activity.RegisterOptions{Name: "bad"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
			if err := workflow.ExecuteActivity(ctx, "bad").Get(ctx, nil); err != nil {
				return err
			}
			all(ctx)
			verdict.Session(ctx, "customer", "")
			verdict.DeclareKey(ctx, "")
			verdict.Flush(ctx, "")
			verdict.TokenFor(ctx) // the plugin has no key
			verdict.Score(ctx, "good", 1)
			return nil
		}, workflow.RegisterOptions{Name: "bad"})
	})
	run := b.Start("bad")
	require.NoError(t, run.Get(t.Context(), nil))
	want := []string{"good=1", "good=2"}
	for name := range bad {
		want = append(want, name+":error")
		if !strings.Contains(name, "step") { // one that has no step of its own stands on the run, whoever made it
			want = append(want, name+":error")
		}
	}
	require.ElementsMatch(t, want, b.Scores(run, len(want)), "what is refused costs nothing else")
	require.EqualValues(t, 2*(len(bad)+len(nameless))+4, refused.Load())
	kept, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run)})
	require.NoError(t, err)
	for _, r := range kept {
		if r.State == scoring.Failed {
			require.Contains(t, r.Reason, "verdict: invalid ", r.Name)
		}
	}
	shape := harness.Shape(b.History(run))
	require.Equal(t, 2, len(slices.DeleteFunc(shape, func(e string) bool { return e != "MarkerRecorded" })), "the version of the end, and its flush")

	for name, call := range map[string]func() error{
		"another age": func() error {
			return b.Verdict.Score(t.Context(), verdict.Run{WorkflowID: run.GetID()}, "bad", 1, verdict.ObservedAt(milliseconds))
		},
		"a step's id": func() error {
			return b.Verdict.Score(t.Context(), verdict.Run{WorkflowID: run.GetID()}, "bad", 1, verdict.OnStep("a\nb", ""))
		},
		"a long run id": func() error {
			return b.Verdict.Score(t.Context(), verdict.Run{WorkflowID: run.GetID(), RunID: strings.Repeat("x", 5000)}, "bad", 1)
		},
		"an outcome of another age": func() error {
			return b.Verdict.Deliver(t.Context(), verdict.Outcome{ID: "x", Name: "n", Key: "k", ObservedAt: milliseconds})
		},
	} {
		var invalid *scoring.InvalidError
		require.ErrorAs(t, call(), &invalid, name)
	}
	b.Scores(run, len(want))
}

// Local activities have ids of their own series: their scores and those of activities are of different steps.
func TestScoresOfLocalActivities(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	scoreStep := func(ctx context.Context, q int) error { verdict.Score(ctx, "q", q); return nil }
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterActivityWithOptions(scoreStep, activity.RegisterOptions{Name: "score"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
			ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
			if err := workflow.ExecuteActivity(ctx, "score", 100).Get(ctx, nil); err != nil {
				return err
			}
			for i := range 6 {
				if err := workflow.ExecuteLocalActivity(ctx, scoreStep, i+1).Get(ctx, nil); err != nil {
					return err
				}
			}
			return nil
		}, workflow.RegisterOptions{Name: "locals"})
	})
	run := b.Start("locals")
	require.NoError(t, run.Get(t.Context(), nil))
	require.ElementsMatch(t, []string{"q=100", "q=1", "q=2", "q=3", "q=4", "q=5", "q=6"}, b.Scores(run, 7))
}

// A query answers with the buffer of an open and of a closed run.
func TestTheBufferCanBeAsked(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) { w.RegisterWorkflow(scoreTimes); w.RegisterActivity(double) })
	run := b.Start(scoreTimes, 2)
	require.NoError(t, run.Get(t.Context(), nil))
	answer, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), run.GetRunID(), workflows.ScoresQuery)
	require.NoError(t, err)
	var records []scoring.Record
	require.NoError(t, answer.Get(&records))
	require.Len(t, records, 2)
	require.Equal(t, run.GetRunID(), records[0].Run.RunID)
}

// Scores show on the run's page, next to what the user's own code writes there.
func TestCurrentDetails(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			workflow.SetCurrentDetails(ctx, "the user's own text")
			verdict.Score(ctx, "quality", 0.93)
			workflow.SetCurrentDetails(ctx, workflow.GetCurrentDetails(ctx)+"\nand more of it")
			for i := range 900 {
				verdict.Score(ctx, fmt.Sprintf("score number %d of a great many", i), i)
			}
			verdict.Score(ctx, "quality", 0.95)
			return nil
		}, workflow.RegisterOptions{Name: "detailed"})
	})
	run := b.Start("detailed")
	require.NoError(t, run.Get(t.Context(), nil))
	answer, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), run.GetRunID(), "__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, answer.Get(&metadata))
	details := metadata.CurrentDetails
	require.LessOrEqual(t, len(details), 20_000)
	require.Contains(t, details, "the user's own text")
	require.Contains(t, details, "and more of it")
	require.Contains(t, details, "- quality = 0.95\n")
	require.NotContains(t, details, "0.93", "the block is replaced, not repeated")
	require.Regexp(t, `- and \d+ more`, details)
}
