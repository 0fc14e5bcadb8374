package analysis

import (
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// A unit with a window is sealed when the window and the grace after it have passed. Its reading is a function of the facts
// that happened within the window and that the store had learned of by the seal; later ones change nothing. The seals of
// units follow in the order of their assignments, so no unit that is known in time is assigned before a sealed one.

// horizon is until when facts count for a unit: when they happened, and when the store learned of them.
type horizon struct {
	from  time.Time // the assignment
	until time.Time // the end of the window; the zero time: it has none
	seal  time.Time // the end of the grace
	now   time.Time
	// stored tells that the store has sealed the unit. removed tells that its assignment was reset away at a time that is not
	// known, which was after that: no such assignment is sealed.
	stored, removed bool
	asked           map[scoring.Run]scoring.RunStatus // the server's answers about runs that never flushed
}

func (r *Reader) horizon(a scoring.Assignment) horizon {
	h := horizon{from: a.At, now: r.now, asked: r.asked, stored: a.Position > 0, removed: a.Position > 0 && a.Superseded && a.SupersededAt.IsZero()}
	if r.scope.Maturity > 0 {
		h.until = a.At.Add(r.scope.Maturity)
		// A store keeps microseconds, and when it sealed a unit stands, should the grace have another default in a later release.
		h.seal = a.At.Truncate(time.Microsecond).Add(r.scope.Maturity + r.scope.Grace)
		if h.stored && !a.SealedAt.IsZero() {
			h.seal = a.SealedAt
		}
	}
	return h
}

// status is how a run ended, by the server's answer if the store does not know. The answer has no time: of a sealed unit it
// says nothing.
func (h horizon) status(f scoring.RunFacts) scoring.RunStatus {
	if f.Status == "" && !h.sealed() {
		return h.asked[f.Run]
	}
	return f.Status
}

func (h horizon) windowed() bool { return !h.until.IsZero() }

// sealed tells whether the seal has passed.
func (h horizon) sealed() bool { return h.windowed() && !h.now.Before(h.seal) }

// inGrace tells whether the window has closed and the unit is not sealed.
func (h horizon) inGrace() bool {
	return h.windowed() && !h.now.Before(h.until) && h.now.Before(h.seal)
}

// knew tells whether something was known by the seal, with the times at which the store learned of it and at which it was
// recorded. A time of learning that is not known says nothing.
func (h horizon) knew(learned, recorded time.Time) bool {
	if learned.IsZero() {
		learned = recorded
	}
	return !h.windowed() || !learned.After(h.seal)
}

// gone tells whether a fact takes an assignment, a run or a record out of the unit: not if the store learned of the fact
// after the seal. at is zero if it is not known when the store did.
func (h horizon) gone(fact bool, at time.Time) bool {
	return fact && !h.outlived(fact, at)
}

// outlived tells whether a fact would have taken something out of the unit, and came too late for that. One without a time,
// of an earlier release, came in time, unless it is the reset that the unit's assignment has outlived.
func (h horizon) outlived(fact bool, at time.Time) bool {
	if !fact || !h.windowed() {
		return false
	}
	if at.IsZero() {
		return h.removed
	}
	return at.After(h.seal)
}

// of returns the facts of a run as they count. ok is false if the run does not; late tells that it ended after the window,
// or that the store learned of its end after the seal.
func (h horizon) of(f scoring.RunFacts) (as scoring.RunFacts, ok, late bool) {
	if h.gone(f.Learned.Removed, f.Learned.Reset) || !h.knew(f.Learned.Run, time.Time{}) {
		return f, false, false
	}
	if !h.knew(f.Learned.Start, time.Time{}) {
		f.StartedAt = time.Time{}
	}
	if !h.knew(f.Learned.Flush, time.Time{}) {
		f.Assigned = nil
	}
	if h.windowed() && f.StartedAt.After(h.until) {
		return f, false, false
	}
	if f.Status != "" && h.windowed() && (!f.ClosedAt.IsZero() && !f.ClosedAt.Before(h.until) || !h.knew(f.Learned.End, time.Time{})) {
		f.Status, f.ClosedAt, late = "", time.Time{}, true
	}
	return f, true, late
}

// record returns a record with the times that the store had learned of by the seal. ok is false if there are none, or the
// record's run was reset away by then.
func (h horizon) record(r scoring.Record) (as scoring.Record, ok bool) {
	if h.gone(r.Superseded, r.SupersededAt) {
		return r, false
	}
	if !h.windowed() {
		return r, true
	}
	var known []scoring.Said
	for _, s := range r.Times() {
		if h.knew(s.ArrivedAt, s.RecordedAt) {
			known = append(known, s)
		}
	}
	if len(known) == 0 {
		return r, false
	}
	if len(r.Said) > 0 {
		r.Said = known
	}
	return r, true
}
