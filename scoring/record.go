package scoring

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Source is where a record came from.
type Source string

// The sources of a record.
const (
	FromWorkflow Source = "workflow" // Score in workflow code, flushed when the run ends
	FromActivity Source = "activity" // Score in an activity
	FromClient   Source = "client"   // a service, a webhook, a script, the command line
	FromScorer   Source = "scorer"   // a deferred scorer
)

// Record is a score in the store: with its subject, its source and its revision. Its identity is (namespace, workflow
// id, run id, step id, name, key), or of a session (session key, session id, name, key). Writing the same score under the same identity changes nothing; another one becomes
// the next revision, and the earlier ones are kept.
type Record struct {
	Score
	Run  Run  `json:"run"`
	Step Step `json:"step,omitzero"`
	// Session is what the score is about in place of a run: a whole session. There is no Run and no Step then. A session is one in all
	// namespaces, so the namespace of who said it is not kept.
	Session Session `json:"session,omitzero"`
	// OriginalRunID is the run id that a reset keeps; a run that was reset away is superseded by the later run with the
	// same OriginalRunID. Empty when the writer does not know it.
	OriginalRunID string `json:"original_run_id,omitempty"`
	Source        Source `json:"source"`
	// Scorer and ScorerVersion name the deferred scorer, if one wrote the record.
	Scorer        string `json:"scorer,omitempty"`
	ScorerVersion string `json:"scorer_version,omitempty"`
	// BuildID is the worker's build id: an inline score is a function of history and code.
	BuildID string `json:"build_id,omitempty"`
	// RecordedAt is when Verdict got the score. The store's caller sets it; for scores from a run's own code the store
	// sets it, from their flush.
	RecordedAt time.Time `json:"recorded_at,omitzero"`

	// The store sets these when it reads.

	// Revision counts from 1 within an identity.
	Revision int `json:"revision,omitempty"`
	// Said has every time at which the same was said, in the order of arrival, if there are several. Then Step.Attempt is
	// the newest of their attempts.
	Said []Said `json:"said,omitempty"`
	// Overtaken marks a statement of a run's code that arrived after a later statement of that code.
	Overtaken bool `json:"overtaken,omitempty"`
	// Retracted marks a current revision that says: the run's last complete set of scores no longer has this one.
	Retracted bool `json:"retracted,omitempty"`
	// Superseded marks a record of a run that was reset away. It is kept and leaves the statistics.
	Superseded bool `json:"superseded,omitempty"`
	// ArrivedAt is when the store learned of it, by its own clock, and SupersededAt when its run was reset away. Only reads
	// of an experiment's rows set them; zero times are not known.
	ArrivedAt    time.Time `json:"-"`
	SupersededAt time.Time `json:"-"`
}

// NewRecord returns the record of a score that a source says of a run or of one of its steps at a time. It is observed then
// unless the score says when. What an activity or a client says is recorded then too; of what a run's code and a scorer say
// the store knows when.
func NewRecord(s Score, by Source, run Run, step Step, at time.Time) Record {
	if s.ObservedAt.IsZero() {
		s.ObservedAt = at
	}
	r := Record{Score: s, Run: run, Step: step, Source: by}
	if by == FromActivity || by == FromClient {
		r.RecordedAt = at
	}
	return r
}

// Validate refuses a record with an invalid score or subject.
func (r Record) Validate() error {
	if err := r.checkSubject(); err != nil {
		return err
	}
	if err := CheckTime("recorded at", r.RecordedAt); err != nil {
		return err
	}
	switch r.Source {
	case FromWorkflow, FromActivity, FromClient, FromScorer:
	default:
		return Invalid("source", "%q is not a source", r.Source)
	}
	if r.State == Pending && r.Source != FromScorer {
		return Invalid("state", "only a scorer's score is pending")
	}
	return r.Score.Validate()
}

// OfSession tells whether the score is about a session.
func (r Record) OfSession() bool { return r.Session != Session{} }

func (r Record) checkSubject() error {
	if !r.OfSession() {
		if err := r.Run.Validate(); err != nil {
			return err
		}
		return r.Step.Validate()
	}
	switch {
	case r.Run.WorkflowID != "" || r.Run.RunID != "":
		return Invalid("session", "a score is about a session or about a run, not about both")
	case r.Step != Step{}:
		return Invalid("step", "a session has none")
	case r.Source == FromWorkflow || r.State == Pending:
		return Invalid("source", "the score of a session is said from outside of its runs")
	}
	return r.Session.Validate()
}

