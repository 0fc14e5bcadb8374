package scoring

import (
	"cmp"
	"slices"
	"time"
)

// Said is one time at which a revision was said.
type Said struct {
	// ObservedAt is the time of the event that the score is about; the zero time means RecordedAt.
	ObservedAt time.Time `json:"observed_at,omitzero"`
	RecordedAt time.Time `json:"recorded_at,omitzero"`
	// Attempt is the attempt of the step that recorded it; 0: none, or not known.
	Attempt int32 `json:"attempt,omitempty"`
	// ArrivedAt is when the store learned of it: see [Record.ArrivedAt].
	ArrivedAt time.Time `json:"-"`
}

// At is the time that counts: ObservedAt, or RecordedAt if ObservedAt is zero or later.
func (s Said) At() time.Time {
	if s.ObservedAt.IsZero() || (!s.RecordedAt.IsZero() && s.ObservedAt.After(s.RecordedAt)) {
		return s.RecordedAt
	}
	return s.ObservedAt
}

// Times returns every time at which r was said, at least one, in the order of arrival at the store.
func (r Record) Times() []Said {
	if len(r.Said) > 0 {
		return r.Said
	}
	return []Said{{r.ObservedAt, r.RecordedAt, r.Step.Attempt, r.ArrivedAt}}
}

// FirstSaid is when r was first said.
func (r Record) FirstSaid() time.Time {
	return slices.MinFunc(r.Times(), func(a, b Said) int { return a.At().Compare(b.At()) }).At()
}

// FirstRecorded is when r was first recorded.
func (r Record) FirstRecorded() time.Time {
	return slices.MinFunc(r.Times(), func(a, b Said) int { return a.RecordedAt.Compare(b.RecordedAt) }).RecordedAt
}

// LastSaid is when r was last said.
func (r Record) LastSaid() time.Time {
	return slices.MaxFunc(r.Times(), func(a, b Said) int { return a.At().Compare(b.At()) }).At()
}

// AsOf returns r with only the times recorded by now. ok is false if there are none.
func (r Record) AsOf(now time.Time) (asOf Record, ok bool) {
	known := slices.DeleteFunc(slices.Clone(r.Times()), func(s Said) bool { return s.RecordedAt.After(now) })
	if len(r.Said) > 0 {
		r.Said = known
	}
	return r, len(known) > 0
}

// Holding returns the revision of one identity that holds. history has all its revisions, in any order; with a time
// before, only statements made earlier than that count. since is the time from which the sources said the same without
// interruption. ok is false if nothing holds.
//
//   - The latest statement holds, by [Said.At] and then by the time it was recorded, from any source and in any order
//     of arrival.
//   - Of the attempts of a step, only the last one counts.
//   - From a run's own code the last complete set counts, and from a deferred scorer the last settlement. If that is
//     not earlier than before, their earlier statements count.
//   - A retraction takes back statements of its own source only.
//   - A pending revision holds only while there is no other.
func Holding(history []Record, before time.Time) (held Record, since time.Time, ok bool) {
	all := statements(history)
	words := []statement{}
	for _, source := range []Source{FromWorkflow, FromScorer} {
		if s, ok := lastWord(all, source, before); ok {
			words = append(words, s)
		}
	}
	var attempts []statement
	for _, s := range all {
		switch {
		case s.r.Retracted || !s.within(before) || s.r.Source.Revises():
		case s.Attempt > 0:
			attempts = append(attempts, s)
		default:
			words = append(words, s)
		}
	}
	if len(attempts) > 0 {
		words = append(words, slices.MaxFunc(attempts, func(a, b statement) int {
			return cmp.Or(cmp.Compare(a.Attempt, b.Attempt), a.order(b))
		}))
	}
	if len(words) == 0 {
		return Record{}, time.Time{}, false
	}
	last := slices.MaxFunc(words, statement.order)
	return *last.r, last.since(all), true
}

// Revises tells whether each statement of a source replaces its earlier ones, regardless of their times: a run's code
// hands over complete sets, and a scorer settles again.
func (s Source) Revises() bool { return s == FromWorkflow || s == FromScorer }

// statement is a revision at one of the times at which it was said.
type statement struct {
	Said
	r *Record
}

func statements(history []Record) []statement {
	all := make([]statement, 0, len(history))
	for i := range history {
		for _, said := range history[i].Times() {
			all = append(all, statement{said, &history[i]})
		}
	}
	return all
}

func (s statement) within(before time.Time) bool { return before.IsZero() || s.At().Before(before) }

// order says which of two statements holds: the larger one.
func (s statement) order(t statement) int {
	waits := func(r *Record) int {
		if r.State == Pending {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(waits(s.r), waits(t.r)), s.At().Compare(t.At()), s.RecordedAt.Compare(t.RecordedAt),
		// Said at the same moment: compare the contents, so that every reader decides alike.
		cmp.Compare(s.r.Source, t.r.Source), cmp.Compare(s.r.State, t.r.State), cmp.Compare(s.r.Value.String(), t.r.Value.String()),
		cmp.Compare(s.r.Category, t.r.Category), cmp.Compare(s.r.Reason, t.r.Reason), cmp.Compare(s.r.Revision, t.r.Revision))
}

// lastWord returns the statement that counts, before the given time, from a source that revises itself.
func lastWord(all []statement, source Source, before time.Time) (statement, bool) {
	var own []statement
	for _, s := range all {
		if s.r.Source == source {
			own = append(own, s)
		}
	}
	firstCall(own)
	var word *statement
	for i, s := range own {
		if s.r.Overtaken {
			continue
		}
		// Of one revision the last time in the list arrived last.
		if word == nil || s.r == word.r || cmp.Or(cmp.Compare(s.r.Revision, word.r.Revision), s.RecordedAt.Compare(word.RecordedAt)) > 0 {
			word = &own[i]
		}
	}
	switch {
	case word == nil:
	case word.r.Retracted && (word.within(before) || !word.ObservedAt.IsZero()):
		return statement{}, false // its time is the time of the statement that it takes back: the source never said that
	case !word.r.Retracted && word.within(before):
		return *word, true
	}
	own = slices.DeleteFunc(own, func(s statement) bool { return s.r.Retracted || !s.within(before) })
	if len(own) == 0 {
		return statement{}, false
	}
	return slices.MaxFunc(own, statement.order), true
}

// firstCall gives a statement that was repeated, with the same time, the place of the first call that made it.
func firstCall(own []statement) {
	type identical struct {
		state    State
		value    Value
		category string
		reason   string
		observed int64
	}
	id := func(s statement) identical {
		return identical{s.r.State, s.r.Value, s.r.Category, s.r.Reason, s.ObservedAt.UnixMicro()}
	}
	first := make(map[identical]time.Time, len(own))
	for _, s := range own {
		if at, ok := first[id(s)]; !s.r.Retracted && (!ok || s.RecordedAt.Before(at)) {
			first[id(s)] = s.RecordedAt
		}
	}
	for i, s := range own {
		if !s.r.Retracted && !s.ObservedAt.IsZero() {
			own[i].RecordedAt = first[id(s)]
		}
	}
}

// since returns the time from which s was said without interruption: its first time after the last different statement.
func (s statement) since(all []statement) time.Time {
	sorted := slices.DeleteFunc(slices.Clone(all), func(t statement) bool {
		return t.r.Retracted || t.r.State == Pending && s.r.State != Pending || t.order(s) > 0
	})
	slices.SortFunc(sorted, func(a, b statement) int { return b.order(a) })
	since := s.At()
	for _, t := range sorted {
		if !t.r.Same(s.r.Score) {
			break
		}
		since = t.At()
	}
	return since
}
