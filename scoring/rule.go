package scoring

import (
	"slices"
	"time"
)

// Limits of a rule. What it waits for travels in the flush of its run and is in a row of the store.
const (
	MaxRuleEvents = 100      // events, with the ones that undo others
	MaxTimes      = 1000     // outcomes that a rule may need
	MaxRuleBytes  = 64 << 10 // of its JSON
)

// DefaultAllowance is how long after a window's end what happened inside may arrive and count, if a rule does not say.
const DefaultAllowance = time.Minute

// Need says how many outcomes meet a rule.
type Need string

// The needs.
const (
	NeedAny   Need = "any"   // one of any event
	NeedAll   Need = "all"   // one of each event
	NeedTimes Need = "times" // Rule.Times of them, of any event
)

// Rule says as data what a scorer waits for and what that means. [Rule.Decide] applies it.
type Rule struct {
	Need  Need `json:"need"`
	Times int  `json:"times,omitempty"`
	// Events count in this order where an outcome is one of several.
	Events []RuleEvent `json:"events"`
	// End is the meaning of the window's end.
	End Expiry `json:"end"`
	// Allowance is how long after the window's end what happened inside may arrive and count. The window's grace replaces
	// it; 0 means [DefaultAllowance]. The end is the score only after it.
	Allowance time.Duration `json:"allowance,omitempty"`
}

// RuleEvent is an event with its meaning.
type RuleEvent struct {
	Event
	// Means is the score. Without it, the score is the outcome's own value.
	Means Value `json:"means"`
	// Where has predicates that all must hold. What fails one is no outcome of the event: it is attributed to nobody.
	Where []Predicate `json:"where,omitempty"`
	// Undone, if set, takes an outcome of the event back.
	Undone *Undo `json:"undone,omitempty"`
}

// Undo takes an outcome back that an outcome of Event follows in less than Within, as when a pull request is closed and
// reopened. The first one counts only after that time.
type Undo struct {
	Event
	Within time.Duration `json:"within"`
}

// Validate refuses a rule without events, that can never be met, or that breaks a limit.
func (r Rule) Validate() error {
	switch r.Need {
	case NeedAny, NeedAll:
	case NeedTimes:
		if r.Times < 1 || r.Times > MaxTimes {
			return Invalid("times", "%d, not from 1 to %d", r.Times, MaxTimes)
		}
	default:
		return Invalid("need", "%q is not any, all or times", r.Need)
	}
	if r.Allowance < 0 {
		return Invalid("allowance", "%s is negative", r.Allowance)
	}
	if len(r.Events) == 0 {
		return Invalid("events", "a rule names at least one outcome")
	}
	if n := len(r.All()); n > MaxRuleEvents {
		return Invalid("events", "%d, at most %d are allowed", n, MaxRuleEvents)
	}
	for _, e := range r.Events {
		if err := e.Validate(); err != nil {
			return err
		}
	}
	if n, err := EncodedSize(r); err != nil || n > MaxRuleBytes {
		return Invalid("rule", "%d bytes of JSON, at most %d are allowed", n, MaxRuleBytes)
	}
	return r.End.Validate()
}

// Validate refuses an event without name or key, with a predicate or a meaning that cannot be, and one that undoes itself.
func (e RuleEvent) Validate() error {
	if err := e.Event.Validate(); err != nil {
		return err
	}
	if e.Means.IsSet() {
		if err := Of("meaning", e.Means).Validate(); err != nil {
			return err
		}
	}
	for _, p := range e.Where {
		if err := p.Validate(); err != nil {
			return err
		}
	}
	if e.Undone == nil {
		return nil
	}
	if e.Undone.Within <= 0 {
		return Invalid("undone within", "%s is not a length", e.Undone.Within)
	}
	if e.Undone.Event.Same(e.Event) {
		return Invalid("undone by", "%q cannot undo itself", e.Name)
	}
	return e.Undone.Event.Validate()
}

// All returns every event that matters for the rule, with the ones that undo others, each once.
func (r Rule) All() []Event {
	var all []Event
	add := func(e Event) {
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	for _, e := range r.Events {
		add(e.Event)
	}
	for _, e := range r.Events {
		if e.Undone != nil {
			add(e.Undone.Event)
		}
	}
	return all
}

// Ends is when a window's end becomes the score if nothing has met the rule: nothing from inside can arrive any more
// except for a grace, which corrects.
func (r Rule) Ends(w Window) time.Time {
	if w.Grace > 0 {
		return w.Until.Add(min(w.Grace, r.allowance()))
	}
	return w.Until.Add(r.allowance())
}

// Closes is when nothing that arrives can change the score any more.
func (r Rule) Closes(w Window) time.Time {
	if within := r.undoing(); within > 0 {
		return w.Until.Add(w.Grace).Add(within).Add(r.allowance())
	}
	return r.received(w)
}

// undoing is for how long the last outcome may be taken back; 0: none can be.
func (r Rule) undoing() (within time.Duration) {
	for _, e := range r.Events {
		if e.Undone != nil {
			within = max(within, e.Undone.Within)
		}
	}
	return within
}

// received is until when an outcome of the rule's events must have arrived to count.
func (r Rule) received(w Window) time.Time {
	if w.Grace > 0 {
		return w.Until.Add(w.Grace)
	}
	return w.Until.Add(r.allowance())
}

func (r Rule) allowance() time.Duration {
	if r.Allowance == 0 {
		return DefaultAllowance
	}
	return r.Allowance
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
