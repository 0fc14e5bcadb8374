package scoring

import "time"

// Expiry is the meaning of a window that ends without an outcome. There is no default: the zero Expiry is refused.
type Expiry struct {
	Set     bool  `json:"set"`
	Unknown bool  `json:"unknown,omitempty"`
	Value   Value `json:"value"`
}

// The meanings that the end of a window can have.
var (
	// ExpiresTrue: no outcome means true (the ticket stayed closed).
	ExpiresTrue = Expiry{Set: true, Value: BoolValue(true)}
	// ExpiresFalse: no outcome means false (no payment within the day).
	ExpiresFalse = Expiry{Set: true, Value: BoolValue(false)}
	// ExpiresUnknown: no outcome means nothing (the user pressed no thumb). The score becomes [Expired] and has no value.
	ExpiresUnknown = Expiry{Set: true, Unknown: true}
)

// ExpiresAs returns an Expiry that means the number v. A number that is not finite is found by [Expiry.Validate].
func ExpiresAs(v float64) Expiry { return Expiry{Set: true, Value: Value{kind: NumberKind, num: v}} }

// Validate refuses the zero Expiry and a number that is not finite.
func (e Expiry) Validate() error {
	if !e.Set {
		return Invalid("expiry", "say how to score a window that ends without an outcome: ExpiresTrue, ExpiresFalse, ExpiresAs or ExpiresUnknown")
	}
	if e.Unknown {
		return nil
	}
	return Of("expiry", e.Value).Validate()
}

// Score returns the score named name that the end of the window means.
func (e Expiry) Score(name string) Score {
	if e.Unknown {
		return Expire(name)
	}
	return Of(name, e.Value).WithReason("the window closed")
}

// Window is the half-open span of time [Since, Until) in which an outcome counts, and the time after it in which a late
// outcome still revises the score: [Until, Until+Grace).
type Window struct {
	Since time.Time     `json:"since"`
	Until time.Time     `json:"until"`
	Grace time.Duration `json:"grace,omitempty"`
}

// Validate refuses a window that does not end after it began, with a negative grace, or with a time that cannot be.
func (w Window) Validate() error {
	if err := CheckTime("since", w.Since); err != nil {
		return err
	}
	if err := CheckTime("until", w.Until); err != nil {
		return err
	}
	if !w.Until.After(w.Since) {
		return Invalid("window", "it ends at %s, not after its start %s", w.Until.Format(time.RFC3339), w.Since.Format(time.RFC3339))
	}
	if w.Grace < 0 {
		return Invalid("grace", "%s is negative", w.Grace)
	}
	return nil
}

// Place is the position of a time relative to a window.
type Place string

// The positions of a time relative to a window.
const (
	TooEarly Place = "too_early"
	Inside   Place = "inside"
	InGrace  Place = "in_grace"
	TooLate  Place = "too_late"
)

// Place tells where t lies.
func (w Window) Place(t time.Time) Place {
	switch {
	case t.Before(w.Since):
		return TooEarly
	case t.Before(w.Until):
		return Inside
	case t.Before(w.Until.Add(w.Grace)):
		return InGrace
	default:
		return TooLate
	}
}

// Attribution says which of several waiting runs an outcome counts for when they share its key.
type Attribution string

// The attributions.
const (
	AttributeAll   Attribution = "all"   // each of them
	AttributeLast  Attribution = "last"  // the run that started last before it happened
	AttributeFirst Attribution = "first" // the run that started first
)

// Event names an outcome that a scorer waits for.
type Event struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Expectation records that a scorer waits for outcomes. It is about a run, and belongs to a scorer's own workflow,
// which gets the outcomes.
type Expectation struct {
	// ScorerRun is the scorer's own execution. Outcomes go to its workflow id, which identifies the expectation together
	// with Wait.
	ScorerRun Run `json:"scorer_run"`
	// Wait numbers the waits of one scorer, from 1.
	Wait          int     `json:"wait"`
	Scorer        string  `json:"scorer"`
	ScorerVersion string  `json:"scorer_version"`
	Events        []Event `json:"events"`
	Window        Window  `json:"window"`
	// Attribution is [AttributeAll] when empty.
	Attribution Attribution `json:"attribution,omitempty"`

	// The subject of the coming score.
	Run           Run       `json:"run"`
	Step          Step      `json:"step,omitzero"`
	FirstRunID    string    `json:"first_run_id,omitempty"`
	OriginalRunID string    `json:"original_run_id,omitempty"`
	RunStartedAt  time.Time `json:"run_started_at,omitzero"`
	At            time.Time `json:"at"`
}

// Validate refuses an expectation that no outcome could meet.
func (e Expectation) Validate() error {
	if err := e.ScorerRun.Validate(); err != nil {
		return err
	}
	if err := CheckName("scorer", e.Scorer); err != nil {
		return err
	}
	if len(e.Events) == 0 {
		return Invalid("events", "an expectation names at least one outcome")
	}
	for _, ev := range e.Events {
		if err := CheckName("outcome name", ev.Name); err != nil {
			return err
		}
		if err := checkText("outcome key", ev.Key, MaxKey, true); err != nil {
			return err
		}
	}
	switch e.Attribution {
	case "", AttributeAll, AttributeLast, AttributeFirst:
	default:
		return Invalid("attribution", "%q is not all, last or first", e.Attribution)
	}
	if err := e.Window.Validate(); err != nil {
		return err
	}
	if err := e.Step.Validate(); err != nil {
		return err
	}
	return e.Run.Validate()
}
