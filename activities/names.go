package activities

import "github.com/verdict-dev/verdict/internal/wire"

// Names on the wire. They are in histories, so they never change.
const (
	// DefaultTaskQueue is where the worker that opens the store polls.
	DefaultTaskQueue = "verdict"

	RecordName     = "verdict.Record"
	ExpectName     = "verdict.Expect"
	SettleName     = "verdict.Settle"
	ExpectMoreName = "verdict.ExpectMore"
	ReceiveName    = "verdict.Receive"
	CountName      = "verdict.CountDelivery"
	FollowRunName  = "verdict.FollowRun"
	RejectName     = "verdict.Reject"

	// RecordWorkflow and DeliverWorkflow are the workflow types that hand a batch or an outcome over to the store.
	RecordWorkflow  = "verdict.RecordWorkflow"
	DeliverWorkflow = "verdict.DeliverWorkflow"

	// WaitWorkflow and WaitName record a batch with declared scorers. They are new names, so that a worker that does not know
	// declared scorers refuses such a batch instead of losing a part of it.
	WaitWorkflow = "verdict.WaitWorkflow"
	WaitName     = "verdict.Wait"

	// BundleWorkflow and BundleName record several batches at once, on a task queue of their own: the suffix follows the name of the
	// worker's. The activity is started by the workflow or stands alone.
	BundleWorkflow = "verdict.BundleWorkflow"
	BundleName     = "verdict.Bundle"
	bundleSuffix   = "-bundles"
	// RepeatName counts a repeated delivery, on the same task queue.
	RepeatName = "verdict.Repeat"

	// BackfillWorkflow scores past runs. Its activities count runs, list them and score them.
	BackfillWorkflow = "verdict.BackfillWorkflow"
	CountRunsName    = "verdict.CountRuns"
	ListRunsName     = "verdict.ListRuns"
	ScoreRunsName    = "verdict.ScoreRuns"
	// WatchWorkflow follows a rule: it has runs scored as they close.
	WatchWorkflow = "verdict.WatchWorkflow"
	MatchRunsName = "verdict.MatchRuns"
	// ProgressQuery answers with the [Progress] of a backfill; PauseSignal pauses it and ResumeSignal ends the pause.
	ProgressQuery = "verdict.progress"
	PauseSignal   = "verdict.pause"
	ResumeSignal  = "verdict.resume"

	// OutcomeSignal carries a scoring.Outcome to a waiting scorer.
	OutcomeSignal = "verdict.outcome"
	// RepeatSignal tells the workflow of an outcome's first delivery about a repetition.
	RepeatSignal = "verdict.repeat"
)

// Stable application error types.
const (
	ErrorTypeNotFound  = "verdict.NotFound"
	ErrorTypeStopping  = "verdict.Stopping" // of an activity that another worker continues
	ErrorTypeAmbiguous = "verdict.Ambiguous"
	ErrorTypeNoRule    = "verdict.NoRule" // of a worker that does not have a rule
)

// Names on the wire of started experiments. They are in histories, so they never change.
const (
	// ExperimentWorkflow is the workflow type that holds an experiment, and AnalyzeName the activity that reads the store
	// for it.
	ExperimentWorkflow = "verdict.ExperimentWorkflow"
	AnalyzeName        = "verdict.Analyze"

	// ExperimentQuery answers with the [rollout.State] of an experiment.
	ExperimentQuery = "verdict.experiment"
	// ExperimentMemo is the memo field that has the [rollout.Served] of an experiment: the server alone can tell it, when no worker
	// of ours polls.
	ExperimentMemo = "verdict-experiment"
)

// ExperimentID returns the id of the workflow that holds a version of an experiment.
func ExperimentID(name, version string) string {
	return "verdict/experiment/" + wire.ID(name) + "@" + wire.ID(version)
}

func experimentKey(name, version string) string { return name + "@" + version }
