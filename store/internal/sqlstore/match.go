package sqlstore

import (
	"bytes"
	"cmp"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// waiter is an expectation whose window admits an outcome that it names.
type waiter struct {
	id         int64
	scorer     []byte // digest of the scorer's workflow id
	settled    bool
	superseded bool // its run was reset away
	decides    bool // the store decides it
	e          scoring.Expectation

	since, closes int64 // of its event
}

// started is when the run that w is about started, or when w was made if that is not known.
func (w waiter) started() time.Time {
	if w.e.RunStartedAt.IsZero() {
		return w.e.At
	}
	return w.e.RunStartedAt
}

// closed tells whether nothing received at that time can count for w any more: its scorer has settled, and does not
// listen for late outcomes.
func (w waiter) closed(received time.Time) bool {
	return w.settled && (w.e.Window.Grace == 0 || w.e.Window.Place(received) == scoring.TooLate)
}

// late tells whether o, which meets w, comes too late to count. For a declared scorer that follows from o alone.
func (w waiter) late(o scoring.Outcome) bool {
	if w.decides {
		return !w.e.Rule.InTime(w.e.Window, o)
	}
	return w.closed(received(o))
}

// match is a row of matches, by expectation.
type match struct {
	expectation int64
	late        bool
}

// held are the matches that an outcome has, by expectation; the value says whether the match is late.
type held map[int64]bool

// meets returns which of the waiters an outcome counts for. It depends on who waits, not on who came first, with one
// exception: an outcome that a scorer that is a workflow has settled on stays with it. A declared scorer whose predicates o
// does not meet is out of it; one for which o only takes another outcome back has it, regardless of attribution.
func meets(o scoring.Outcome, waiters []waiter, has held) map[int64]bool {
	met := make(map[int64]bool, len(waiters))
	type claim struct {
		scorer string
		by     scoring.Attribution
	}
	claims := map[claim][]*waiter{}
	for i := range waiters {
		w := &waiters[i]
		by := w.e.Attribution
		if w.decides && w.e.Rule.Find(o) < 0 {
			if w.e.Rule.Matters(o) {
				met[w.id] = true
			}
			continue
		}
		if by != scoring.AttributeLast && by != scoring.AttributeFirst {
			by = scoring.AttributeAll
			met[w.id] = true
		}
		claims[claim{w.e.Scorer, by}] = append(claims[claim{w.e.Scorer, by}], w)
	}
	for c, by := range claims {
		if c.by == scoring.AttributeAll {
			continue
		}
		rivals := by // of the scorer's name, regardless of their own attribution
		for _, other := range []scoring.Attribution{scoring.AttributeAll, scoring.AttributeLast, scoring.AttributeFirst} {
			if other != c.by {
				rivals = append(rivals[:len(rivals):len(rivals)], claims[claim{c.scorer, other}]...)
			}
		}
		winner, ok := attribute(o.When(), c.by, rivals, has)
		for _, w := range by {
			// All waits of the scorer that wins meet it: they are one scorer's.
			if ok && bytes.Equal(winner, w.scorer) {
				met[w.id] = true
			}
		}
	}
	return met
}

// attribute returns which scorer of several of one name an outcome counts for.
func attribute(at time.Time, by scoring.Attribution, rivals []*waiter, has held) (scorer []byte, ok bool) {
	var best, kept *waiter
	for _, c := range rivals {
		late, matched := has[c.id]
		if matched && !late && c.settled && !c.decides && c.e.Attribution != scoring.AttributeAll && c.e.Attribution != "" {
			if kept == nil || c.id < kept.id {
				kept = c
			}
		}
		if by == scoring.AttributeLast && c.started().After(at) {
			continue
		}
		if best == nil || c.precedes(*best, by) {
			best = c
		}
	}
	switch {
	case kept != nil:
		return kept.scorer, true
	case best == nil:
		return nil, false
	}
	return best.scorer, true
}

// precedes tells whether c has the better claim: a run that still holds before one that was reset away, then the start
// of the run, then (for runs that started at once) the scorer's digest, so that everybody decides alike.
func (c waiter) precedes(best waiter, by scoring.Attribution) bool {
	if c.superseded != best.superseded {
		return best.superseded
	}
	order := cmp.Or(c.started().Compare(best.started()), bytes.Compare(c.scorer, best.scorer))
	if by == scoring.AttributeLast {
		return order > 0
	}
	return order < 0
}
