package storm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// BenchmarkRuns measures how many runs a second end, and the processor time that the server and the workers take for one: a bare
// run with one activity, twice, as its own control; the same with the events of an inline score and nothing behind them, which is what
// the engine charges; and the same run with one call of ours. The forms take turns in random order, a
// hundred runs at a time. The rate counts until a run's end, the processor time until the store has what the run said. Both have the
// client that starts the runs.
func BenchmarkRuns(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		const block, concurrency = 100, 16
		server := devservertest.ForTest(b)
		bench := harness.New(b, func(store.Store) store.Store { return s })
		bench.StoreWorker()
		plain := *bench // whose verdict worker takes no bundles
		plain.VerdictQueue += "-plain"
		plain.PlainStoreWorker()
		exp, err := experiments.New(experiments.Definition{
			Name: bench.Queue, Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}},
			Primary: experiments.Metric{Name: "good", Type: experiments.Boolean}, Maturity: time.Hour,
		})
		require.NoError(b, err)
		forms := map[string]func(ctx workflow.Context, order string){
			"bare": func(workflow.Context, string) {}, "bare again": func(workflow.Context, string) {},
			"carrier": func(ctx workflow.Context, _ string) {
				ctx, _ = workflow.NewDisconnectedContext(ctx)
				workflow.GetVersion(ctx, "carrier", workflow.DefaultVersion, 1)
				ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Second})
				_ = workflow.ExecuteLocalActivity(ctx, oneStep).Get(ctx, nil)
			},
			"inline score": func(ctx workflow.Context, _ string) { verdict.Score(ctx, "good", true) },
			"experiment and score": func(ctx workflow.Context, _ string) {
				verdict.Experiment(ctx, exp, verdict.ThisRun)
				verdict.Score(ctx, "good", true)
			},
			"declared scorer":           func(ctx workflow.Context, order string) { verdict.Defer(ctx, declaredPaid, order) },
			"scorer that is a workflow": func(ctx workflow.Context, order string) { verdict.Defer(ctx, paid, order) },
		}
		work := func(queue, verdictQueue string, scorer verdict.ScorerDefinition, db store.Store, plugin bool) {
			o := worker.Options{}
			if plugin {
				o.Plugins = []worker.Plugin{verdict.NewPlugin(verdict.Config{
					Scorers: []verdict.ScorerDefinition{scorer}, StoreTaskQueue: verdictQueue, Store: db, Experiments: []*experiments.Experiment{exp},
				})}
			}
			bench.Worker(queue, o, func(w worker.Worker) {
				w.RegisterActivity(oneStep)
				for name, f := range forms {
					w.RegisterWorkflowWithOptions(func(ctx workflow.Context, order string) error {
						ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
						if err := workflow.ExecuteActivity(ctx, oneStep).Get(ctx, nil); err != nil {
							return err
						}
						f(ctx, order)
						return nil
					}, workflow.RegisterOptions{Name: name})
				}
			})
		}
		work(bench.Queue+"-bare", bench.VerdictQueue, nil, nil, false)
		work(bench.Queue+"-stored", bench.VerdictQueue, declaredPaid, s, true)
		work(bench.Queue+"-child", bench.VerdictQueue, paid, s, true)
		work(bench.Queue+"-default", bench.VerdictQueue, declaredPaid, nil, true)
		work(bench.Queue+"-plain", plain.VerdictQueue, declaredPaid, nil, true)
		type entry struct{ form, queue, name string }
		entries := []entry{
			{"bare", "bare", "bare"}, {"bare again", "bare", "bare-again"}, {"carrier", "bare", "carrier"}, {"inline score", "stored", "inline"},
			{"experiment and score", "stored", "experiment"}, {"declared scorer", "stored", "declared"},
			{"scorer that is a workflow", "child", "child"}, {"inline score", "default", "inline-default"}, {"declared scorer", "default", "declared-default"},
			{"inline score", "plain", "inline-default-plain"},
		}
		took, busy := map[string]time.Duration{}, map[string]time.Duration{}
		for from := 0; from < b.N; from += block {
			to := min(from+block, b.N)
			turn := slices.Clone(entries)
			rand.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
			for _, e := range turn {
				began, before := time.Now(), processorTime(b, server.PID())
				each(b, concurrency, from, to, func(i int) error {
					id := fmt.Sprint(bench.Queue, "-", e.name, "-", i)
					run, err := bench.Client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: bench.Queue + "-" + e.queue}, e.form, id)
					if err != nil {
						return err
					}
					return run.Get(b.Context(), nil)
				})
				took[e.name] += time.Since(began)
				each(b, 4, from, to, func(i int) error {
					return recorded(b, s, fmt.Sprint(bench.Queue, "-", e.name, "-", i), e.queue == "bare")
				})
				busy[e.name] += processorTime(b, server.PID()) - before
			}
		}
		for _, e := range entries {
			b.ReportMetric(float64(b.N)/took[e.name].Seconds(), e.name+"/s")
			b.ReportMetric(float64(busy[e.name].Microseconds())/1000/float64(b.N), e.name+"-cpu-ms")
		}
		b.ReportMetric(0, "ns/op")
	})
}

// recorded waits until the store has a score of a run. It reads once for a run that makes none, so that all forms pay for it.
func recorded(b *testing.B, s store.Store, id string, none bool) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		scores, err := s.Scores(b.Context(), store.Filter{Run: scoring.Run{WorkflowID: id}})
		if err != nil || none || len(scores) > 0 {
			return err
		}
		select {
		case <-again.C:
		case <-b.Context().Done():
			return b.Context().Err()
		}
	}
}

// processorTime returns the processor time so far of this process and another, on Linux.
func processorTime(b *testing.B, other int) time.Duration {
	b.Helper()
	const tick = 10 * time.Millisecond // of the kernel's clock in /proc
	sum := time.Duration(0)
	for _, pid := range []int{os.Getpid(), other} {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Skip("the processor time needs Linux's /proc and a server of its own: ", err)
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third field on
		for _, f := range fields[11:13] {
			n, err := strconv.Atoi(f)
			require.NoError(b, err)
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// oneStep is the activity of a run.
func oneStep() error { return nil }
