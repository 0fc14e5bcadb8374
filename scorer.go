package verdict

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// Scorer is a deferred scorer: a workflow function with a name and a version, made by [NewScorer].
type Scorer[In any] = workflows.Scorer[In]

// ScorerDefinition is a [Scorer] of any input, for [Config.Scorers].
type ScorerDefinition = workflows.ScorerDefinition

// NewScorer returns a deferred scorer: a plain workflow function that turns what happened after a run into a score. It
// may wait for outcomes ([Await]) or the run's close ([AwaitRun]), sleep, and run activities and judges. Its name is on
// the wire and the default name of its score; name and version are part of its scores' identity, so that two versions
// never mix.
//
// The function returns one score or several. No score and [scoring.Decline] are not applicable; an error becomes a
// score in state error, which is visible and never a number. If In has a method Validate() error, it is called where
// the scorer is deferred and where it runs.
func NewScorer[In any, Out scoring.Score | []scoring.Score](name, version string, score func(workflow.Context, In) (Out, error)) *Scorer[In] {
	return workflows.NewScorer(name, version, score)
}

// Deferred names a scorer that was started: the workflow id and run id of its execution, for [Client.CancelScorer] and
// [Client.ScorerResult]. Started tells whether it was started, and Err why not.
type Deferred = workflows.Deferred

// Defer starts a scorer that outlives the run, and returns once the server has acknowledged it. The scorer keeps
// running, however the run ends. Its scores are about the run that called Defer. It waits, so register update handlers
// before it.
//
// A refusal fails nothing: an input that its own Validate refuses, and scorers beyond [workflows.MaxDeferred] in a run,
// become a score in state error under the scorer's name, and [Deferred.Err] has the reason. A run that was open when
// the call was added to its code, and a worker without the plugin, start nothing and return an empty Deferred.
func Defer[In any](ctx workflow.Context, s *Scorer[In], in In, opts ...DeferOption) Deferred {
	return workflows.DeferScorer(ctx, s, in, deferOptions(opts))
}

// DeferAll is [Defer] for each of ins, with one change id: for many scorers of one kind in a run. The first eight calls
// of Defer in a run, and the first eight of DeferAll, can be added to running code; later ones are versioned changes.
// One input that is refused, and more than [workflows.MaxDeferred] scorers in the run, start none.
func DeferAll[In any](ctx workflow.Context, s *Scorer[In], ins []In, opts ...DeferOption) []Deferred {
	return workflows.DeferScorers(ctx, s, ins, deferOptions(opts))
}

// DeferOption is an option of [Defer] and [DeferAll]: [OnStep], [OnClose], [OnSuccess], [OnFailure] and [StartAt].
type DeferOption interface{ deferral(*workflows.DeferOptions) }

type startOption workflows.Start

func (o startOption) deferral(d *workflows.DeferOptions) { d.Start = workflows.Start(o) }

// OnClose begins the scorer's function when the run's chain has closed, however.
func OnClose() DeferOption { return startOption{Mode: workflows.StartOnClose} }

// OnSuccess begins it when the chain has completed. Otherwise the score is not applicable.
func OnSuccess() DeferOption { return startOption{Mode: workflows.StartOnSuccess} }

// OnFailure begins it when the chain has failed or timed out. Otherwise the score is not applicable.
func OnFailure() DeferOption { return startOption{Mode: workflows.StartOnFailure} }

// StartAt begins it at a time.
func StartAt(t time.Time) DeferOption { return startOption{Mode: workflows.StartAtTime, At: t} }

func deferOptions(opts []DeferOption) (o workflows.DeferOptions) {
	for _, opt := range opts {
		opt.deferral(&o)
	}
	return o
}
