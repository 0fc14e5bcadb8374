package experiments

import "time"

// Verdict is the result of an experiment in a word.
type Verdict string

// The verdicts, in the order of their precedence.
const (
	Invalid    Verdict = "INVALID"    // the sample ratio, the assignments or the missing scores are wrong
	Harm       Verdict = "HARM"       // a variant is worse than the control and still gets units
	Winner     Verdict = "WINNER"     // a variant is better than every other
	Equivalent Verdict = "EQUIVALENT" // the best variants differ by no more than matters
	Futile     Verdict = "FUTILE"     // more units will hardly show a difference that matters
	Continue   Verdict = "CONTINUE"   // not yet
)

// Decision is a verdict with its reason.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Variants are its variants: the harmful ones, the winner, the equivalent ones.
	Variants []string `json:"variants,omitempty"`
	// Reason says why, in words.
	Reason string `json:"reason"`
	// UnitsNeeded is about how many more units must be assigned, if the effect stays the same; 0 if that is not known or
	// no more are needed. TimeNeeded is about how long that takes at the rate so far, with the last window.
	UnitsNeeded int           `json:"units_needed,omitempty"`
	TimeNeeded  time.Duration `json:"time_needed_ns,omitempty"`
}
