// Package store is where scores, assignments, expectations and outcomes are kept. The interface has one implementation
// a folder (sqlite, postgres) and one conformance suite for all of them (storetest).
//
// The store correlates, Temporal carries: whether an outcome meets a waiting scorer is decided here, inside one
// transaction on each side, and never by who happened to run first.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Errors that implementations return, possibly wrapped.
var (
	// ErrNotFound: there is no such run, key, expectation or outcome.
	ErrNotFound = errors.New("verdict: not found")
	// ErrAmbiguous: a key names more than one run.
	ErrAmbiguous = errors.New("verdict: ambiguous")
	// ErrConflict: the idempotency key was used for another value.
	ErrConflict = errors.New("verdict: conflict")
)

// TakenError reports that outcomes that a scorer has seen now count for another one: by attribution, a run that started
// later (or earlier) has a better claim to them. The scorer decides again without them.
type TakenError struct {
	OutcomeIDs []string
	// Marks are the marks of taken outcomes for which the scorer gave only their marks.
	Marks []string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("verdict: %d outcomes count for another scorer now", len(e.OutcomeIDs)+len(e.Marks))
}

// ForgottenError reports that the store does not know some waits of a scorer: they were made in another store. The
// scorer expects again, and then settles.
type ForgottenError struct {
	Waits []int // their numbers
}

func (e *ForgottenError) Error() string {
	return fmt.Sprintf("verdict: the store does not know %d waits of the scorer", len(e.Waits))
}

// Store keeps everything append-only: a change is a revision, and the history is kept. Every method validates its
// input with the scoring package and changes nothing when it refuses; every write is one transaction and idempotent,
// so that a retried activity may repeat it. Implementations are safe for concurrent use, by several processes where
// the database is. Times are kept with microsecond precision, in UTC.
type Store interface {
	Recorder
	Correlator
	Follower
	Keeper
	Pruner
	Sealer
	Folder
	Reader
	Pager
	Counter

	// Ping reports whether the database answers and has the schema that this code needs.
	Ping(ctx context.Context) error
	// TryWrite writes a row and waits until it is committed. It fails if the store cannot take outcomes and scores.
	TryWrite(ctx context.Context) error
	// Close releases the database. Calls after it fail.
	Close() error
}

// Recorder is the writing of scores, assignments and definitions.
type Recorder interface {
	// Record appends records. The latest statement holds, from any source and in any order of arrival: scoring.Holding has
	// the rules, for all readers. A record that repeats the revision that holds adds no revision; any other record adds
	// one, as history if it does not hold. A record that its source has made before, with the same time, changes nothing,
	// whether it holds now or not: a repeated call undoes no correction. All or none of the records are written. A record
	// about a superseded run is kept: as superseded or, if a scorer made it, as a record about the run that holds.
	Record(ctx context.Context, records []scoring.Record) error

	// RecordRuns is Record together with what the histories of closed runs say of them, in one transaction. The facts fill in what the store
	// does not know: a run that has said how it ended keeps that, and a flush that comes later changes neither its end nor its
	// build. Sessions, keys, attributes and assignments of the facts are left out: only a run itself has them. A fact without a status
	// is refused.
	RecordRuns(ctx context.Context, facts []scoring.RunFacts, records []scoring.Record) error

	// Flush replaces the complete set of scores that a run's own code has made (the records with Source FromWorkflow),
	// keeps the run's facts, and declares its keys. An identity that the set no longer names gets a retracted revision;
	// records of other sources stay. Flushes may arrive in any order: the last one by Sequence, At and Ordinal is kept,
	// and an older one is history. Of two in the same place, the one that says how the run ended is the later one. A set
	// may come in parts, in any order: a flush with the facts lists the scores that are Elsewhere, and flushes that are
	// Partial carry these. When another run has the same OriginalRunID, workflow id and namespace, and this one started
	// later, the other is superseded with its scores and assignments; scores of scorers about it, past and future, move to
	// this one.
	//
	// The declared expectations that a flush names are made if the store does not know them. An expectation that the last
	// complete flush of a run does not name is withdrawn, with its score, and so are the expectations of the runs that it was
	// reset from.
	//
	// The store decides which run started last whenever it learns something about one of them, from a flush or elsewhere:
	// the run whose id is the OriginalRunID started first, then the start times decide, then the order of arrival.
	Flush(ctx context.Context, f scoring.Flush) error

	// Assign keeps an assignment unless there is one for its (experiment, version, namespace, workflow id, first run id),
	// and returns the kept one, which the caller must use. Without a first run id the run counts as the first of its
	// chain. An assignment is superseded when its run was reset away and no run continues its chain: a run that was reset
	// to after the assignment has replayed it, and is the unit now.
	Assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error)

	// Register keeps a definition that a worker assigns by, with who registered it first and when. Registering the same again
	// changes nothing; nothing replaces a definition, and nothing deletes one. It refuses a text that is no definition, but no field and no
	// value of a later release: see experiments.Registration.
	Register(ctx context.Context, r experiments.Registration) error
}

