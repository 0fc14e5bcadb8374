package workflows

import (
	"encoding/json"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Event names an outcome that a scorer waits for, and its meaning.
type Event struct {
	event   scoring.Event
	meaning scoring.Value
	where   func(scoring.Outcome) bool
	err     error
}

// On names the outcome called name about key.
func On(name, key string) Event { return Event{event: scoring.Event{Name: name, Key: key}} }

// Means sets the score that the outcome means. Without it, the score is the outcome's own value.
func (e Event) Means(value any) Event {
	e.meaning, e.err = scoring.ValueOf(value)
	return e
}

// Where adds a predicate over the outcome. It is workflow code: it must be deterministic.
func (e Event) Where(predicate func(scoring.Outcome) bool) Event { e.where = predicate; return e }

// Condition is the condition that a scorer waits for: an [Event], or several of them in [AnyOf], [AllOf] or [Times].
type Condition interface{ condition() condition }

type condition struct {
	events []Event
	met    func(matches []match) bool
}

func (c condition) condition() condition { return c }

// An event is met by its first outcome.
func (e Event) condition() condition { return AnyOf(e).condition() }

type match struct {
	event   int
	outcome scoring.Outcome
}

// AnyOf is met by the first outcome of any of the events.
func AnyOf(events ...Event) Condition {
	return condition{events, func(m []match) bool { return len(m) > 0 }}
}

// AllOf is met once each of the events has had an outcome.
func AllOf(events ...Event) Condition {
	return condition{events, func(m []match) bool {
		met := map[int]bool{}
		for _, x := range m {
			met[x.event] = true
		}
		return len(met) == len(events)
	}}
}

// Times is met once the event has had n outcomes.
func Times(n int, e Event) Condition {
	return condition{[]Event{e}, func(m []match) bool { return len(m) >= max(n, 1) }}
}

// Window is the half-open span in which an outcome counts. A window [Within] a length begins with the event that
// started the scorer (the call of Defer, the run's close, the planned start) if [Await] is the first call of its
// function, and at the call of Await otherwise. The methods change that.
type Window struct{ spec WindowSpec }

// Within is a window of a length.
func Within(d time.Duration) Window { return Window{WindowSpec{Length: d}} }

// Until is a window that ends at a time. An outcome at that very time is outside.
func Until(t time.Time) Window { return Window{WindowSpec{Until: t}} }

// From starts the window's length at a time, such as the run's close.
func (w Window) From(t time.Time) Window { w.spec.From = t; return w }

// Grace keeps the scorer waiting after the window's end: an outcome within d of it becomes a revision of the score.
// After that it is kept in the ledger as late.
func (w Window) Grace(d time.Duration) Window { w.spec.Grace = d; return w }

// Lookback lets outcomes count that happened up to d before the run started. The default is a minute, which covers the
// skew of clocks.
func (w Window) Lookback(d time.Duration) Window { w.spec.Lookback = d; return w }

// Since lets outcomes count only that happened at t or later, such as the run's close.
func (w Window) Since(t time.Time) Window { w.spec.Since = t; return w }

// Attribute says which of several waiting runs an outcome counts for when they share its key. The default is
// [scoring.AttributeAll].
func (w Window) Attribute(a scoring.Attribution) Window { w.spec.Attribution = a; return w }

// Awaited is the result of a wait.
type Awaited struct {
	// Outcomes are the outcomes that met the condition, in the order of their times.
	Outcomes []scoring.Outcome
	// Ended tells that the window closed before the condition was met.
	Ended bool

	scorer  string // whose wait it was
	meaning scoring.Value
	expiry  scoring.Expiry
	until   time.Time
}

// Score returns the score that the wait means, under the scorer's name: the declared meaning of the end of the window,
// or the meaning of the deciding outcome. An outcome with neither a meaning nor a value of its own is an error, never a
// number. It may be returned together with the error of [Await]: `return got.Score(), err`. A scorer of several scores
// calls them by other names: `got.Score().Named("merged")`.
func (a Awaited) Score() scoring.Score {
	if a.Ended {
		s := a.expiry.Score(a.scorer)
		s.ObservedAt = a.until // that nothing came was known then, whenever it is recorded
		return s
	}
	if len(a.Outcomes) == 0 {
		return scoring.Fail(a.scorer, "nothing was awaited") // the zero Awaited that comes with an error
	}
	last := a.Outcomes[len(a.Outcomes)-1]
	v := a.meaning
	if !v.IsSet() {
		v = last.Value
	}
	if !v.IsSet() {
		return scoring.Fail(a.scorer, "outcome "+last.Name+" has no value, and its event does not say what it Means")
	}
	s := scoring.Of(a.scorer, v).WithReason("outcome " + last.Name)
	s.ObservedAt = last.When()
	return s
}

// Decode decodes the payload of the deciding outcome.
func (a Awaited) Decode(to any) error {
	if len(a.Outcomes) == 0 {
		return scoring.Invalid("outcome", "there is none")
	}
	return json.Unmarshal(a.Outcomes[len(a.Outcomes)-1].Payload, to)
}

// Await waits in a scorer until the condition is met or the window closes. The meaning of the end of the window has no
// default; it is one of [scoring.ExpiresTrue], [scoring.ExpiresFalse], [scoring.ExpiresAs] or [scoring.ExpiresUnknown].
// An outcome counts whenever it comes: before the run deferred the scorer, before the scorer began, while it waits.
func Await(ctx workflow.Context, on Condition, w Window, end scoring.Expiry) (Awaited, error) {
	if on == nil {
		return Awaited{}, activities.Refuse(scoring.Invalid("condition", "there is none: On names an outcome"))
	}
	c := on.condition()
	if err := end.Validate(); err != nil {
		return Awaited{}, activities.Refuse(err)
	}
	events := make([]scoring.Event, len(c.events))
	for i, e := range c.events {
		if e.err != nil {
			return Awaited{}, activities.Refuse(e.err)
		}
		events[i] = e.event
	}
	if w.spec.Until.IsZero() && w.spec.Length <= 0 {
		return Awaited{}, activities.Refuse(scoring.Invalid("window", "%s is not a length", w.spec.Length))
	}
	var met []match
	until, ended, err := await(ctx, events, w.spec, func(inside []scoring.Outcome) bool {
		met = met[:0]
		for _, o := range inside {
			if i := c.find(o); i >= 0 {
				met = append(met, match{i, o})
			}
			if c.met(met) && len(met) > 0 {
				return true
			}
		}
		return false
	})
	if err != nil {
		return Awaited{}, err
	}
	env, _ := About(ctx)
	a := Awaited{Ended: ended, scorer: env.Scorer, expiry: end, until: until}
	for _, m := range met {
		a.Outcomes = append(a.Outcomes, m.outcome)
	}
	if len(met) > 0 {
		a.meaning = c.events[met[len(met)-1].event].meaning
	}
	return a, nil
}

// find returns the event that o is an outcome of, or -1.
func (c condition) find(o scoring.Outcome) int {
	for i, e := range c.events {
		if e.event.Name == o.Name && e.event.Key == o.Key && (e.where == nil || e.where(o)) {
			return i
		}
	}
	return -1
}
