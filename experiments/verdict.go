package experiments

import "time"

// Verdict is what an experiment says.
type Verdict string

// The verdicts, in the order in which they are considered.
const (
	Invalid    Verdict = "INVALID"    // something is wrong with how units came in or with what is missing
	Harm       Verdict = "HARM"       // a variant is worse than the control and still gets units
	Winner     Verdict = "WINNER"     // a variant is better than every other
	Equivalent Verdict = "EQUIVALENT" // the best variants differ by no more than matters
	Futile     Verdict = "FUTILE"     // more units will hardly show a difference that matters
	Continue   Verdict = "CONTINUE"   // not yet
)

// Decision is a verdict with its reason.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Variants are those that it is about: the harmful ones, the winner, the equivalent ones.
	Variants []string `json:"variants,omitempty"`
	// Reason says why, in words.
	Reason string `json:"reason"`
	// UnitsNeeded is about how many more units must be assigned, if the effect stays what it is now; 0 if that is not known
	// or nothing is needed. TimeNeeded is about how long that takes at the rate so far, with the last window.
	UnitsNeeded int           `json:"units_needed,omitempty"`
	TimeNeeded  time.Duration `json:"time_needed_ns,omitempty"`
}
