package scoring

import (
	"encoding/json"
	"slices"
	"time"
)

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

// Validate refuses an event without name or key, and one that breaks a limit.
func (e Event) Validate() error {
	if err := CheckName("outcome name", e.Name); err != nil {
		return err
	}
	return checkText("outcome key", e.Key, MaxKey, true)
}

// Expectation records that a scorer waits for outcomes about a run. A scorer that is a workflow has a ScorerRun and gets the
// outcomes; one that is declared has none, and the store decides by its Rule.
type Expectation struct {
	// ScorerRun is the scorer's own execution. Outcomes go to its workflow id, which identifies the expectation together
	// with Wait.
	ScorerRun Run `json:"scorer_run,omitzero"`
	// Wait numbers the waits of one scorer, from 1.
	Wait          int     `json:"wait"`
	Scorer        string  `json:"scorer"`
	ScorerVersion string  `json:"scorer_version"`
	Events        []Event `json:"events"`
	Window        Window  `json:"window"`
	// Attribution is [AttributeAll] when empty.
	Attribution Attribution `json:"attribution,omitempty"`

	// Rule, Call, Place and Start belong to a declared scorer. Call tells the calls of one scorer in a run apart; Place is where in
	// the run's history the call was made.
	Rule  *Rule  `json:"rule,omitempty"`
	Call  string `json:"call,omitempty"`
	Place int64  `json:"place,omitempty"`
	// Start makes a declared scorer wait for the close of its run's chain.
	Start *Start `json:"start,omitempty"`

	// The subject of the coming score.
	Run           Run       `json:"run"`
	Step          Step      `json:"step,omitzero"`
	FirstRunID    string    `json:"first_run_id,omitempty"`
	OriginalRunID string    `json:"original_run_id,omitempty"`
	RunStartedAt  time.Time `json:"run_started_at,omitzero"`
	At            time.Time `json:"at"`
}

// Declared tells whether the store decides.
func (e Expectation) Declared() bool { return e.ScorerRun == Run{} }

// Last is until when an outcome that matters may have happened: to the end of the window and its grace, or after that, if it
// takes an earlier one back.
func (e Expectation) Last() time.Time {
	until := e.Window.Until.Add(e.Window.Grace)
	if e.Declared() {
		return until.Add(e.Rule.undoing())
	}
	return until
}

// Decide decides a declared expectation; see [Rule.Decide]. The score has the scorer's key.
func (e Expectation) Decide(outcomes []Outcome, now time.Time) Decision {
	d := e.decide(outcomes, now)
	d.Score.Key = e.Scorer + "@" + e.ScorerVersion
	return d
}

func (e Expectation) decide(outcomes []Outcome, now time.Time) Decision {
	if e.Start != nil {
		if s, ok := e.Start.score(e.Scorer); ok {
			return Decision{Score: s}
		}
	}
	return e.Rule.Decide(e.Scorer, e.Window, outcomes, now)
}

// Identity identifies a declared expectation: a digest of its run, its call, its rule and its window. A workflow task that the
// server refuses is tried again, and may then wait for something else in the same place: that is another expectation.
func (e Expectation) Identity() string {
	said := e.Kept()
	said.Place, said.FirstRunID, said.OriginalRunID, said.RunStartedAt = 0, "", "", time.Time{}
	if said.Start != nil && said.Start.Closed != nil { // which the store learns later
		start := *said.Start
		if start.Closed = nil; start.Length > 0 {
			said.Window.Until = OpenEnd
		}
		said.Start = &start
	}
	text, err := json.Marshal(said)
	if err != nil {
		return "" // never: a valid expectation is JSON
	}
	return mark("declared", string(text))
}

// Validate refuses an expectation that no outcome could meet.
func (e Expectation) Validate() error {
	if err := CheckName("scorer", e.Scorer); err != nil {
		return err
	}
	if e.Declared() {
		if err := e.validateRule(); err != nil {
			return err
		}
	} else if err := e.ScorerRun.Validate(); err != nil {
		return err
	} else if e.Start != nil {
		return Invalid("start", "a scorer that is a workflow waits for the close of its run by itself")
	}
	if len(e.Events) == 0 {
		return Invalid("events", "an expectation names at least one outcome")
	}
	for _, ev := range e.Events {
		if err := ev.Validate(); err != nil {
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

// Kept returns e as a store keeps it: times in UTC with microsecond precision.
func (e Expectation) Kept() Expectation {
	instant := func(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
	e.At, e.RunStartedAt = instant(e.At), instant(e.RunStartedAt)
	e.Window.Since, e.Window.Until = instant(e.Window.Since), instant(e.Window.Until)
	e.Window.Grace = e.Window.Grace.Truncate(time.Microsecond)
	if e.Start != nil && e.Start.Closed != nil {
		start, closed := *e.Start, *e.Start.Closed
		closed.At = instant(closed.At)
		start.Closed = &closed
		e.Start = &start
	}
	return e
}

func (e Expectation) validateRule() error {
	if e.Rule == nil {
		return Invalid("rule", "an expectation has a rule, or a scorer that is a workflow")
	}
	if err := e.Rule.Validate(); err != nil {
		return err
	}
	if e.Start != nil {
		if err := e.Start.Validate(); err != nil {
			return err
		}
	}
	if !slices.Equal(e.Events, e.Rule.All()) {
		return Invalid("events", "they are not the events of the rule")
	}
	return checkText("call", e.Call, MaxName, true)
}
