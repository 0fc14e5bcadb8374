package storm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
)

// BenchmarkRuns measures how many runs a second end: a bare run with one activity, twice, as its own control, and the same run
// with one call of ours. The forms take turns in random order, a hundred runs at a time. A run counts until its end, not until
// what it hands over is recorded.
func BenchmarkRuns(b *testing.B) {
	durable(b, func(b *testing.B, s store.Store) {
		const block, concurrency = 100, 16
		bench := harness.New(b, func(store.Store) store.Store { return s })
		bench.StoreWorker()
		exp, err := experiments.New(experiments.Definition{
			Name: bench.Queue, Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}},
			Primary: experiments.Metric{Name: "good", Type: experiments.Boolean}, Maturity: time.Hour,
		})
		require.NoError(b, err)
		forms := map[string]func(ctx workflow.Context, order string){
			"bare": func(workflow.Context, string) {}, "bare again": func(workflow.Context, string) {},
			"inline score": func(ctx workflow.Context, _ string) { verdict.Score(ctx, "good", true) },
			"experiment and score": func(ctx workflow.Context, _ string) {
				verdict.Experiment(ctx, exp, verdict.ThisRun)
				verdict.Score(ctx, "good", true)
			},
			"declared scorer":           func(ctx workflow.Context, order string) { verdict.Defer(ctx, declaredPaid, order) },
			"scorer that is a workflow": func(ctx workflow.Context, order string) { verdict.Defer(ctx, paid, order) },
		}
		work := func(queue string, scorer verdict.ScorerDefinition, db store.Store, plugin bool) {
			o := worker.Options{}
			if plugin {
				o.Plugins = []worker.Plugin{verdict.NewPlugin(verdict.Config{
					Scorers: []verdict.ScorerDefinition{scorer}, StoreTaskQueue: bench.VerdictQueue, Store: db, Experiments: []*experiments.Experiment{exp},
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
		work(bench.Queue+"-bare", nil, nil, false)
		work(bench.Queue+"-stored", declaredPaid, s, true)
		work(bench.Queue+"-child", paid, s, true)
		work(bench.Queue+"-default", declaredPaid, nil, true)
		type entry struct{ form, queue, name string }
		entries := []entry{
			{"bare", "bare", "bare"}, {"bare again", "bare", "bare-again"}, {"inline score", "stored", "inline"},
			{"experiment and score", "stored", "experiment"}, {"declared scorer", "stored", "declared"},
			{"scorer that is a workflow", "child", "child"}, {"inline score", "default", "inline-default"}, {"declared scorer", "default", "declared-default"},
		}
		took := map[string]time.Duration{}
		for from := 0; from < b.N; from += block {
			to := min(from+block, b.N)
			turn := slices.Clone(entries)
			rand.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
			for _, e := range turn {
				began := time.Now()
				each(b, concurrency, from, to, func(i int) error {
					id := fmt.Sprint(bench.Queue, "-", e.name, "-", i)
					run, err := bench.Client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: bench.Queue + "-" + e.queue}, e.form, id)
					if err != nil {
						return err
					}
					return run.Get(b.Context(), nil)
				})
				took[e.name] += time.Since(began)
			}
		}
		for _, e := range entries {
			b.ReportMetric(float64(b.N)/took[e.name].Seconds(), e.name+"/s")
		}
		b.ReportMetric(0, "ns/op")
	})
}

// oneStep is the activity of a run.
func oneStep() error { return nil }
