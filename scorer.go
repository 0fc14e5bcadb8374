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

// Wait is what a declared scorer waits for, and what that means.
type Wait = workflows.Wait

// NewOutcomeScorer returns a declared scorer. It says as data what it waits for, so the store decides, and nothing of yours
// runs while it waits:
//
//	var PRAccepted = verdict.NewOutcomeScorer("pr_accepted", "1", func(pr PullRequest) verdict.Wait {
//		return verdict.Wait{
//			For:    verdict.AnyOf(verdict.On("pr.merged", pr.Key).Means(true), verdict.On("pr.closed", pr.Key).Means(false)),
//			Window: verdict.Within(14 * 24 * time.Hour),
//			End:    verdict.ExpiresFalse,
//		}
//	})
//
// The function is called in workflow code, where the scorer is deferred, and must be deterministic. The score has the scorer's
// name. A scorer that waits several times, asks judges or runs code is a [NewScorer]. One of these may turn into a declared
// scorer of the same name and version: runs that have started it keep their workflow, which decides by the same rule. Past the
// first eight calls of a run that is a versioned change of yours.
func NewOutcomeScorer[In any](name, version string, wait func(In) Wait) *Scorer[In] {
	return workflows.NewOutcomeScorer(name, version, wait)
}

// Deferred names a scorer that was started: the workflow id and run id of its execution, for [Client.CancelScorer] and
// [Client.ScorerResult]. A declared scorer has an identity instead, and no RunID. Started tells whether it was started, and
// Err why not.
type Deferred = workflows.Deferred

// Defer starts a scorer that outlives the run, and returns once the server has acknowledged it. The scorer keeps
// running, however the run ends. Its scores are about the run that called Defer. It waits, so register update handlers
// before it.
//
// A declared scorer ([NewOutcomeScorer]) costs three events and no workflow task. It is kept before Defer returns if the
// store or Temporal answers in time, and by the run's next flush otherwise. A flush names everything that the run waits for;
// anything else is withdrawn, so a workflow task that is tried again leaves nothing. Its score is in no search attribute. A shadow's
// is not applicable at once.
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

// DeferOption is an option of [Defer] and [DeferAll]: [OnStep], [OnClose], [OnSuccess], [OnFailure], [StartAt] and [AtEnd].
type DeferOption interface{ deferral(*workflows.DeferOptions) }

type startOption workflows.Start

func (o startOption) deferral(d *workflows.DeferOptions) { d.Start = workflows.Start(o) }

// OnClose begins the scorer's function, or the window of a declared scorer, when the run's chain has closed, however.
func OnClose() DeferOption { return startOption{Mode: workflows.StartOnClose} }

// OnSuccess begins it when the chain has completed. Otherwise the score is not applicable.
func OnSuccess() DeferOption { return startOption{Mode: workflows.StartOnSuccess} }

// OnFailure begins it when the chain has failed or timed out. Otherwise the score is not applicable.
func OnFailure() DeferOption { return startOption{Mode: workflows.StartOnFailure} }

// StartAt begins it at a time. The window of a declared scorer begins then.
func StartAt(t time.Time) DeferOption { return startOption{Mode: workflows.StartAtTime, At: t} }

type atEnd struct{}

func (atEnd) deferral(d *workflows.DeferOptions) { d.AtEnd = true }

// AtEnd lets a declared scorer go with the run's next flush alone: Defer adds no event to the history, and like a score it is
// lost if the run is terminated before. Any other scorer refuses it.
func AtEnd() DeferOption { return atEnd{} }

func deferOptions(opts []DeferOption) (o workflows.DeferOptions) {
	for _, opt := range opts {
		opt.deferral(&o)
	}
	return o
}
