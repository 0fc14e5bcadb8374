package experiments

import "time"

// Verdict is the result of an experiment in a word.
type Verdict string

// The verdicts, the highest first. With a window, a verdict rests on evidence that was reached once and only moves up. There
// are two exceptions: a harmful variant that gets no more units leaves the verdict to the others, and an early read
// ([Definition.EarlyRead]) may take its HARM back.
const (
	Invalid    Verdict = "INVALID"    // the sample ratio, the assignments or the missing scores are wrong: every other verdict is void
	Harm       Verdict = "HARM"       // a variant was shown to be worse than the control and still gets units
	Winner     Verdict = "WINNER"     // a variant was shown to be better than every other
	Equivalent Verdict = "EQUIVALENT" // the best variants differ by no more than matters
	Futile     Verdict = "FUTILE"     // no variant is better by a difference that matters, or the units are used up
	Continue   Verdict = "CONTINUE"   // not yet
)

// Decision is a verdict with its reason.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Variants are its variants: the harmful ones, the winner, the equivalent ones.
	Variants []string `json:"variants,omitempty"`
	// Reason says why, in words.
	Reason string `json:"reason"`
	// Since is when the verdict was first due: the end of the window of the unit that made it so, or of what delayed it. The
	// zero time where there is none, as for CONTINUE.
	Since time.Time `json:"since,omitzero"`
	// Untrusted is why the primary metric is a judge's score that nothing has shown to predict outcomes. Empty: it is an outcome,
	// or a judge that was shown to.
	Untrusted string `json:"untrusted,omitempty"`
	// UnitsNeeded is about how many more units must be assigned, if the effect stays the same; 0 if that is not known or
	// no more are needed. TimeNeeded is about how long that takes at the rate so far, with the last window.
	UnitsNeeded int           `json:"units_needed,omitempty"`
	TimeNeeded  time.Duration `json:"time_needed_ns,omitempty"`
}

// Grounds are the reason and, where a judge that nothing has shown to predict outcomes decides, a word on that.
func (d Decision) Grounds() string {
	if d.Untrusted == "" {
		return d.Reason
	}
	return d.Reason + "; untrusted, a judge's score decides: " + d.Untrusted
}
