package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// declared waits as merged does, and says so as data.
var declared = verdict.NewOutcomeScorer("declared", "1", func(pr pullRequest) verdict.Wait {
	return verdict.Wait{
		For:    verdict.AnyOf(verdict.On("pr.merged", pr.Key).Means(true), verdict.On("pr.closed", pr.Key).Means(false)),
		Window: verdict.Within(time.Hour), End: verdict.ExpiresUnknown,
	}
})

// waits is a store that takes note of the declared scorers that reach it, at the call and in flushes.
type waits struct {
	store.Store
	mu       sync.Mutex
	expected []scoring.Expectation
	flushed  []scoring.Flush
}

func (w *waits) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	if !e.Declared() {
		return w.Store.Expect(ctx, e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, e)
	return nil, e.Validate()
}

func (w *waits) Flush(ctx context.Context, f scoring.Flush) error {
	w.mu.Lock()
	w.flushed = append(w.flushed, f)
	w.mu.Unlock()
	f.Waits = nil
	return w.Store.Flush(ctx, f)
}

// of returns the identities that a run's calls brought, and named the ones that its last flush names.
func (w *waits) of(run client.WorkflowRun) (atCall []string, named []scoring.Expectation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.expected {
		if e.Run.RunID == run.GetRunID() {
			atCall = append(atCall, e.Identity())
		}
	}
	for _, f := range w.flushed {
		if f.Facts.Run.RunID == run.GetRunID() {
			named = f.Waits
		}
	}
	return atCall, named
}

func identities(waits []scoring.Expectation) (ids []string) {
	for _, e := range waits {
		ids = append(ids, e.Identity())
	}
	return ids
}

func waitsBench(t *testing.T) (*harness.Bench, *waits) {
	w := &waits{}
	b := harness.New(t, func(s store.Store) store.Store { w.Store = s; return w })
	b.StoreWorker()
	return b, w
}

// declares defers a declared scorer in some way.
func declares(ctx workflow.Context, key, how string) ([]verdict.Deferred, error) {
	pr := pullRequest{key}
	var deferred []verdict.Deferred
	switch how {
	case "plain":
	case "all":
		deferred = verdict.DeferAll(ctx, declared, []pullRequest{{key + "/a"}, {key + "/b"}, {key + "/c"}})
	case "twice":
		deferred = append(deferred, verdict.Defer(ctx, declared, pr), verdict.Defer(ctx, declared, pr))
	case "at end":
		deferred = append(deferred, verdict.Defer(ctx, declared, pr, verdict.AtEnd()))
	case "later":
		deferred = append(deferred, verdict.Defer(ctx, declared, pr, verdict.StartAt(workflow.Now(ctx).Add(24*time.Hour)), verdict.OnStep("7", "merge")))
	case "cancelled":
		_ = workflow.Sleep(ctx, time.Hour)
		deferred = append(deferred, verdict.Defer(ctx, declared, pr))
	case "closed":
		deferred = append(deferred, verdict.Defer(ctx, declared, pr, verdict.OnClose()))
	default:
		deferred = append(deferred, verdict.Defer(ctx, declared, pr))
	}
	if how == "flush" {
		verdict.Flush(ctx, "half")
		deferred = append(deferred, verdict.Defer(ctx, declared, pr))
	}
	for _, d := range deferred {
		if !d.Started() || d.Err() != nil {
			return nil, errors.Join(errors.New("it was not started"), d.Err())
		}
	}
	return deferred, nil
}