// Correlator brings outcomes and waiting scorers together. Expect and Receive each commit their argument before they
// look for the other side, under a lock on every (event name, key) that they touch: whichever comes second sees the
// first.
//
// Where a source ignores the case of letters in its keys, events whose keys differ in that alone are one (scoring.Event.Same). What
// Expect and Settle return has the key as the expectation writes it.
type Correlator interface {
	// Expect keeps an expectation, together with a pending score about its run (name: the scorer, key: scorer@version),
	// and then returns every outcome that already meets it, in the order of scoring.Outcome.Before. Expecting the same
	// (scorer run's workflow id, wait) again returns the outcomes that meet it now and changes nothing. A pending score
	// never replaces a current score.
	//
	// An outcome meets an expectation when it is one of its Events and falls into its window or grace. With attribution
	// last or first, it meets only one of the expectations with the scorer's name, settled ones included: the one whose
	// run started last (not after the outcome) or first. The order of arrival does not matter: an outcome that an older,
	// open expectation had met moves to the new one, and the older one may settle without it. An outcome that a scorer has
	// settled on stays. A scorer that got an outcome before it moved, and has not settled, gets no signal that it moved.
	//
	// Of a declared expectation, which has a rule and no scorer of its own, the store decides the score. Expect returns
	// nothing of a new one, and the outcomes that have met one that is there. The score is a function of the expectations of
	// its events, the outcomes and the time, in any order of their arrival. The expectation is identified by
	// scoring.Expectation.Identity. One that was made before its run's last flush, and that this flush does not name, changes
	// nothing.
	Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error)

	// An outcome with a Namespace counts for runs of the namespaces that have received it.
	//
	// Receive keeps an outcome, decides the declared expectations that it meets, and then returns the other open expectations
	// that it meets; the caller signals the scorer of each. An outcome whose ID is known is a duplicate: its row stays the
	// same, the delivery is counted, and Receive returns the expectations that it met and that are still open again, so that an
	// interrupted delivery can be finished.
	Receive(ctx context.Context, o scoring.Outcome) (Receipt, error)

	// CountDelivery counts a repeated delivery of a kept outcome, whose contents may differ from the first, and changes
	// nothing else. known is false if the store has no outcome of that id (yet).
	CountDelivery(ctx context.Context, outcomeID string) (known bool, err error)

	// MatchMissed matches outcomes that a worker of an earlier release, which knew neither declared scorers nor that a key may be
	// spelled in several ways, has received next to workers of this one: it decides for declared scorers, and marks outcomes as untold
	// whose other scorers were not found. after is the result of an earlier call. One that began less than a few seconds ago may
	// have seen later outcomes before earlier ones. 0 looks at the outcomes of the last seven days.
	MatchMissed(ctx context.Context, after int64) (next int64, err error)

	// Settle closes every expectation of a scorer run and writes its scores in one transaction, unless an outcome meets
	// one of them that is not in Seen, or one in Seen has gone to another scorer by attribution, or a wait in Expected is not
	// known: then it changes nothing and returns the unseen ones, a TakenError with the others, or a ForgottenError. Settling again with the same
	// scores changes nothing; with other scores (a late outcome within the grace) they become revisions. The pending score
	// becomes the score of its own name and key, or is retracted if the scorer made none.
	//
	// An outcome in the grace counts like one in the window, whether the scorer has settled before or not: the scorer gets
	// it, and a settlement that has not seen it is refused. An expectation without a grace is closed once it is settled,
	// one with a grace when the outcome is received after its end; for a closed expectation an outcome is late, and the
	// scorer does not get it.
	Settle(ctx context.Context, s Settlement) (unseen []scoring.Outcome, err error)

	// ReceiveUntold is Receive for a caller that does not signal the waiting scorers: if there are any, the store marks the
	// outcome as untold until ToldOf clears the mark.
	ReceiveUntold(ctx context.Context, o scoring.Outcome) (Receipt, error)
	// Untold returns outcomes received in a namespace whose scorers have not been signaled, oldest first, each with the
	// expectations that still wait for it.
	Untold(ctx context.Context, namespace string, atMost int) ([]Receipt, error)
	// ToldOf records that the scorers that wait for an outcome have been signaled.
	ToldOf(ctx context.Context, outcomeID string) error

	// CloseDue writes what time alone has decided of declared expectations: windows that have ended, outcomes that nothing
	// can take back any more. Readers derive that by themselves; CloseDue makes it rows, and may run anywhere, at any time,
	// in several processes at once. It returns how many expectations it decided.
	CloseDue(ctx context.Context) (closed int, err error)

	// Reject keeps a delivery that was refused, with the reason, for the ledger.
	Reject(ctx context.Context, r Rejection) error
}

