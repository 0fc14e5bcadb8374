package scoring

import (
	"slices"
	"time"
)

// Hit is an outcome of one of a rule's events.
type Hit struct {
	Event   int // the index in Rule.Events
	Outcome Outcome
}

// Decision is what a rule makes of the outcomes at a time.
type Decision struct {
	// Score is what the wait means under the scorer's name, [Pending] while that is open.
	Score Score
	// Hits are the outcomes that decide, in the order of their times; where the window Ended first, the ones that came.
	Hits []Hit
	// Ended tells that the window ended before the rule was met.
	Ended bool
	// Next is when time alone makes another decision, if nothing arrives; the zero time: never.
	Next time.Time
}

// Decide decides a wait of a scorer. It depends on its arguments alone, and not on the order of outcomes or on when it was
// asked before: with the same outcomes, everybody decides the same at one time.
//
// An outcome counts if it happened inside the window or in its grace, and arrived by the end of that plus the rule's
// allowance. The first outcomes, in the order of [Outcome.Before], that meet the rule decide.
func (r Rule) Decide(scorer string, w Window, outcomes []Outcome, now time.Time) Decision {
	known := slices.Clone(outcomes)
	slices.SortFunc(known, Outcome.Compare)
	known = slices.CompactFunc(known, func(a, b Outcome) bool { return a.ID == b.ID })
	var hits []Hit
	for _, o := range known {
		if h := (Hit{r.Find(o), o}); h.Event >= 0 && r.InTime(w, o) && !r.Undone(h, known) {
			hits = append(hits, h)
		}
	}
	if n := r.Met(hits); n > 0 {
		if firm := r.Firm(hits[:n]); now.Before(firm) {
			return Decision{Score: Score{Name: scorer, State: Pending}, Next: firm}
		}
		return Decision{Score: r.Score(scorer, hits[:n]), Hits: hits[:n]}
	}
	if ends := r.Ends(w); now.Before(ends) {
		return Decision{Score: Score{Name: scorer, State: Pending}, Next: ends}
	}
	s := r.End.Score(scorer)
	s.ObservedAt = w.Until // that nothing came was known then, whenever it is recorded
	return Decision{Score: s, Hits: hits, Ended: true}
}

// Find returns which of the rule's events o is an outcome of, or -1.
func (r Rule) Find(o Outcome) int {
	return slices.IndexFunc(r.Events, func(e RuleEvent) bool { return e.Matches(o) })
}

// Matches tells whether o is an outcome of e.
func (e RuleEvent) Matches(o Outcome) bool {
	return e.Event.Same(o.Event()) && !slices.ContainsFunc(e.Where, func(p Predicate) bool { return !p.Met(o) })
}

// Matters tells whether o is an outcome of one of the rule's events or undoes one.
func (r Rule) Matters(o Outcome) bool {
	return r.Find(o) >= 0 || slices.ContainsFunc(r.Events, func(e RuleEvent) bool {
		return e.Undone != nil && e.Undone.Event.Same(o.Event())
	})
}

// Met returns how many of the hits, from the first on, meet the rule; 0: all of them do not.
func (r Rule) Met(hits []Hit) int {
	met := map[int]bool{}
	for n, h := range hits {
		met[h.Event] = true
		switch {
		case r.Need == NeedAny,
			r.Need == NeedAll && len(met) == len(r.Events),
			r.Need == NeedTimes && n+1 >= r.Times:
			return n + 1
		}
	}
	return 0
}

// Score returns what the hits that meet the rule mean: the meaning of the last one's event, or its own value. One with
// neither is an error, never a number.
func (r Rule) Score(scorer string, hits []Hit) Score {
	last := hits[len(hits)-1]
	v := r.Events[last.Event].Means
	if !v.IsSet() {
		v = last.Outcome.Value
	}
	if !v.IsSet() {
		return Fail(scorer, "outcome "+last.Outcome.Name+" has no value, and its event does not say what it Means")
	}
	s := Of(scorer, v).WithReason("outcome " + last.Outcome.Name)
	s.ObservedAt = last.Outcome.When()
	return s
}

// InTime tells whether o, an outcome that matters for the rule, comes in time to count: one of its events happened in the
// window or its grace and arrived before that was over, one that undoes others arrived before the rule closes.
func (r Rule) InTime(w Window, o Outcome) bool {
	if r.Find(o) < 0 {
		return o.arrived().Before(r.Closes(w))
	}
	place := w.Place(o.When())
	return (place == Inside || place == InGrace) && o.arrived().Before(r.received(w))
}

// Undone tells whether one of the known outcomes takes a hit back.
func (r Rule) Undone(h Hit, known []Outcome) bool {
	undo := r.Events[h.Event].Undone
	return undo != nil && slices.ContainsFunc(known, func(u Outcome) bool {
		return undo.Event.Same(u.Event()) && h.Outcome.Before(u) && u.When().Before(h.Outcome.When().Add(undo.Within)) &&
			u.arrived().Before(r.undoable(h))
	})
}

// undoable is until when a hit of an event that can be undone may be taken back.
func (r Rule) undoable(h Hit) time.Time {
	return h.Outcome.When().Add(r.Events[h.Event].Undone.Within).Add(r.allowance())
}

// Firm is from when on none of the hits can be taken back; the zero time if none of them ever can.
func (r Rule) Firm(hits []Hit) (firm time.Time) {
	for _, h := range hits {
		if r.Events[h.Event].Undone != nil {
			firm = later(firm, r.undoable(h))
		}
	}
	return firm
}

// arrived is when o reached Verdict, or happened if that is not known.
func (o Outcome) arrived() time.Time {
	if o.ReceivedAt.IsZero() {
		return o.ObservedAt
	}
	return o.ReceivedAt
}
