package scoring

import "time"

// StartMode is when a deferred scorer begins.
type StartMode string

// The start modes that wait for the close of the run's chain of retries and continued runs.
const (
	StartOnClose   StartMode = "on_close"   // in any way
	StartOnSuccess StartMode = "on_success" // when it has completed; otherwise the score is not applicable
	StartOnFailure StartMode = "on_failure" // when it has failed or timed out; otherwise not applicable
)

// Start makes a declared scorer wait for the close of its run's chain. Until then it is [Pending], also if outcomes have come.
type Start struct {
	On StartMode `json:"on"`
	// Length is the window's, from the close on. 0: the window has an end of its own.
	Length time.Duration `json:"length,omitempty"`
	// Closed is how the chain closed; nil while that is not known.
	Closed *Closed `json:"closed,omitempty"`
}

// Closed is how a chain of runs closed.
type Closed struct {
	Status RunStatus `json:"status,omitempty"`
	At     time.Time `json:"at"`
	// Reason says why it is not known how. Status is empty then.
	Reason string `json:"reason,omitempty"`
}

// OpenEnd is the end of a window that begins when a run's chain closes, until that.
var OpenEnd = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// Validate refuses a mode that waits for no close, and a length that is none.
func (s Start) Validate() error {
	switch s.On {
	case StartOnClose, StartOnSuccess, StartOnFailure:
	default:
		return Invalid("start", "%q is not on_close, on_success or on_failure", s.On)
	}
	if s.Length < 0 {
		return Invalid("window", "%s is not a length", s.Length)
	}
	if s.Closed != nil {
		return CheckTime("closed at", s.Closed.At)
	}
	return nil
}

// admits tells whether the scorer begins after a chain that closed so.
func (s Start) admits(c Closed) bool {
	switch s.On {
	case StartOnSuccess:
		return c.Status == RunCompleted
	case StartOnFailure:
		return c.Status == RunFailed || c.Status == RunTimedOut
	}
	return true
}

// score returns the score of a scorer that does not begin, or not yet. ok is false for one that has begun.
func (s Start) score(name string) (score Score, ok bool) {
	c := s.Closed
	switch {
	case c == nil:
		return Score{Name: name, State: Pending}, true
	case c.Status == "":
		score = Fail(name, "the run could not be followed to its close: "+c.Reason)
	case !s.admits(*c):
		score = Decline(name, "the run ended as "+string(c.Status))
	default:
		return score, false
	}
	score.ObservedAt = c.At
	return score, true
}

// Begun returns an expectation whose run's chain has closed. ends tells that its scorer does not begin.
func (e Expectation) Begun(c Closed) (begun Expectation, ends bool) {
	start := *e.Start
	start.Closed = &c
	e.Start = &start
	if start.Length > 0 {
		e.Window.Until = c.At.Add(start.Length)
		if !e.Window.Until.After(e.Window.Since) {
			e.Window.Until = e.Window.Since.Add(time.Microsecond) // it is over
		}
	}
	_, ends = start.score(e.Scorer)
	return e.Kept(), ends
}
