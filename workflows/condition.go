package workflows

import (
	"encoding/json"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Event names an outcome that a scorer waits for, and its meaning.
type Event struct {
	rule  scoring.RuleEvent
	where func(scoring.Outcome) bool
	err   error
}

// On names the outcome called name about key.
func On(name, key string) Event {
	return Event{rule: scoring.RuleEvent{Event: scoring.Event{Name: name, Key: key}}}
}

// Means sets the score that the outcome means. Without it, the score is the outcome's own value.
func (e Event) Means(value any) Event {
	v, err := scoring.ValueOf(value)
	if e.rule.Means = v; err != nil {
		e.err = err
	}
	return e
}

// If adds predicates that must all hold, such as Field("pull_request.merged").Is(true). They are data, so a declared scorer
// takes them. What fails one is no outcome of the event.
func (e Event) If(predicates ...scoring.Predicate) Event {
	e.rule.Where = append(slices.Clip(e.rule.Where), predicates...)
	return e
}

// UnlessUndone takes an outcome back that an outcome of by follows in less than within, as when a pull request is closed and
// reopened. The outcome counts only after that time and the scorer's allowance. Of by, the name and the key count.
func (e Event) UnlessUndone(by Event, within time.Duration) Event {
	if by.where != nil || len(by.rule.Where) > 0 || by.rule.Means.IsSet() || by.rule.Undone != nil {
		e.err = scoring.Invalid("undone by", "%q has more than a name and a key", by.rule.Name)
	}
	e.rule.Undone = &scoring.Undo{Event: by.rule.Event, Within: within}
	return e
}

// Where adds a predicate over the outcome. It is workflow code: it must be deterministic. A declared scorer refuses it, because
// it cannot be kept as data; see [Event.If].
func (e Event) Where(predicate func(scoring.Outcome) bool) Event { e.where = predicate; return e }

// Condition is the condition that a scorer waits for: an [Event], or several of them in [AnyOf], [AllOf] or [Times].
type Condition interface{ condition() condition }

type condition struct {
	need   scoring.Need
	times  int
	events []Event
}

func (c condition) condition() condition { return c }

// An event is met by its first outcome.
func (e Event) condition() condition { return condition{need: scoring.NeedAny, events: []Event{e}} }

// AnyOf is met by the first outcome of any of the events.
func AnyOf(events ...Event) Condition { return condition{need: scoring.NeedAny, events: events} }

// AllOf is met once each of the events has had an outcome.
func AllOf(events ...Event) Condition { return condition{need: scoring.NeedAll, events: events} }

// Times is met once the event has had n outcomes.
func Times(n int, e Event) Condition {
	return condition{need: scoring.NeedTimes, times: n, events: []Event{e}}
}

// rule returns the condition as data, without its Go predicates.
func (c condition) rule(end scoring.Expiry) (scoring.Rule, error) {
	r := scoring.Rule{Need: c.need, Times: c.times, Events: make([]scoring.RuleEvent, len(c.events)), End: end}
	for i, e := range c.events {
		if e.err != nil {
			return r, e.err
		}
		r.Events[i] = e.rule
	}
	return r, nil
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
	// Outcomes are the outcomes that met the condition, in the order of their times; where the window Ended first, the ones
	// that came.
	Outcomes []scoring.Outcome
	// Ended tells that the window closed before the condition was met.
	Ended bool

	scorer string // whose wait it was
	rule   scoring.Rule
	hits   []scoring.Hit
	until  time.Time
}

// Score returns the score that the wait means, under the scorer's name: the declared meaning of the end of the window,
// or the meaning of the deciding outcome. An outcome with neither a meaning nor a value of its own is an error, never a
// number. It may be returned together with the error of [Await]: `return got.Score(), err`. A scorer of several scores
// calls them by other names: `got.Score().Named("merged")`.
func (a Awaited) Score() scoring.Score {
	switch {
	case a.Ended:
		s := a.rule.End.Score(a.scorer)
		s.ObservedAt = a.until // that nothing came was known then, whenever it is recorded
		return s
	case len(a.hits) == 0:
		return scoring.Fail(a.scorer, "nothing was awaited") // the zero Awaited that comes with an error
	}
	return a.rule.Score(a.scorer, a.hits)
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
	return awaitRule(ctx, on, w, end, nil)
}

// awaitRule is [Await] that also waits, after the window, as long as a declared scorer's allowance says, if there is one.
func awaitRule(ctx workflow.Context, on Condition, w Window, end scoring.Expiry, allowance *time.Duration) (Awaited, error) {
	if on == nil {
		return Awaited{}, activities.Refuse(scoring.Invalid("condition", "there is none: On names an outcome"))
	}
	c := on.condition()
	if err := end.Validate(); err != nil {
		return Awaited{}, activities.Refuse(err)
	}
	rule, err := c.rule(end)
	if err != nil {
		return Awaited{}, activities.Refuse(err)
	}
	for _, e := range rule.Events {
		if err := e.Validate(); err != nil {
			return Awaited{}, activities.Refuse(err)
		}
	}
	if err := w.spec.check(); err != nil {
		return Awaited{}, activities.Refuse(err)
	}
	ends := func(w scoring.Window) time.Time { return w.Until }
	if allowance != nil {
		rule.Allowance = *allowance
		ends = rule.Ends
	}
	env, _ := About(ctx)
	a := Awaited{scorer: env.Scorer, rule: rule}
	a.until, a.Ended, err = await(ctx, rule, w.spec, ends, func(inside, known []scoring.Outcome) (met bool, firm time.Time) {
		var hits []scoring.Hit
		for _, o := range inside {
			if h := (scoring.Hit{Event: c.find(o), Outcome: o}); h.Event >= 0 && !rule.Undone(h, known) {
				hits = append(hits, h)
			}
		}
		n := rule.Met(hits)
		if a.hits = hits; n == 0 {
			return false, time.Time{}
		}
		a.hits = hits[:n]
		return true, rule.Firm(a.hits)
	})
	if err != nil {
		return Awaited{}, err
	}
	for _, h := range a.hits {
		a.Outcomes = append(a.Outcomes, h.Outcome)
	}
	return a, nil
}

// find returns the event that o is an outcome of, or -1. The store spells the outcome as the event is spelled.
func (c condition) find(o scoring.Outcome) int {
	return slices.IndexFunc(c.events, func(e Event) bool {
		return e.rule.Event == o.Event() && e.rule.Matches(o) && (e.where == nil || e.where(o))
	})
}