// RunFacts are the engine's facts about a run. They are kept because histories expire.
type RunFacts struct {
	Run Run `json:"run"`
	// FirstRunID is the first run of the retry or continue-as-new chain; OriginalRunID is the run id that a reset keeps.
	FirstRunID    string    `json:"first_run_id,omitempty"`
	OriginalRunID string    `json:"original_run_id,omitempty"`
	WorkflowType  string    `json:"workflow_type,omitempty"`
	TaskQueue     string    `json:"task_queue,omitempty"`
	Attempt       int32     `json:"attempt,omitempty"`
	StartedAt     time.Time `json:"started_at,omitzero"`
	// ClosedAt and Status are set by the last flush of a run, or by its history. A run that has neither ended without a flush or is
	// still open.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	Status   RunStatus `json:"status,omitempty"`
	// FailureType is the application error type of a failed run, FailingStep the activity type that it came from.
	FailureType string `json:"failure_type,omitempty"`
	FailingStep string `json:"failing_step,omitempty"`
	BuildID     string `json:"build_id,omitempty"`
	// FromHistory tells that the run's own history says how it ended, and not its flush: see store.Recorder.RecordRuns.
	FromHistory bool      `json:"from_history,omitempty"`
	Sessions    []Session `json:"sessions,omitempty"`
	// Assigned are the assignments that hold in the run: its own, and the ones inherited from the run that started it.
	// Scores of an inheriting run count for the unit of the run that was assigned.
	Assigned []Ref `json:"assigned,omitempty"`
	// Unserved are experiments that served the run the control because its assignment could not be made in time. They have
	// no variant. If the store has an assignment all the same, the run was not served that.
	Unserved []Ref `json:"unserved,omitempty"`
	// Keys are names that the run declared for itself (a message id), so that a service can refer to it.
	Keys []string `json:"keys,omitempty"`
	// Attributes say how the run was made. Counts are broken down by them.
	Attributes []Attribute `json:"attributes,omitempty"`
	// Learned is when the store learned of these facts. Only reads of an experiment's rows set it.
	Learned Learned `json:"-"`
}

// Learned is when the store learned of a run's facts, by its own clock. Zero times are not known: rows that earlier
// releases wrote have none.
type Learned struct {
	Run     time.Time // of the run itself
	Start   time.Time // when it started
	Flush   time.Time // of its first flush, which has the assignments that it inherited
	End     time.Time // how it ended
	Reset   time.Time // that it was reset away
	Removed bool      // it was reset away
}

// RunStatus is how a run ended. The empty RunStatus means that it has not said.
type RunStatus string

// The ways a run ends.
const (
	RunCompleted      RunStatus = "completed"
	RunFailed         RunStatus = "failed"
	RunCanceled       RunStatus = "canceled"
	RunContinuedAsNew RunStatus = "continued_as_new"
	RunTerminated     RunStatus = "terminated"
	RunTimedOut       RunStatus = "timed_out"
)

// Flush is the complete set of scores that a run's own code has made so far. A later flush of the same run replaces an
// earlier one: scores that it no longer names become retracted revisions. So a score leaves no phantom when the server
// refuses its workflow task.
type Flush struct {
	Facts RunFacts `json:"facts"`
	// The flushes of a run are ordered by Sequence, At and Ordinal. Sequence is the length of the history that the code had
	// seen, At is workflow time, which a workflow task that is tried again has later, and Ordinal counts the flushes of the
	// run's code from 1; 0: not counted.
	Sequence int64 `json:"sequence"`
	Ordinal  int64 `json:"ordinal,omitempty"`
	// Records are the set, all with Source [FromWorkflow].
	Records []Record  `json:"records,omitempty"`
	At      time.Time `json:"at"`
	// Waits are all declared expectations that the run's code has made so far. The store makes the ones that it does not
	// know, and withdraws the run's earlier ones that a later flush no longer names.
	Waits []Expectation `json:"waits,omitempty"`
	// Elsewhere are the marks ([Record.Mark]) of further scores of the set, and the identities ([Expectation.Identity]) of
	// further Waits: it is too large to travel in one piece, and they come in flushes that are Partial.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Partial marks Records and Waits as a part of the set with this Sequence. Scores that it does not name stay, and of the facts
	// only the identity of the run counts.
	Partial bool `json:"partial,omitempty"`
}

// RecordedAt is when the scores of f were recorded, if they do not say: workflow code has no clock. The flushes of one
// workflow task have times in their order.
func (f Flush) RecordedAt() time.Time {
	at := f.At
	if at.IsZero() {
		at = f.Facts.ClosedAt
	}
	if at.IsZero() {
		return at
	}
	return at.Add(time.Duration(f.Ordinal) * time.Microsecond)
}

// Mark tells the scores of one run apart: a digest of the step's id, the name and the key, of 32 characters.
func (r Record) Mark() string { return mark(r.Step.ID, r.Name, r.Key) }

func mark(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