// A declared scorer adds three events to its run, no workflow task and one action, in either shape; AtEnd adds nothing. It
// reaches the store at the call, and again in the run's flush.
func TestCostOfADeclaredScorer(t *testing.T) {
	t.Parallel()
	for shape, o := range map[string]worker.Options{"local activity": {}, "side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		for _, own := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, store of its own %v", shape, own), func(t *testing.T) {
				t.Parallel()
				b, w := waitsBench(t)
				cfg := b.Config(declared)
				if cfg.Client = b.Client; own {
					cfg.Store = b.Store
				}
				o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
				b.Worker(b.Queue, o, func(w worker.Worker) { w.RegisterWorkflow(declares) })
				play := func(how string) (c cost, run client.WorkflowRun, deferred []verdict.Deferred) {
					for range 3 { // where a busy machine takes its time, a child carries what the store did not take
						run, deferred = b.Start(declares, uuid.NewString(), how), nil
						require.NoError(t, run.Get(t.Context(), &deferred))
						h := b.History(run)
						if c = costOf(h); !slices.Contains(harness.Shape(h), "StartChildWorkflowExecutionInitiated") {
							break
						}
					}
					return c, run, deferred
				}
				plain, _, _ := play("plain")
				for how, c := range map[string]struct{ events, actions, waits, atCall int }{
					"one": {3, 1, 1, 1}, "all": {3, 1, 3, 3}, "twice": {6, 1, 2, 2}, "at end": {0, 0, 1, 0}, "later": {3, 1, 1, 1}, "closed": {3, 1, 1, 1},
				} {
					with, run, deferred := play(how)
					require.Equal(t, c.events, with.events-plain.events, how)
					require.Equal(t, plain.tasks, with.tasks, how)
					require.LessOrEqual(t, with.actions-plain.actions, c.actions, how)
					var named []scoring.Expectation
					var atCall []string
					b.Eventually(func() error {
						if atCall, named = w.of(run); len(named) != c.waits || len(atCall) != c.atCall {
							return fmt.Errorf("%s: %d at the call, %d in the flush", how, len(atCall), len(named))
						}
						return nil
					})
					ids := identities(named)
					if c.atCall > 0 {
						require.ElementsMatch(t, ids, atCall, how)
					}
					for i, d := range deferred {
						require.Equal(t, verdict.Deferred{ID: ids[i]}, d, how)
					}
					for i, e := range named {
						require.NoError(t, e.Validate())
						require.Equal(t, of(run), scoring.Run{WorkflowID: e.Run.WorkflowID, RunID: e.Run.RunID}, how)
						require.Positive(t, e.Place)
						length := time.Hour
						switch how {
						case "all":
							require.Equal(t, fmt.Sprintf("all-1/%d", i+1), e.Call)
						case "later":
							length += 24 * time.Hour
							require.Equal(t, scoring.Step{ID: "7", Type: "merge"}, e.Step)
						case "closed":
							require.Equal(t, scoring.Start{On: scoring.StartOnClose, Length: length}, *e.Start)
							continue
						default:
							require.Equal(t, fmt.Sprint(i+1), e.Call)
						}
						require.Equal(t, length, e.Window.Until.Sub(e.At), how)
						require.Equal(t, time.Minute, e.RunStartedAt.Sub(e.Window.Since), how)
					}
				}
			})
		}
	}
}

// Every flush of a run names all that it waits for so far; a cancelled run declares as well.
func TestFlushesNameAllThatWaits(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	cfg := b.Config(declared)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) { w.RegisterWorkflow(declares) })
	run := b.Start(declares, uuid.NewString(), "flush")
	require.NoError(t, run.Get(t.Context(), nil))
	var sets []int
	b.Eventually(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		sets = nil
		for _, f := range w.flushed {
			sets = append(sets, len(f.Waits))
		}
		if !slices.Equal(sets, []int{1, 2}) {
			return fmt.Errorf("flushes of %v", sets)
		}
		return nil
	})

	run = b.Start(declares, uuid.NewString(), "cancelled")
	b.Eventually(func() error { // until it sleeps
		if shape := harness.Shape(b.History(run)); shape[len(shape)-1] != "TimerStarted" {
			return errors.New("it does not sleep")
		}
		return nil
	})
	require.NoError(t, b.Client.CancelWorkflow(t.Context(), run.GetID(), run.GetRunID()))
	require.NoError(t, run.Get(t.Context(), nil))
	b.Eventually(func() error {
		if atCall, named := w.of(run); len(atCall) != 1 || !slices.Equal(atCall, identities(named)) {
			return fmt.Errorf("%v at the call, %v in the flush", atCall, named)
		}
		return nil
	})
}

