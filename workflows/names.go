package workflows

// Names on the wire. They are in histories and visibility, so they never change and hold no key and no personal data.
const (
	// ScorerPrefix begins the workflow type of a deferred scorer; its name follows.
	ScorerPrefix = "verdict.scorer."

	// ScoresQuery answers with the run's buffer, for an open or a closed run. An answer holds a megabyte and a half: with the
	// number of scores that one has already it answers with the next ones.
	ScoresQuery = "verdict.scores"

	// HeaderKey is the header in which assignments travel.
	HeaderKey = "verdict-assignments"
	// ShadowHeaderKey is the header that makes a run a shadow.
	ShadowHeaderKey = "verdict-shadow"

	// RunAttribute is the KeywordList search attribute of a run, ScorerAttribute that of a scorer.
	RunAttribute    = "VerdictScores"
	ScorerAttribute = "VerdictScorer"
)

// Change ids of GetVersion. The end's is used nowhere else.
const (
	endChange        = "verdict/end"
	flushChange      = "verdict/flush/"
	experimentChange = "verdict/experiment/"
	deferChange      = "verdict/defer/"
	settleChange     = "verdict/settle" // in a scorer, and only where its scores are too many for one activity
	shadowChange     = "verdict/shadow" // of the shadow itself; the experiment and variant follow where it is started
)

// Versions of the end's shape.
const (
	endFlush             = 1 // one local activity
	endFlushAndAttribute = 2 // one upsert of search attributes, then the local activity
)

// Versions of an experiment's shape.
const (
	experimentAssigned = 1 // one local activity
	experimentRetired  = 2 // nothing
)
