package verdicttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// Scorer runs one deferred scorer, as if a run had deferred it. The SDK's environment in it takes mocks of the activities and
// judges that the scorer calls.
type Scorer struct {
	*testsuite.TestWorkflowEnvironment
	t     testing.TB
	kept  *memory
	name  string
	input any
	run   workflows.Envelope
	n     int // outcomes delivered
	over  bool

	declared *Env // of a run that defers it, if it is declared
	defers   func(workflow.Context) error
}

// NewScorer returns a test of a scorer with an input. Its run began, and deferred it, when the test does. Of a declared scorer the
// run is played too, and the environment is the run's.
func NewScorer[In any](t testing.TB, s *verdict.Scorer[In], in In) *Scorer {
	t.Helper()
	require.NoError(t, s.Check())
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	x := &Scorer{t: t, kept: newMemory(), name: s.Name(), input: in, run: workflows.Envelope{
		Scorer: s.Name(), Version: s.Version(), Run: scoring.Run{Namespace: "default-test-namespace", WorkflowID: "run", RunID: "default-test-run"},
		OriginalRunID: "default-test-run", FirstRunID: "default-test-run", RunStartedAt: start, TaskQueue: activities.TestTaskQueue,
	}}
	if workflows.Declared(s) {
		x.declared = New(t, verdict.Config{})
		x.kept, x.TestWorkflowEnvironment = x.declared.kept, x.declared.TestWorkflowEnvironment
		x.defers = func(ctx workflow.Context) error { return verdict.Defer(ctx, s, in).Err() }
		x.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: x.run.Run.WorkflowID})
		x.run.Run.RunID = "default-test-run-id" // the SDK's
	} else {
		x.TestWorkflowEnvironment = environment(worker.Options{})
		s.Register(x.TestWorkflowEnvironment)
		x.kept.register(x.TestWorkflowEnvironment)
	}
	x.SetStartTime(start)
	return x
}

// Run is the run that the scorer is about.
func (x *Scorer) Run() verdict.Run {
	return verdict.Run{WorkflowID: x.run.Run.WorkflowID, RunID: x.run.Run.RunID}
}

// Deliver lets an outcome happen and arrive some time after the start of the run; at 0 or less it is there when the scorer
// begins. An ID and times that are left out are filled in.
func (x *Scorer) Deliver(after time.Duration, o verdict.Outcome) {
	x.t.Helper()
	require.False(x.t, x.over, "the scorer has run")
	if x.declared != nil {
		x.declared.Deliver(after, o)
		return
	}
	x.n++
	if o.ID == "" {
		o.ID = fmt.Sprint("outcome-", x.n)
	}
	if o.ReceivedAt.IsZero() {
		o.ReceivedAt = x.run.RunStartedAt.Add(after)
	}
	if o.ObservedAt.IsZero() {
		o.ObservedAt = o.ReceivedAt
	}
	require.NoError(x.t, o.Validate())
	if after <= 0 {
		x.kept.outcomes = append(x.kept.outcomes, o)
		return
	}
	x.RegisterDelayedCallback(func() { x.SignalWorkflow(activities.OutcomeSignal, o) }, after)
}

// CloseRun lets the run close some time after its start, as a scorer that calls AwaitRun sees it. ClosedAt is filled in.
func (x *Scorer) CloseRun(after time.Duration, closed verdict.ClosedRun) {
	closed.ClosedAt = x.run.RunStartedAt.Add(after)
	require.Nil(x.t, x.declared, "a declared scorer does not see how the run closes")
	x.OnActivity(activities.FollowRunName, mock.Anything).After(after).Return(closed, nil)
}

// Scores runs the scorer to its end, if it has not run yet, and returns what it has settled last.
func (x *Scorer) Scores() []scoring.Record {
	x.t.Helper()
	if !x.over {
		x.over = true
		if x.declared != nil {
			x.ExecuteWorkflow(x.defers)
		} else {
			x.ExecuteWorkflow(workflows.ScorerPrefix+x.name, x.run, x.input)
		}
		require.True(x.t, x.IsWorkflowCompleted(), "the scorer has not ended")
		require.NoError(x.t, x.GetWorkflowError())
	}
	if x.declared != nil {
		return x.declared.Scores()
	}
	return x.kept.scores()
}

// RequireScore runs the scorer, if it has not run yet, and fails the test unless its score under a name has the value: a boolean,
// a number, or a [scoring.State] for a score that has none.
func (x *Scorer) RequireScore(name string, value any) {
	x.t.Helper()
	requireScore(x.t, x.Scores(), name, value)
}