// A scorer of a run that began when it was a function stays a workflow, which decides by the same rule.
func TestADeclaredScorerAsAWorkflow(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	asFunction := verdict.NewScorer("declared", "1", func(ctx workflow.Context, pr pullRequest) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.AnyOf(verdict.On("pr.merged", pr.Key).Means(true), verdict.On("pr.closed", pr.Key).Means(false)),
			verdict.Within(time.Hour), verdict.ExpiresUnknown)
		return got.Score(), err
	})
	turning := func(s *verdict.Scorer[pullRequest]) func(workflow.Context, string) (string, error) {
		return func(ctx workflow.Context, key string) (string, error) {
			d := verdict.Defer(ctx, s, pullRequest{key})
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
			verdict.Defer(ctx, s, pullRequest{key + "/again"})
			return d.ID, d.Err()
		}
	}
	start := func(s *verdict.Scorer[pullRequest]) (stop func()) {
		cfg := b.Config(s)
		cfg.Store = b.Store
		return b.UserWorker(cfg, func(w worker.Worker) {
			w.RegisterWorkflow(declares)
			w.RegisterWorkflowWithOptions(turning(s), workflow.RegisterOptions{Name: "turning"})
		})
	}
	stop := start(asFunction)
	key := uuid.NewString()
	began := b.Start("turning", key)
	b.Waiting(key, 1)
	stop()
	start(declared)
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), began.GetID(), began.GetRunID(), "go on", nil))
	var id string
	require.NoError(t, began.Get(t.Context(), &id))
	require.Equal(t, "verdict/scorer/declared/"+began.GetRunID()+"/1", id, "it stays a workflow")
	b.Eventually(func() error {
		if atCall, named := w.of(began); len(atCall) != 1 || len(named) != 1 || named[0].Call != "2" {
			return fmt.Errorf("the second call: %v, %v", atCall, named)
		}
		return nil
	})
	o := outcome("pr.closed", key)
	require.NoError(t, b.Verdict.Deliver(t.Context(), o))
	require.Equal(t, []string{"declared=false"}, b.Scores(began, 1))
}

// Code that has the scorer as a function again fails the workflow tasks of runs that have it declared, and not the runs: the
// declared one, deployed again, heals them.
func TestADeclaredScorerIsNoFunctionAgain(t *testing.T) {
	t.Parallel()
	b, w := waitsBench(t)
	asFunction := verdict.NewScorer("declared", "1", func(workflow.Context, pullRequest) (scoring.Score, error) {
		return verdict.Bool("", true), nil
	})
	start := func(s *verdict.Scorer[pullRequest]) (stop func()) {
		cfg := b.Config(s)
		cfg.Store = b.Store
		return b.UserWorker(cfg, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
				verdict.Defer(ctx, s, pullRequest{key})
				workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
				return nil
			}, workflow.RegisterOptions{Name: "turning"})
		})
	}
	stop := start(declared)
	run := b.Start("turning", uuid.NewString())
	b.Eventually(func() error {
		if atCall, _ := w.of(run); len(atCall) != 1 {
			return errors.New("it does not wait yet")
		}
		return nil
	})
	b.Eventually(func() error { // until its first task is over
		if shape := harness.Shape(b.History(run)); !slices.Contains(shape, "WorkflowTaskCompleted") {
			return fmt.Errorf("%v", shape)
		}
		return nil
	})
	stop()
	stop = start(asFunction)
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "go on", nil))
	b.Eventually(func() error {
		if b.Log.Contains("so the code cannot start its workflow") { // only a task's first attempt that fails is in the history
			return nil
		}
		return errors.New("no task has failed")
	})
	stop()
	start(declared)
	require.NoError(t, run.Get(t.Context(), nil))
	w.named(b, run, 1)
}

// There is no workflow to cancel or to ask.
func TestADeclaredScorerIsNoExecution(t *testing.T) {
	t.Parallel()
	b, _ := waitsBench(t)
	d := verdict.Deferred{ID: scoring.Expectation{}.Identity()}
	var invalid *scoring.InvalidError
	require.ErrorAs(t, b.Verdict.CancelScorer(t.Context(), d), &invalid)
	_, err := b.Verdict.ScorerResult(t.Context(), d)
	require.ErrorAs(t, err, &invalid)
	require.ErrorContains(t, err, "declared")
	require.False(t, errors.As(b.Verdict.CancelScorer(t.Context(), verdict.Deferred{ID: "verdict/scorer/x"}), &invalid))
}
