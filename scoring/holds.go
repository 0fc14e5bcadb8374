package scoring

import (
	"cmp"
	"slices"
	"time"
)

// Said is one time at which a revision was said.
type Said struct {
	// ObservedAt is when what is said happened; the zero time means RecordedAt.
	ObservedAt time.Time `json:"observed_at,omitzero"`
	RecordedAt time.Time `json:"recorded_at,omitzero"`
	// Attempt is the attempt of the step that said so; 0: none, or not known.
	Attempt int32 `json:"attempt,omitempty"`
}

// At is when it was said: when what it speaks of was observed, or recorded if that is not known or claims to be later.
func (s Said) At() time.Time {
	if s.ObservedAt.IsZero() || (!s.RecordedAt.IsZero() && s.ObservedAt.After(s.RecordedAt)) {
		return s.RecordedAt
	}
	return s.ObservedAt
}

// Times returns every time at which r was said, at least one, in the order in which they became known.
func (r Record) Times() []Said {
	if len(r.Said) > 0 {
		return r.Said
	}
	return []Said{{r.ObservedAt, r.RecordedAt, r.Step.Attempt}}
}

// FirstSaid is when r was first said.
func (r Record) FirstSaid() time.Time {
	return slices.MinFunc(r.Times(), func(a, b Said) int { return a.At().Compare(b.At()) }).At()
}

// LastSaid is when r was last said.
func (r Record) LastSaid() time.Time {
	return slices.MaxFunc(r.Times(), func(a, b Said) int { return a.At().Compare(b.At()) }).At()
}

// AsOf returns r as it was known at the given moment. ok is false if nobody had said it by then.
func (r Record) AsOf(now time.Time) (asOf Record, ok bool) {
	known := slices.DeleteFunc(slices.Clone(r.Times()), func(s Said) bool { return s.RecordedAt.After(now) })
	if len(r.Said) > 0 {
		r.Said = known
	}
	return r, len(known) > 0
}

// Holding returns which revision of one identity holds, of history, which has all of them in any order: of what was
// said before the given time, or, if that is zero, of all. since is from when on it was said without anything else in
// between. ok is false if nothing holds.
//
//   - What was said last holds, by [Said.At] and then by when it was recorded, whoever said it and whenever it arrived.
//   - Of the attempts of a step, only what the last of them says counts.
//   - Of what a run's own code says, its last complete set counts, and of a deferred scorer its last settlement. Where that
//     is of a later time, what they had said before counts.
//   - A retraction takes back what its own source says, and nothing else.
//   - What is pending holds only while there is nothing else.
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

// Revises tells whether what a source says replaces what it said before, whatever the times are: a run's code hands over
// complete sets, and a scorer settles again.
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
		// Said at the same moment: by what they say, so that everybody decides alike.
		cmp.Compare(s.r.Source, t.r.Source), cmp.Compare(s.r.State, t.r.State), cmp.Compare(s.r.Value.String(), t.r.Value.String()),
		cmp.Compare(s.r.Reason, t.r.Reason), cmp.Compare(s.r.Revision, t.r.Revision))
}

// lastWord returns what a source that revises itself says within the time.
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
		// Of one revision the last time is the one that became known last.
		if word == nil || s.r == word.r || cmp.Or(cmp.Compare(s.r.Revision, word.r.Revision), s.RecordedAt.Compare(word.RecordedAt)) > 0 {
			word = &own[i]
		}
	}
	switch {
	case word == nil:
	case word.r.Retracted && (word.within(before) || !word.ObservedAt.IsZero()):
		return statement{}, false // with a time it is that of what it takes back: that was never said
	case !word.r.Retracted && word.within(before):
		return *word, true
	}
	own = slices.DeleteFunc(own, func(s statement) bool { return s.r.Retracted || !s.within(before) })
	if len(own) == 0 {
		return statement{}, false
	}
	return slices.MaxFunc(own, statement.order), true
}

// firstCall gives what was said of the same time more than once the place of the first call that said so.
func firstCall(own []statement) {
	type identical struct {
		state    State
		value    Value
		reason   string
		observed int64
	}
	id := func(s statement) identical {
		return identical{s.r.State, s.r.Value, s.r.Reason, s.ObservedAt.UnixMicro()}
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

// since returns from when on s was said: the first time after the last one at which something else was.
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
