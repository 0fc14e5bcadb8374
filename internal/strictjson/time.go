package strictjson

import (
	"encoding/json"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Time is a time that JSON writes and reads as all of RFC 3339 has it; [time.Time] reads a part of it. null is the zero time.
type Time struct{ time.Time }

// UnmarshalJSON refuses anything else with a [scoring.InvalidError].
func (t *Time) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return scoring.Invalid("time", "%.40s is not a string", data)
	}
	if text == nil {
		t.Time = time.Time{}
		return nil
	}
	var err error
	t.Time, err = scoring.ParseTime("time", *text)
	return err
}