// Receipt is what became of a received outcome.
type Receipt struct {
	// Outcome is the kept outcome: for a duplicate, the first delivery's. Scorers must get this one, so that they see the
	// same as the store, each in the spelling of scoring.Expectation.Told.
	Outcome   scoring.Outcome       `json:"outcome"`
	Duplicate bool                  `json:"duplicate"`
	Waiting   []scoring.Expectation `json:"waiting,omitempty"`
}

// Settlement is how a scorer closes.
type Settlement struct {
	// ScorerRun is the scorer's own execution.
	ScorerRun scoring.Run `json:"scorer_run"`
	// Seen are the ids of all the outcomes that the scorer has taken into account, SeenMarks the marks
	// ([scoring.Outcome.Mark]) of those whose ids are too many to travel.
	Seen      []string `json:"seen,omitempty"`
	SeenMarks []string `json:"seen_marks,omitempty"`
	// Expected are the numbers of the waits that it has made. Nil: it does not say.
	Expected []int `json:"expected"`
	// Records are its scores, all with Source FromScorer. They may be of any state but pending.
	Records []scoring.Record `json:"records"`
	At      time.Time        `json:"at"`
}

// Rejection is a refused delivery.
type Rejection struct {
	Source     string    `json:"source"`
	DeliveryID string    `json:"delivery_id,omitempty"`
	Reason     string    `json:"reason"`
	At         time.Time `json:"at"`
	// Count is how many deliveries this stands for, where there are too many to list. 0 means one.
	Count int `json:"count,omitempty"`
}

// Reader answers questions. Results are in the order of recording unless said otherwise.
type Reader interface {
	// Scores returns current revisions (or, with Filter.History, all of them), each with every time at which it was said.
	// scoring.Holding returns the revision that held at the end of a window, from the whole history of an identity.
	Scores(ctx context.Context, f Filter) ([]scoring.Record, error)
	// Assignments returns the assignments of an experiment in the order of their making, with superseded ones marked. An
	// empty version means all versions.
	Assignments(ctx context.Context, experiment, version string) ([]scoring.Assignment, error)
	// ExperimentRows returns all rows that the units of an experiment are read from, superseded ones included, with the times
	// at which the store learned of them and the positions and times of seals.
	ExperimentRows(ctx context.Context, key ExperimentKey) (experiments.Rows, error)
	// Registrations returns the definitions of a version that workers have registered, the first one first. They may contradict
	// each other: see experiments.Contradict.
	Registrations(ctx context.Context, experiment, version string) ([]experiments.Registration, error)
	// Experiments returns the (experiment, version) pairs that have assignments, ordered by name and first counted assignment.
	Experiments(ctx context.Context) ([]ExperimentKey, error)
	// Runs returns the known facts about runs, whether they have flushed or not.
	Runs(ctx context.Context, f RunFilter) ([]scoring.RunFacts, error)
	// RunOfKey returns the run that declared a key. ErrNotFound if none has, ErrAmbiguous if several unsuperseded runs of
	// different chains have; of one chain the newest is returned.
	RunOfKey(ctx context.Context, key string) (scoring.Run, error)
	// Ledger returns the received outcomes, each with its state, newest first.
	Ledger(ctx context.Context, f LedgerFilter) ([]Entry, error)
	// Waiting returns the open expectations made before the given time, oldest first.
	Waiting(ctx context.Context, before time.Time) ([]scoring.Expectation, error)
}

