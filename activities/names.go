package activities

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

	// OutcomeSignal carries a scoring.Outcome to a waiting scorer.
	OutcomeSignal = "verdict.outcome"
	// RepeatSignal tells the workflow of an outcome's first delivery that it was delivered again.
	RepeatSignal = "verdict.repeat"
)

// Stable application error types.
const (
	ErrorTypeNotFound  = "verdict.NotFound"
	ErrorTypeStopping  = "verdict.Stopping" // of an activity that another worker goes on with
	ErrorTypeAmbiguous = "verdict.Ambiguous"
)
