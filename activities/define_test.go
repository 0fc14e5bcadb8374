package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// desk takes definitions.
type desk struct {
	mu   sync.Mutex
	took []string
}

func (d *desk) start(_ context.Context, batches []Batch) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(batches))
	for i, b := range batches {
		x, err := b.Registration.Read()
		if errs[i] = err; err != nil {
			continue
		}
		def := x.Definition()
		d.took = append(d.took, def.Name+"@"+def.Version+" "+def.Primary.Name+" "+b.Registration.TaskQueue+" "+b.Registration.Build)
	}
	return errs
}

// taken waits for so many.
func (d *desk) taken(t *testing.T, r *Recorder) []string {
	t.Helper()
	r.Drain()
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.took))
}

// defined returns an assigner of a definition with a metric.
func defined(version, metric string) Assigner {
	return Assigner{TaskQueue: "answers", Build: "b1", Experiment: experiments.MustNew(experiments.Definition{
		Name: "retriever", Version: version, Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}},
		Primary: experiments.Metric{Name: metric, Type: experiments.Boolean},
	})}
}

// A process says each definition once on each way, however many assignments it makes by it.
func TestADefinitionIsOfferedOnce(t *testing.T) {
	t.Parallel()
	here, there := &desk{}, &desk{}
	r := &Recorder{}
	r.Began("worker", nil)
	defer r.Ended("worker")
	r.queue.add(&link{namespace: "ns", start: here.start})
	r.queue.add(&link{namespace: "other", start: there.start})
	x := defined("1", "accepted")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			r.Define(context.Background(), x, "ns")
			r.Define(context.Background(), defined("1", "accepted"), "ns") // made anew for each run
			if i%2 == 0 {
				r.Define(context.Background(), defined("1", "read"), "ns")
			}
			r.Define(context.Background(), defined("2", "accepted"), "ns")
		})
	}
	all.Wait()
	require.Equal(t, []string{"retriever@1 accepted answers b1", "retriever@1 read answers b1", "retriever@2 accepted answers b1"}, here.taken(t, r))
	r.Define(context.Background(), x, "other")
	require.Equal(t, []string{"retriever@1 accepted answers b1"}, there.taken(t, r))
	r.Define(context.Background(), Assigner{}, "ns") // a shadow's
	require.Len(t, here.taken(t, r), 3)
}

// The next assignment repeats what was lost, and nothing else.
func TestALostDefinitionIsRepeated(t *testing.T) {
	t.Parallel()
	by := &desk{}
	r := &Recorder{MaxPending: 100}
	r.Began("worker", nil)
	defer r.Ended("worker")
	r.queue.add(&link{namespace: "ns", start: by.start})
	x := defined("1", "accepted")
	r.Define(context.Background(), x, "ns")
	require.Empty(t, by.taken(t, r), "the queue is full")
	r.MaxPending = 0
	for range 3 {
		r.Define(context.Background(), x, "ns")
		require.Len(t, by.taken(t, r), 1)
	}
	var many []experiments.Metric
	for i := range 1000 {
		many = append(many, experiments.Metric{Name: fmt.Sprint(i, strings.Repeat("m", 100)), Type: experiments.Boolean})
	}
	large := x.Experiment.Definition()
	large.Version, large.Guardrails = "2", many
	for range 3 {
		r.Define(context.Background(), Assigner{Experiment: experiments.MustNew(large)}, "ns")
	}
	require.Len(t, by.taken(t, r), 1, "it is too large")
}

// A definition goes by a name that no worker of v0.1.0 knows: such a worker would lose it.
func TestADefinitionWaitsForAWorkerThatKnowsIt(t *testing.T) {
	t.Parallel()
	b := Batch{Registration: &experiments.Registration{Definition: defined("1", "accepted").Experiment.JSON(), Namespace: "ns"}}
	require.Equal(t, WaitWorkflow, b.recordWorkflow())
	require.False(t, b.merges(b))
	require.Equal(t, []Batch{b}, b.Split())
	require.Equal(t, []Batch{b}, b.split(10), "it has no parts")
	require.Equal(t, experiments.MaxRegistered, 32<<10, "with who said it, it is smaller than any bundle")
}

// The policy of a started experiment hears of definitions that assign other units than the started one.
func TestContradictingDefinitionsVoidAFinding(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	run := scoring.Run{Namespace: "ns", WorkflowID: "w", RunID: "r"}
	_, err = db.Assign(t.Context(), scoring.Assignment{
		Experiment: "retriever", Version: "1", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
		Unit: "r", Run: run, FirstRunID: "r", At: time.Now(),
	})
	require.NoError(t, err)
	s := &Set{Store: db, Find: fold.Find(db)}
	started := defined("1", "accepted").Experiment.Definition()
	finds := func(change func(*experiments.Definition)) experiments.Decision {
		d := started
		change(&d)
		require.NoError(t, db.Register(t.Context(), experiments.Registration{Definition: experiments.MustNew(d).JSON(), Namespace: "ns"}))
		f, err := s.Analyze(t.Context(), started)
		require.NoError(t, err)
		return f.Decision
	}
	require.Equal(t, experiments.Continue, finds(func(*experiments.Definition) {}).Verdict)
	require.Equal(t, experiments.Continue, finds(func(d *experiments.Definition) { d.Primary.Name = "read" }).Verdict)
	void := finds(func(d *experiments.Definition) { d.Holdout = experiments.Holdout{Name: "h", Share: 0.1} })
	require.Equal(t, experiments.Invalid, void.Verdict)
	require.Contains(t, void.Reason, "contradict each other in holdout")
}

// BenchmarkDefine is what an assignment pays for a definition that was offered before.
func BenchmarkDefine(b *testing.B) {
	r := &Recorder{}
	r.Began("worker", nil)
	defer r.Ended("worker")
	r.queue.add(&link{namespace: "ns", start: (&desk{}).start})
	x := defined("1", "accepted")
	for _, c := range []struct {
		name string
		of   func() Assigner
	}{
		{"one experiment", func() Assigner { return x }},
		{"made for each run", func() Assigner { return defined("1", "accepted") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				r.Define(context.Background(), c.of(), "ns")
			}
		})
	}
}