// ExperimentKey names a version of an experiment.
type ExperimentKey struct {
	Experiment string `json:"experiment"`
	Version    string `json:"version"`
}

// Filter selects scores. The zero Filter selects all scores that are neither retracted nor superseded.
type Filter struct {
	Run        scoring.Run // WorkflowID and RunID, or WorkflowID alone; empty: any
	Name       string
	Session    scoring.Session // scores, or scores of runs, that belong to the session
	Experiment string          // scores of runs assigned in the experiment (and, if set, Version), by run chain
	Version    string
	States     []scoring.State // empty: any
	// Since and Until select what the store has learned of since a time and before another, by its own clock where it has kept
	// that; a score that time alone has decided, since it did.
	Since, Until time.Time
	// History includes every revision; Retracted and Superseded include those.
	History, Retracted, Superseded bool
	Limit                          int // 0: no limit
}

// RunFilter selects runs.
type RunFilter struct {
	Run        scoring.Run
	Session    scoring.Session
	Experiment string // runs of chains assigned in the experiment
	// Since and Until select runs that the store has learned of since a time and before another, by its own clock where it has kept that.
	Since, Until time.Time
	Unflushed    bool // only runs known from an assignment, a step score of their own or an expectation, that never flushed
	Flushed      bool // only runs that have flushed
	// WorkflowIDs, if any, selects runs of these.
	WorkflowIDs []string
	Superseded  bool // also runs that were reset away
	Newest      bool // the newest first, instead of the order of arrival
	Limit       int
}

// OutcomeState is what became of an outcome so far.
type OutcomeState string

// The states of an outcome.
const (
	Matched   OutcomeState = "matched"   // met an expectation in its window or grace
	Late      OutcomeState = "late"      // came after the window and grace of all, or after their scorers had closed
	Unclaimed OutcomeState = "unclaimed" // no scorer waits for it (yet)
	Rejected  OutcomeState = "rejected"  // refused; Reason says why
	Held      OutcomeState = "held"      // no outcome: a score about a key that no run has declared yet
)

// Valid tells whether s is one of the states above.
func (s OutcomeState) Valid() bool {
	switch s {
	case Matched, Late, Unclaimed, Rejected, Held:
		return true
	}
	return false
}

// Entry is one line of the ledger: an outcome, a refused delivery, or a score that is held: then Outcome has its name and value, and the
// key that it waits for.
type Entry struct {
	Outcome    scoring.Outcome `json:"outcome"`
	State      OutcomeState    `json:"state"`
	Deliveries int             `json:"deliveries"`       // how often it was delivered; more than 1 means duplicates
	Scorers    []string        `json:"scorers"`          // workflow ids of the scorers it met, or was late for
	Reason     string          `json:"reason,omitempty"` // of a rejection
}

// LedgerFilter selects entries.
type LedgerFilter struct {
	State OutcomeState // empty: any
	// Name and Key keep to outcomes, and held scores, of a name and of a key as it was written. Together they cost the same of many
	// outcomes as of few.
	Name, Key string
	// Since and Until keep to the entries that were received since a time and before another.
	Since, Until time.Time
	Limit        int
}

// Selects tells whether an entry has the filter's name and key.
func (f LedgerFilter) Selects(e Entry) bool {
	return (f.Name == "" || e.Outcome.Name == f.Name) && (f.Key == "" || e.Outcome.Key == f.Key)
}
