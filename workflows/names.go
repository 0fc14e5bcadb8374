package workflows

// Names on the wire. They are in histories and visibility, so they never change and hold no key and no personal data.
const (
	// ScorerPrefix begins the workflow type of a deferred scorer; its name follows.
	ScorerPrefix = "verdict.scorer."

	// ScoresQuery answers with the run's buffer, for an open or a closed run. An answer holds a megabyte and a half: with the
	// number of scores that one has already it answers with the next ones.
	ScoresQuery = "verdict.scores"

	// HeaderKey is the header that carries assignments.
	HeaderKey = "verdict-assignments"
	// ShadowHeaderKey is the header that makes a run a shadow.
	ShadowHeaderKey = "verdict-shadow"

	// RunAttribute is the KeywordList search attribute of a run, ScorerAttribute the one of a scorer.
	RunAttribute    = "VerdictScores"
	ScorerAttribute = "VerdictScorer"
)

// Change ids of GetVersion that a run has once. The ids of its calls are made in change.go.
const (
	endChange         = "verdict/end"
	beginShadowChange = "verdict/shadow"
	giveWayChange     = "verdict/again"
	sizeChange        = "verdict/size"   // only where something is too large for the server
	settleChange      = "verdict/settle" // in a scorer, and only where its scores are too many for one activity
	repeatChange      = "verdict/repeat" // in a delivery, and only where its outcome was delivered again meanwhile
	judgeChange       = "verdict/judge"
	lateChange        = "verdict/late" // only where a coroutine outlived the workflow function
)

// Versions of the end's shape.
const (
	endByActivity               = 1 // one local activity
	endByActivityAndAttribute   = 2 // one upsert of search attributes, then the local activity
	endBySideEffect             = 3 // one side effect
	endBySideEffectAndAttribute = 4 // one upsert of search attributes, then the side effect
)

// Versions of a flush's shape.
const (
	flushByActivity   = 1 // one local activity
	flushBySideEffect = 2 // one side effect
)

// repeatCounted is the version of a delivery that counts repetitions.
const repeatCounted = 1

// Versions of an experiment's shape.
const (
	assignedByActivity   = 1 // one local activity
	experimentRetired    = 2 // nothing
	assignedBySideEffect = 3 // one side effect
)

// Versions of the first commands of a shadow.
const (
	shadowByActivity   = 1 // one local activity
	shadowBySideEffect = 2 // one side effect
)

// Versions of a call that defers scorers, or that starts a shadow.
const (
	launched          = 1 // a child, or children
	waitsByActivity   = 2 // declared scorers: one local activity
	waitsBySideEffect = 3 // declared scorers: one side effect
)

// judgedByActivity is the version of a run that asks judges.
const judgedByActivity = 1

// lateRefused is the version of a run that refuses commands after its workflow function has returned.
const lateRefused = 1
