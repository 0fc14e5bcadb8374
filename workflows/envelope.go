package workflows

import (
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Envelope tells a deferred scorer about its run. It is the first argument of its workflow; the scorer's own input is
// the second.
type Envelope struct {
	Scorer  string `json:"scorer"`
	Version string `json:"version"`
	// Run is the run that deferred the scorer and that its scores are about.
	Run           scoring.Run       `json:"run"`
	Step          scoring.Step      `json:"step,omitzero"`
	FirstRunID    string            `json:"first_run_id"`
	OriginalRunID string            `json:"original_run_id"`
	WorkflowType  string            `json:"workflow_type"`
	RunStartedAt  time.Time         `json:"run_started_at"`
	Assigned      []scoring.Ref     `json:"assigned,omitempty"`
	Sessions      []scoring.Session `json:"sessions,omitempty"`
	// Start is when the scorer's function begins.
	Start Start `json:"start"`
	// TaskQueue is where the worker polls that opens the store.
	TaskQueue        string `json:"task_queue"`
	SearchAttributes bool   `json:"search_attributes,omitempty"`
	// Shadow tells that the run is a shadow: it served no user, so no outcome is about it.
	Shadow bool `json:"shadow,omitempty"`
	// Declared tells that the scorer was a declared one when it was deferred: its window ends after the allowance. A workflow that
	// began as a function ends as it did then.
	Declared bool `json:"declared,omitempty"`
	// Silent tells that the kill switch was thrown when the scorer was deferred: it ends at once and leaves nothing.
	Silent bool `json:"silent,omitempty"`
}

// Key is the identity key of the scorer's scores.
func (e Envelope) Key() string { return e.Scorer + "@" + e.Version }

// StartMode is when a scorer's function begins. The scorer itself is started by Defer in every mode, since only a child
// that exists then survives the termination of the run.
type StartMode = scoring.StartMode

// The start modes.
const (
	StartNow       StartMode = ""   // at once
	StartAtTime    StartMode = "at" // at Start.At
	StartOnClose             = scoring.StartOnClose
	StartOnSuccess           = scoring.StartOnSuccess
	StartOnFailure           = scoring.StartOnFailure
)

// Start is a start mode with its time.
type Start struct {
	Mode StartMode `json:"mode,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

// Result is the result of a scorer's workflow.
type Result struct {
	Scores []scoring.Score `json:"scores"`
	// Omitted is how many scores are too many to be carried.
	Omitted int `json:"omitted,omitempty"`
}
