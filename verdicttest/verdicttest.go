// Package verdicttest lets a test in the SDK's test environment see what a run scores, which variants it is assigned and which
// scorers it defers, and runs a scorer over weeks in milliseconds. Time is skipped, no server and no store is needed, and every
// call that Verdict refuses fails the test.
//
//	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{Returned}})
//	env.Force(Retriever, "vectors")
//	env.ExecuteWorkflow(Ship, order)
//	env.RequireScore("packed", true)
//	env.RequireDeferred("returned", order)
//
//	s := verdicttest.NewScorer(t, Returned, order)
//	s.Deliver(13*24*time.Hour, verdict.Outcome{Name: "parcel.returned", Key: order.ID})
//	s.RequireScore("returned", true)
package verdicttest

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// Env is a test environment of the SDK with the plugin, which keeps scores and assignments in memory. Register activities, set mocks
// and call ExecuteWorkflow as in any other.
type Env struct {
	*testsuite.TestWorkflowEnvironment
	t        testing.TB
	kept     *memory
	scorers  []verdict.ScorerDefinition
	deferred []Deferred
}

// Deferred is a scorer that a run has started.
type Deferred struct {
	// Scorer is its name.
	Scorer string
	input  converter.EncodedValue
}

// Option changes a new [Env].
type Option func(*worker.Options)

// WithWorkerOptions gives the environment's worker options of its own. Its Plugins are kept, next to Verdict's.
func WithWorkerOptions(o worker.Options) Option {
	return func(to *worker.Options) {
		plugins := append(o.Plugins, to.Plugins...)
		*to = o
		to.Plugins = plugins
	}
}

// New returns an environment whose worker has the plugin with cfg. It records in memory, even if cfg has a Store, and refuses
// nothing in silence: a refusal fails the test.
func New(t testing.TB, cfg verdict.Config, opts ...Option) *Env {
	t.Helper()
	e := &Env{t: t, kept: newMemory(), scorers: cfg.Scorers}
	cfg.Store = e.kept
	cfg.Refused = func(err error) { t.Errorf("Verdict refused a call: %v", err) }
	o := worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}}
	for _, opt := range opts {
		opt(&o)
	}
	e.TestWorkflowEnvironment = environment(o)
	e.kept.register(e.TestWorkflowEnvironment)
	e.SetOnChildWorkflowStartedListener(e.started)
	return e
}

// logger leaves out the SDK's debug lines, and stdout to examples that have an output.
var logger = log.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil)))

func environment(o worker.Options) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(logger)
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the default of three seconds is short on a busy machine
	if o.DeadlockDetectionTimeout == 0 {
		o.DeadlockDetectionTimeout = 20 * time.Second
	}
	env.SetWorkerOptions(o)
	return env
}

// started takes note of the scorers among the children that start.
func (e *Env) started(info *workflow.Info, _ workflow.Context, args converter.EncodedValues) {
	var env workflows.Envelope
	var input converter.RawValue
	if len(info.WorkflowType.Name) <= len(workflows.ScorerPrefix) || args.Get(&env, &input) != nil || env.Scorer == "" {
		return
	}
	e.deferred = append(e.deferred, Deferred{Scorer: env.Scorer, input: raw{input}})
}

// raw decodes one payload.
type raw struct{ value converter.RawValue }

func (r raw) HasValue() bool { return r.value.Payload() != nil }

func (r raw) Get(to any) error {
	return converter.GetDefaultDataConverter().FromPayload(r.value.Payload(), to)
}

// Force serves a variant of an experiment to the run, out of the statistics.
func (e *Env) Force(exp *experiments.Experiment, variant string) {
	e.t.Helper()
	d := exp.Definition()
	split, err := exp.At(experiments.Epoch{})
	require.NoError(e.t, err)
	_, err = split.Force(variant)
	require.NoError(e.t, err)
	e.kept.force(d.Name, d.Version, variant)
}

// Scores returns what the run, its children and its activities have recorded, in the order of their recording. Of what a run
// says again under the same name, step and key, the last is kept. The scores of declared scorers follow, as they are once every
// window has ended.
func (e *Env) Scores() []scoring.Record { return append(e.kept.scores(), e.kept.decided()...) }

// Assignments returns the assignments that were made.
func (e *Env) Assignments() []scoring.Assignment { return e.kept.assignments() }

// Deliver lets an outcome happen and arrive some time after the start of each run that waits for it with a declared scorer. An ID
// and times that are left out are filled in.
func (e *Env) Deliver(after time.Duration, o verdict.Outcome) {
	e.t.Helper()
	require.NoError(e.t, e.kept.deliver(after, o))
}

// Deferred returns the scorers that were started as workflows.
func (e *Env) Deferred() []Deferred { return e.deferred }

// RequireScore fails the test unless the score that was recorded last under a name has the value: a boolean, a number, or a
// [scoring.State] for a score that has none.
func (e *Env) RequireScore(name string, value any) {
	e.t.Helper()
	requireScore(e.t, e.Scores(), name, value)
}

// RequireNoScore fails the test if anything was recorded under a name.
func (e *Env) RequireNoScore(name string) {
	e.t.Helper()
	for _, r := range e.Scores() {
		require.NotEqual(e.t, name, r.Name, "it was recorded: %s", text(r.Score))
	}
}

// RequireAssigned fails the test unless the run was assigned a variant of an experiment.
func (e *Env) RequireAssigned(exp *experiments.Experiment, variant string) {
	e.t.Helper()
	for _, a := range e.Assignments() {
		if a.Experiment == exp.Definition().Name && a.Version == exp.Definition().Version {
			require.Equal(e.t, variant, a.Variant)
			return
		}
	}
	require.Fail(e.t, "the run was not assigned", "experiment %s@%s", exp.Definition().Name, exp.Definition().Version)
}

// RequireDeferred fails the test unless a scorer of that name was started with the input. A declared scorer must be among the
// Scorers of the environment's Config, and waits for what it waits for with the input.
func (e *Env) RequireDeferred(scorer string, input any) {
	e.t.Helper()
	for _, s := range e.scorers {
		if s.Name() != scorer {
			continue
		}
		rule, ok, err := workflows.RuleOf(s, input)
		if require.NoError(e.t, err); ok && e.kept.waitsBy(scorer, rule) {
			return
		}
	}
	want, err := converter.GetDefaultDataConverter().ToPayload(input)
	require.NoError(e.t, err)
	var inputs []string
	for _, d := range e.deferred {
		if d.Scorer != scorer {
			continue
		}
		got := string(d.input.(raw).value.Payload().GetData())
		if got == string(want.GetData()) {
			return
		}
		inputs = append(inputs, got)
	}
	require.Fail(e.t, "the scorer was not deferred with this input", "scorer %s, input %s; it was deferred with %q", scorer, want.GetData(), inputs)
}

func requireScore(t testing.TB, all []scoring.Record, name string, value any) {
	t.Helper()
	want, isState := value.(scoring.State)
	if !isState {
		v, err := scoring.ValueOf(value)
		require.NoError(t, err)
		want = scoring.State(v.String())
	}
	var names []string
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Name == name {
			require.Equal(t, string(want), text(all[i].Score), "%s: %s", name, all[i].Reason)
			return
		}
		names = append(names, all[i].Name)
	}
	require.Fail(t, "nothing was recorded under the name", "name %q, recorded are %q", name, names)
}

// text is a score's value, or its state where it has none.
func text(s scoring.Score) string {
	if text := s.ValueText(); text != "" {
		return text
	}
	return string(s.State)
}
