package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// manner is how a statement joins the earlier statements of its source.
type manner int

const (
	// whenever: its time decides its place.
	whenever manner = iota
	// last: it is the latest statement of a source that revises itself, regardless of its times.
	last
	// overtaken: a later word of a source that revises itself is known.
	overtaken
)

// say records the statement r, and decides again which revision holds. A repetition, by the same source about the same
// time, changes nothing, whether it holds now or not: a call may be repeated, and so may the transport.
func (t txn) say(ctx context.Context, run runRow, r scoring.Record, how manner) error {
	identity := scoreIdentity(r)
	now, found, err := t.latest(ctx, identity)
	if err != nil {
		return err
	}
	if !found {
		if how == overtaken {
			return t.takenBack(ctx, run, r, nil)
		}
		return t.add(ctx, run, nil, r)
	}
	if done, err := t.sayLast(ctx, run, r, now, how); done || err != nil {
		return err
	}
	h, err := t.history(ctx, identity)
	if err != nil {
		return err
	}
	word := h.word(r.Source)
	if how == whenever && r.Source.Revises() {
		how = last
		if word != nil && r.RecordedAt.Before(lastRecorded(word.rec)) {
			how = overtaken
		}
	}
	if how == last {
		return t.sayWord(ctx, run, r, h, word)
	}
	for i := range h {
		if n := known(h[i].rec, r); n >= 0 {
			return t.knownBefore(ctx, h, &h[i], n, r)
		}
	}
	switch i := h.current(); {
	case how == overtaken && word == nil:
		return t.takenBack(ctx, run, r, h)
	case how == overtaken:
		r.Overtaken = true
	case repeats(h[i].rec, r):
		if err := t.repeat(ctx, &h[i], said(r)); err != nil {
			return err
		}
		return t.mark(ctx, h)
	}
	return t.add(ctx, run, h, r)
}

// takenBack records a statement of a source that revises itself, made before the source's latest one, which does not
// name it.
func (t txn) takenBack(ctx context.Context, run runRow, r scoring.Record, h history) error {
	r.Overtaken, r.Revision = true, 1
	if n := len(h); n > 0 {
		r.Revision = h[n-1].rec.Revision + 1
	}
	id, err := t.addRow(ctx, run, r, false)
	if err != nil {
		return err
	}
	gone := r
	gone.Overtaken, gone.Retracted = false, true
	return t.add(ctx, run, append(h, revision{id: id, rec: r}), gone)
}

// sayLast does the same as say without the identity's whole history, where the current revision is enough: r is newer,
// or the same.
func (t txn) sayLast(ctx context.Context, run runRow, r scoring.Record, now revision, how manner) (done bool, err error) {
	if now.rec.Retracted || now.rec.Overtaken || now.rec.State == scoring.Pending || r.State == scoring.Pending {
		return false, nil
	}
	if how == last {
		times := now.rec.Times()
		return now.rec.Source == r.Source && now.rec.Same(r.Score) && times[len(times)-1].ObservedAt.Equal(said(r).ObservedAt), nil
	}
	if how != whenever || r.Source.Revises() || !lastAttempt(now.rec, r) || !said(r).At().After(now.rec.LastSaid()) {
		return false, nil
	}
	if repeats(now.rec, r) {
		return true, t.repeat(ctx, &now, said(r))
	}
	highest, _, err := one(ctx, t.tx, scanID, `SELECT MAX(revision) FROM scores WHERE identity = $1`, scoreIdentity(r))
	if err != nil {
		return true, err
	}
	return true, t.replace(ctx, run, now, r, int(highest)+1)
}

// lastAttempt tells whether r, which is newer than the current revision, comes from no attempt of the step, or from the
// last attempt that has a score.
func lastAttempt(now, r scoring.Record) bool {
	if r.Step.Attempt == 0 {
		return true
	}
	if now.Source.Revises() {
		return false // not known from this
	}
	for _, s := range now.Times() {
		if s.Attempt == 0 || s.Attempt > r.Step.Attempt {
			return false
		}
	}
	return true
}

// sayWord makes r the last word of its source. word is the one before it.
func (t txn) sayWord(ctx context.Context, run runRow, r scoring.Record, h history, word *revision) error {
	if word == nil || word.rec.Retracted || !word.rec.Same(r.Score) {
		return t.add(ctx, run, h, r)
	}
	times := word.rec.Times()
	if n := known(word.rec, r); n == len(times)-1 {
		return t.knownBefore(ctx, h, word, n, r)
	}
	if h.current() != h.place(word) {
		return t.add(ctx, run, h, r)
	}
	if err := t.repeat(ctx, word, said(r)); err != nil {
		return err
	}
	return t.mark(ctx, h)
}

// knownBefore handles a statement that the store has already, as the n-th time of one of the revisions. The earliest of
// the calls that made it counts, in any order of arrival.
func (t txn) knownBefore(ctx context.Context, h history, r *revision, n int, again scoring.Record) error {
	if !again.RecordedAt.Before(r.rec.Times()[n].RecordedAt) {
		return nil
	}
	if err := t.recordedBefore(ctx, r, n, again.RecordedAt); err != nil {
		return err
	}
	return t.mark(ctx, h)
}

// retract takes back the statement of a source that revises itself under an identity.
func (t txn) retract(ctx context.Context, run runRow, identity []byte, source scoring.Source, at time.Time) error {
	h, err := t.history(ctx, identity)
	if err != nil {
		return err
	}
	word := h.word(source)
	if word == nil || word.rec.Retracted {
		return nil
	}
	gone := word.rec
	gone.Said, gone.Retracted, gone.RecordedAt = nil, true, at
	return t.add(ctx, run, h, gone)
}

// lastRecorded is when what r says was recorded last.
func lastRecorded(r scoring.Record) time.Time {
	return slices.MaxFunc(r.Times(), func(a, b scoring.Said) int { return a.RecordedAt.Compare(b.RecordedAt) }).RecordedAt
}

// said is the time of the statement r; without a time of its own, the time it was recorded.
func said(r scoring.Record) scoring.Said {
	s := scoring.Said{ObservedAt: r.ObservedAt, RecordedAt: r.RecordedAt, Attempt: r.Step.Attempt}
	if s.ObservedAt.IsZero() {
		s.ObservedAt = s.RecordedAt
	}
	return s
}

// repeats tells whether r says the same as the revision q.
func repeats(q, r scoring.Record) bool {
	return !q.Retracted && q.Source == r.Source && q.Same(r.Score)
}

// known returns at which of q's times the very statement r was made; -1: at none.
func known(q, r scoring.Record) int {
	if !repeats(q, r) {
		return -1
	}
	for n, s := range q.Times() {
		if s.ObservedAt.IsZero() {
			s.ObservedAt = s.RecordedAt
		}
		if s.ObservedAt.Equal(said(r).ObservedAt) && s.Attempt == r.Step.Attempt {
			return n
		}
	}
	return -1
}
