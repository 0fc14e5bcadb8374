package scoring

import (
	"fmt"
	"strings"
)

// Run is one Workflow Execution.
type Run struct {
	Namespace  string `json:"namespace,omitempty"`
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
}

// Validate refuses a run without a workflow id or run id, or with one that the server could not have issued.
func (r Run) Validate() error {
	if err := CheckID("workflow id", r.WorkflowID); err != nil {
		return err
	}
	return CheckID("run id", r.RunID)
}

func (r Run) String() string { return fmt.Sprintf("%s/%s/%s", r.Namespace, r.WorkflowID, r.RunID) }

// Step is one Activity of a run. Reports group steps by Type, because ids shift when code changes.
// The zero Step means the run itself.
type Step struct {
	// ID is the activity id. It is unique within the run.
	ID string `json:"id,omitempty"`
	// Type is the activity type.
	Type string `json:"type,omitempty"`
	// Attempt is the attempt that was scored, from 1; 0 when it is not known. It is not part of the identity: each
	// attempt's score is a revision and the last one is current.
	Attempt int32 `json:"attempt,omitempty"`
}

// Validate refuses a step whose id or type is over [MaxID] bytes, not UTF-8, or has control characters.
func (s Step) Validate() error {
	if err := checkText("step id", s.ID, MaxID, false); err != nil {
		return err
	}
	return checkText("step type", s.Type, MaxID, false)
}

// IsZero tells whether s names no step.
func (s Step) IsZero() bool { return s.ID == "" }

// Session is a user-chosen group of runs: a conversation, a customer, a ticket.
type Session struct {
	Key string `json:"key"`
	ID  string `json:"id"`
}

// Validate refuses a session without a key or an id, or with one that is over its limit, not UTF-8, blank, or has control characters.
func (s Session) Validate() error {
	if err := checkText("session key", s.Key, MaxSessionKey, true); err != nil {
		return err
	}
	return checkText("session id", s.ID, MaxKey, true)
}

func (s Session) String() string { return s.Key + "=" + s.ID }

// SessionStep is where scores of sessions with a key stand among the types of steps, in reports, counts and lists: "(session KEY)". As
// the step of a metric it means the scores of the session that is the experiment's unit.
func SessionStep(key string) string { return "(session " + key + ")" }

// SessionOfStep returns the key of a [SessionStep].
func SessionOfStep(step string) (key string, ok bool) {
	key, ok = strings.CutPrefix(step, "(session ")
	if ok {
		key, ok = strings.CutSuffix(key, ")")
	}
	return key, ok
}

// CheckSessions refuses more than [MaxSessions] sessions, an invalid one, and a key that appears twice.
func CheckSessions(sessions []Session) error {
	if len(sessions) > MaxSessions {
		return Invalid("sessions", "%d, at most %d are allowed", len(sessions), MaxSessions)
	}
	for i, s := range sessions {
		if err := s.Validate(); err != nil {
			return err
		}
		for _, t := range sessions[:i] {
			if s.Key == t.Key {
				return Invalid("sessions", "key %q appears twice", s.Key)
			}
		}
	}
	return nil
}
