package e2e

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A coroutine that keeps running while the run's end is recorded calls too late: each call is refused and returns at once, no
// command of it is in the history except the one version that says so, and the store knows how the run ended.
func TestACoroutineOutlivesItsFunction(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]worker.Options{"a local activity": {}, "a side effect": {MaxConcurrentLocalActivityExecutionSize: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			one, two := experiment(t, "late-one-"+b.Queue, 1, ""), experiment(t, "late-two-"+b.Queue, 1, "")
			var mu sync.Mutex
			var refusals []string
			cfg := b.Config(decided)
			cfg.Store, cfg.TokenKey = b.Store, []byte(strings.Repeat("k", 32))
			cfg.Judges = []judges.Judge{judges.NewScripted("good", judges.Reply{Verdict: judges.Verdict{State: scoring.Scored, Value: scoring.BoolValue(true)}})}
			cfg.Refused = func(err error) {
				mu.Lock()
				defer mu.Unlock()
				call, _, _ := strings.Cut(err.Error(), ":")
				if strings.Contains(err.Error(), "too late") {
					refusals = append(refusals, call)
				}
			}
			var token atomic.Value // stored once every late call has returned
			outlived := func(ctx workflow.Context) error {
				verdict.Flush(ctx, "again")
				pick := verdict.Experiment(ctx, one, verdict.ThisRun)
				over := false
				workflow.Go(ctx, func(ctx workflow.Context) {
					_ = workflow.Await(ctx, func() bool { return over })
					verdict.Score(ctx, "too_late", 1)
					verdict.Session(ctx, "too", "late")
					verdict.Attribute(ctx, "too", "late")
					verdict.DeclareKey(ctx, "too late "+b.Queue)
					verdict.Flush(ctx, "too_late")
					verdict.Flush(ctx, "again")
					d := verdict.Defer(ctx, decided, "too_late")
					all := verdict.DeferAll(ctx, decided, []string{"too_late"})
					kept := verdict.Experiment(ctx, one, verdict.ThisRun)
					late := verdict.Experiment(ctx, two, verdict.ThisRun)
					retired := verdict.Retired(ctx, two, verdict.ThisRun, "b")
					verdict.Shadow(ctx, pick, map[string]string{"a": "b", "b": "a"}[pick.Variant], "outlived")
					j := verdict.Judge(ctx, "good", judges.Sample{Output: "x"})
					if d.Err() != nil && all[0].Err() != nil && kept.Variant == pick.Variant && late.Variant == "a" && retired.Variant == "a" && j.State == scoring.Failed {
						token.Store(verdict.TokenFor(ctx))
					}
				})
				defer func() { over = true }()
				verdict.Score(ctx, "in_time", 1)
				return nil
			}
			register := func(r interface {
				RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions)
			}) {
				r.RegisterWorkflowWithOptions(outlived, workflow.RegisterOptions{Name: "outlived"})
			}
			o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
			b.Worker(b.Queue, o, func(w worker.Worker) { register(w) })
			run := b.Start("outlived")
			require.NoError(t, run.Get(t.Context(), nil))
			require.NotEmpty(t, token.Load())
			require.Equal(t, []string{"in_time=1"}, b.Scores(run, 1))
			mu.Lock()
			require.Equal(t, []string{
				"Score", "Session", "Attribute", "DeclareKey", "Flush", "Flush", "Defer", "DeferAll", "Experiment", "Retired", "Shadow", "Judge",
			}, refusals)
			mu.Unlock()
			require.True(t, b.Log.Contains("a coroutine outlived its workflow function"))
			h := b.History(run)
			ids := changesIn(h)
			require.Contains(t, ids, "verdict/late")
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == "verdict/late" || id == "verdict/end" })
			require.Len(t, ids, 2, "the flush and the experiment in time: %v", ids)
			require.Len(t, slices.DeleteFunc(harness.Shape(h), func(e string) bool {
				return !strings.Contains(e, "Activity") && !strings.Contains(e, "Child")
			}), 0)
			b.Eventually(func() error {
				runs, err := b.Store.Runs(t.Context(), store.RunFilter{Run: of(run)})
				require.NoError(t, err)
				require.Len(t, runs, 1)
				require.Equal(t, scoring.RunCompleted, runs[0].Status)
				return nil
			})
			replay(t, b, run, func(r worker.WorkflowReplayer) { register(r) }, verdict.NewPlugin(cfg))
		})
	}
}

// A function that compares the results of a mutable side effect is no part of a replay either, and so is any form of a side
// effect.
func TestSideEffectsOnlyRead(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	refused := make(chan error, 10)
	cfg := b.Config()
	cfg.Refused = func(err error) { refused <- err }
	effects := func(ctx workflow.Context) error {
		verdict.Score(ctx, "own", 1)
		effect := func(name string) func(workflow.Context) any {
			return func(ctx workflow.Context) any { verdict.Score(ctx, name, 1); return name }
		}
		equals := func(a, b any) bool { verdict.Score(ctx, "equals", 1); return a == b }
		workflow.SideEffectWithOptions(ctx, workflow.SideEffectOptions{}, effect("s"))
		workflow.MutableSideEffect(ctx, "m", effect("m1"), equals)
		workflow.MutableSideEffect(ctx, "m", effect("m2"), equals)
		workflow.MutableSideEffectWithOptions(ctx, "o", workflow.MutableSideEffectOptions{}, effect("o1"), equals)
		workflow.MutableSideEffectWithOptions(ctx, "o", workflow.MutableSideEffectOptions{}, effect("o2"), equals)
		verdict.Score(ctx, "own_too", 1)
		return workflow.Sleep(ctx, time.Millisecond)
	}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(effects, workflow.RegisterOptions{Name: "effects"})
	})
	run := b.Start("effects")
	require.NoError(t, run.Get(t.Context(), nil))
	require.ElementsMatch(t, []string{"own=1", "own_too=1"}, b.Scores(run, 2))
	require.Len(t, refused, 7)
	for range 7 {
		require.ErrorContains(t, <-refused, "only reads")
	}
}
