package analysis

import (
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// A report of the past of units with a window is the one that was made then: what the store had not learned of yet is not
// in it. A fact without a time of learning was always known. Units without a window go by when things happened.

// assignmentAsOf returns an assignment as the store knew it. ok is false if it did not.
func (r *Reader) assignmentAsOf(a scoring.Assignment) (asOf scoring.Assignment, ok bool) {
	if r.scope.Maturity == 0 || a.RecordedAt.IsZero() && a.At.After(r.now) {
		return a, !a.At.After(r.now) // the clock of a worker may go before the store's
	}
	if a.SupersededAt.After(r.now) {
		a.Superseded, a.SupersededAt = false, time.Time{}
	}
	if a.UnservedAt.After(r.now) {
		a.Unserved, a.UnservedAt = false, time.Time{}
	}
	return a, !a.RecordedAt.After(r.now)
}

// runAsOf returns the facts of a run as the store knew them. ok is false if it did not know the run.
func (r *Reader) runAsOf(f scoring.RunFacts) (asOf scoring.RunFacts, ok bool) {
	l := &f.Learned
	if f.ClosedAt.After(r.now) || r.scope.Maturity > 0 && l.End.After(r.now) {
		f.ClosedAt, f.Status, l.End = time.Time{}, "", time.Time{}
	}
	if r.scope.Maturity == 0 {
		return f, true
	}
	if l.Start.After(r.now) {
		f.StartedAt, l.Start = time.Time{}, time.Time{}
	}
	if l.Flush.After(r.now) {
		f.Assigned, l.Flush = nil, time.Time{}
	}
	if l.Reset.After(r.now) {
		l.Removed, l.Reset = false, time.Time{}
	}
	return f, !l.Run.After(r.now)
}

// recordAsOf returns a record with the times that the store had by now. ok is false if there are none.
func (r *Reader) recordAsOf(rec scoring.Record) (asOf scoring.Record, ok bool) {
	if rec, ok = rec.AsOf(r.now); !ok || r.scope.Maturity == 0 {
		return rec, ok
	}
	if rec.SupersededAt.After(r.now) {
		rec.Superseded, rec.SupersededAt = false, time.Time{}
	}
	if len(rec.Said) == 0 {
		return rec, !rec.ArrivedAt.After(r.now)
	}
	rec.Said = slices.DeleteFunc(rec.Said, func(s scoring.Said) bool { return s.ArrivedAt.After(r.now) })
	return rec, len(rec.Said) > 0
}
