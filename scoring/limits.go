package scoring

import (
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits in bytes of UTF-8. A longer text is refused with an [InvalidError], never cut.
const (
	MaxName       = 128     // a score, outcome, experiment, variant or scorer name
	MaxKey        = 512     // an identity key, an outcome's key, a unit, a session id
	MaxSessionKey = 128     // a session's key
	MaxOutcomeID  = 512     // an outcome's id
	MaxID         = 1000    // a workflow, run or activity id, as the Temporal server has it
	MaxReason     = 4 << 10 // why a score has its value or state
	MaxPayload    = 64 << 10
	MaxSessions   = 5 // sessions a run or a score
)

// CheckName refuses a name that is empty, longer than [MaxName] bytes, not UTF-8, or that has control characters.
func CheckName(field, name string) error { return checkText(field, name, MaxName, true) }

// CheckKey is [CheckName] with the limit [MaxKey]; an empty key is allowed.
func CheckKey(field, key string) error { return checkText(field, key, MaxKey, false) }

// CheckRunKey is [CheckKey] for the key that a run declares; it must not be empty.
func CheckRunKey(key string) error { return checkText("key", key, MaxKey, true) }

// CheckID is [CheckName] with the limit [MaxID].
func CheckID(field, id string) error { return checkText(field, id, MaxID, true) }

// CheckTime refuses a time that JSON cannot hold, such as one whose milliseconds were taken for seconds. The zero time
// passes.
func CheckTime(field string, t time.Time) error {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return Invalid(field, "its year is %d, not within 1 and 9999", y)
	}
	return nil
}

func checkText(field, s string, limit int, required bool) error {
	switch {
	case s == "" && required:
		return Invalid(field, "must not be empty")
	case len(s) > limit:
		return Invalid(field, "%d bytes, at most %d are allowed", len(s), limit)
	case !utf8.ValidString(s):
		return Invalid(field, "not valid UTF-8")
	}
	blank := required
	for _, r := range s {
		if unicode.IsControl(r) {
			return Invalid(field, "control character %U", r)
		}
		blank = blank && unicode.IsSpace(r)
	}
	if blank {
		return Invalid(field, "must not be blank")
	}
	return nil
}
