package scoring

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Score is one statement about a run or a step: a name, a state and, when the state is [Scored], a value or a category.
type Score struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Value Value  `json:"value"`
	// Category is the value of a categorical score, at most [MaxCategory] bytes; Value is not set then. See [NewCategories].
	Category string `json:"category,omitempty"`
	// Reason says why, in words. Optional, at most [MaxReason] bytes.
	Reason string `json:"reason,omitempty"`
	// Key tells scores of one name on one subject apart. Empty for a score made inside the run; the id and version of
	// the scorer otherwise.
	Key string `json:"key,omitempty"`
	// ObservedAt is the time of the event that the score is about. The zero time means when it was recorded.
	ObservedAt time.Time `json:"observed_at,omitzero"`
	// Sessions are the groups that this score belongs to in addition to its run's. At most [MaxSessions].
	Sessions []Session `json:"sessions,omitempty"`
}

// Number returns a score with a number. A value that is not finite is found by [Score.Validate].
func Number(name string, v float64) Score {
	return Score{Name: name, State: Scored, Value: Value{kind: NumberKind, num: v}}
}

// Bool returns a score with a boolean.
func Bool(name string, b bool) Score { return Score{Name: name, State: Scored, Value: BoolValue(b)} }

// Of returns a score with a value; one that is not set is found by [Score.Validate].
func Of(name string, v Value) Score { return Score{Name: name, State: Scored, Value: v} }

// Decline returns a score for the case that the scorer looked and found nothing to score.
func Decline(name, reason string) Score {
	return Score{Name: name, State: Declined, Reason: reason}
}

// Expire returns a score whose window closed without an answer.
func Expire(name string) Score { return Score{Name: name, State: Expired} }

// Fail returns the score of a scorer that failed. It has no value.
func Fail(name, reason string) Score {
	return Score{Name: name, State: Failed, Reason: Clip(reason, MaxReason)}.Tidy()
}

// Named returns s under another name.
func (s Score) Named(name string) Score { s.Name = name; return s }

// WithReason returns s with a reason.
func (s Score) WithReason(reason string) Score { s.Reason = reason; return s }

// Tidy returns s with a reason that is valid text everywhere. Invalid UTF-8 in it becomes U+FFFD or, where that would
// exceed [MaxReason], a question mark.
func (s Score) Tidy() Score {
	tidy := strings.ToValidUTF8(s.Reason, string(utf8.RuneError))
	if len(tidy) > MaxReason {
		tidy = strings.ToValidUTF8(s.Reason, "?")
	}
	s.Reason = tidy
	return s
}

// Validate refuses a score that breaks a limit, has a value in a state that has none, or has none where it must.
func (s Score) Validate() error {
	if err := CheckName("name", s.Name); err != nil {
		return err
	}
	if err := CheckKey("key", s.Key); err != nil {
		return err
	}
	if !s.State.Valid() {
		return Invalid("state", "%q is not a state", s.State)
	}
	switch {
	case s.Category == "":
	case s.State != Scored:
		return Invalid("category", "a score that is %s has no category", s.State)
	case s.Value.IsSet():
		return Invalid("category", "a score has a value or a category, not both")
	default:
		if err := CheckCategory(s.Category); err != nil {
			return err
		}
	}
	if s.State == Scored {
		if !s.Value.IsSet() && s.Category == "" {
			return Invalid("value", "a scored score has a number, a boolean or a category")
		}
		if s.Value.kind == NumberKind {
			if _, err := NumberValue(s.Value.num); err != nil {
				return err
			}
		}
	} else if s.Value.IsSet() {
		return Invalid("value", "a score that is %s has no value", s.State)
	}
	if len(s.Reason) > MaxReason {
		return Invalid("reason", "%d bytes, at most %d are allowed", len(s.Reason), MaxReason)
	}
	if err := CheckTime("observed at", s.ObservedAt); err != nil {
		return err
	}
	return CheckSessions(s.Sessions)
}

// Same tells whether s and t say the same, so that writing t after s changes nothing.
func (s Score) Same(t Score) bool {
	return s.State == t.State && s.Value.Equal(t.Value) && s.Category == t.Category && s.Reason == t.Reason
}

// ValueText returns the value or the category as text; empty: it has neither.
func (s Score) ValueText() string {
	if s.Category != "" {
		return s.Category
	}
	return s.Value.String()
}
