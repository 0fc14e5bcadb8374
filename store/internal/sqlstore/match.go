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
	e          scoring.Expectation
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

// match is a row of matches, by expectation.
type match struct {
	expectation int64
	late        bool
}

// held are the matches that an outcome has, by expectation; the value says whether the match is late.
type held map[int64]bool

// meets returns which of the waiters an outcome that happened at that time counts for. It depends on who waits, not on
// who came first, with one exception: an outcome that a scorer has settled on stays with it.
func meets(at time.Time, waiters []waiter, has held) map[int64]bool {
	met := make(map[int64]bool, len(waiters))
	for _, w := range waiters {
		switch w.e.Attribution {
		case scoring.AttributeLast, scoring.AttributeFirst:
			// All waits of the scorer that wins meet it: they are one scorer's.
			if winner, ok := attribute(at, w, waiters, has); ok && bytes.Equal(winner, w.scorer) {
				met[w.id] = true
			}
		default:
			met[w.id] = true
		}
	}
	return met
}

// attribute returns which scorer of w's name an outcome counts for, by w's attribution.
func attribute(at time.Time, w waiter, waiters []waiter, has held) (scorer []byte, ok bool) {
	var best *waiter
	for i := range waiters {
		c := &waiters[i]
		if c.e.Scorer != w.e.Scorer {
			continue
		}
		if late, matched := has[c.id]; matched && !late && c.settled && c.e.Attribution != scoring.AttributeAll && c.e.Attribution != "" {
			return c.scorer, true
		}
		if w.e.Attribution == scoring.AttributeLast && c.started().After(at) {
			continue
		}
		if best == nil || c.precedes(*best, w.e.Attribution) {
			best = c
		}
	}
	if best == nil {
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
