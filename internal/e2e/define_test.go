package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/harness"
	reporting "github.com/verdict-dev/verdict/report"
)

// aboutAcceptance is an experiment about whether an answer is accepted, though "done" comes before it by name.
func aboutAcceptance(queue string, change func(*experiments.Definition)) *experiments.Experiment {
	d := experiments.Definition{
		Name: "declares-" + queue, Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}},
		Primary: experiments.Metric{Name: "zz_accepted", Type: experiments.Boolean},
	}
	change(&d)
	return experiments.MustNew(d)
}

// answers registers a workflow that is assigned by an experiment.
func answers(x *experiments.Experiment) func(worker.Worker) {
	return func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			pick := verdict.Experiment(ctx, x, verdict.ThisRun)
			verdict.Score(ctx, "done", true)
			verdict.Score(ctx, "zz_accepted", pick.Variant == "b")
			return pick.Variant, nil
		}, workflow.RegisterOptions{Name: "answers"})
	}
}

// events waits for a run of the workflow and counts its events. A run waits a quarter of a second at most, or one second in a local
// activity, until what it says is taken. A busy machine may be slower: then the run carries it by a child, which adds five events, and a
// workflow task may be tried again. Nothing else makes two runs differ.
func events(b *harness.Bench, run client.WorkflowRun) int {
	b.T.Helper()
	require.NoError(b.T, run.Get(b.T.Context(), nil))
	shape := harness.Shape(b.History(run))
	own := slices.DeleteFunc(slices.Clone(shape), func(kind string) bool {
		return strings.HasPrefix(kind, "WorkflowTask") || strings.Contains(kind, "ChildWorkflowExecution")
	})
	require.Len(b.T, own, 8, "%v", shape)
	return len(shape)
}

// reported returns the report of the bench's store, made without any definition, and its text.
func reported(b *harness.Bench, name string) (e reporting.Experiment, text string, err error) {
	r, err := reporting.Build(b.T.Context(), b.Store, reporting.Options{Experiment: name, Define: reporting.DefinedByControl(b.Client), Now: time.Now().Add(time.Minute)})
	if err != nil {
		return e, "", err
	}
	var out bytes.Buffer
	err = display.Text(&out, r)
	return r.Experiments[0], out.String(), err
}

// What a user's worker declares is in the report of a worker that is told nothing, by every way that an assignment takes; a run
// costs what it did. A second worker that declares something else is a fault in it.
func TestADeclaredMetricReachesTheReport(t *testing.T) {
	t.Parallel()
	limited := worker.Options{MaxConcurrentLocalActivityExecutionSize: 1}
	for _, way := range []struct {
		name       string
		o          worker.Options
		own, plain bool
	}{
		{name: "activity, no store"}, {name: "activity, store", own: true}, {name: "activity, no bundles", plain: true},
		{name: "side effect, no store", o: limited}, {name: "side effect, store", o: limited, own: true},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			if way.plain {
				b.PlainStoreWorker()
			} else {
				b.StoreWorker()
			}
			play := func(build string, x *experiments.Experiment, units int) {
				cfg := b.Config()
				if way.own {
					cfg.Store = b.Store
				}
				o := way.o
				cfg.Client = b.Client
				o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
				//lint:ignore SA1019 the build of a worker without a deployment
				o.BuildID = build
				defer b.Worker(b.Queue, o, answers(x))()
				least := 100
				for range (units + 9) / 10 {
					var all []client.WorkflowRun
					for range min(units, 10) {
						all = append(all, b.Start("answers"))
					}
					for _, run := range all {
						least = min(least, events(b, run))
					}
				}
				// The claim is about a run that is taken in time. On a busy machine none of ten that start at once may be, and so
				// further ones start one by one. If each run had one event more, none would ever have 11.
				b.Eventually(func() error {
					if least > 11 {
						least = min(least, events(b, b.Start("answers")))
						return fmt.Errorf("each run has %d events at least", least)
					}
					return nil
				})
				require.Equal(t, 11, least)
			}
			name := aboutAcceptance(b.Queue, func(*experiments.Definition) {}).Definition().Name
			play("b1", aboutAcceptance(b.Queue, func(*experiments.Definition) {}), 100) // a decision needs 20 of each
			b.Eventually(func() error {
				e, text, err := reported(b, name)
				switch {
				case err != nil:
					return err
				case e.Primary != "zz_accepted" || e.Inferred || e.Definition == nil:
					return errors.New("it is about another metric\n" + text)
				case e.Definition.Build != "b1" || e.Definition.TaskQueue != b.Queue:
					return fmt.Errorf("registered by %+v", e.Definition)
				case e.Analysis.Decision.Verdict != experiments.Winner:
					return errors.New("nothing is decided\n" + text)
				}
				require.NotContains(t, text, "does not have")
				require.NotContains(t, text, "fault")
				return nil
			})

			play("b2", aboutAcceptance(b.Queue, func(d *experiments.Definition) { d.Primary.Name = "done" }), 10)
			b.Eventually(func() error {
				e, text, err := reported(b, name)
				if err != nil {
					return err
				}
				if len(e.Contradictions) != 1 {
					return errors.New("there is no fault\n" + text)
				}
				require.Equal(t, "b2", e.Contradictions[0].Build)
				require.Equal(t, "zz_accepted", e.Primary, "the first stays")
				require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict)
				require.Contains(t, text, `primary.name is "done" there and "zz_accepted" in use`)
				return nil
			})
		})
	}
}
