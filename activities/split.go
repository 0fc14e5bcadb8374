package activities

import (
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// Split returns b in batches that each fit into a payload, in the order of handing over. It returns a batch that fits
// unchanged, and also one that cannot be made smaller, for the server to refuse.
//
// A flush is a complete set: a second one would retract the scores of the first. So the first batch has the flush with
// as many scores and declared expectations as fit and the marks of the others, which follow as its parts. A worker of a release that knows no
// parts keeps those others as scores of an activity: there no flush retracts them, whichever comes first.
func (b Batch) Split() []Batch {
	if Size(b) <= MaxCarried {
		return []Batch{b}
	}
	return b.split(maxPart)
}

// maxPart is how many bytes the batches have into which another one is split: of half a megabyte the SDK and the server
// say in their logs that it is much.
const maxPart = 500_000

func (b Batch) split(most int) []Batch {
	if Size(b) <= most || b.Registration != nil {
		return []Batch{b}
	}
	if b.Flush == nil {
		return b.chunks(b.Records, b.Waits, most)
	}
	whole := *b.Flush
	first := whole
	first.Records, first.Waits = nil, nil
	marks, ids := make([]string, len(whole.Records)), make([]string, len(whole.Waits))
	for i, rec := range whole.Records {
		marks[i] = rec.Mark()
	}
	for i, e := range whole.Waits {
		ids[i] = e.Identity()
	}
	elsewhere := func(n, m int) []string { // it may be the first part of one already
		return slices.Concat(marks[n:], ids[m:], whole.Elsewhere)
	}
	b.Flush, first.Elsewhere = &first, elsewhere(0, 0)
	room := most - Size(b) - len(`"records":[],"waits":[],`)
	// The first has a wait if any has, and so the name that says so.
	m := max(Fitting(whole.Waits, room), min(1, len(whole.Waits)))
	room -= Size(whole.Waits[:m])
	n := Fitting(whole.Records, room)
	first.Records, first.Waits, first.Elsewhere = whole.Records[:n], whole.Waits[:m], elsewhere(n, m)

	part := whole
	part.Records, part.Waits, part.Elsewhere, part.Partial = nil, nil, nil, true
	part.Facts = scoring.RunFacts{Run: whole.Facts.Run, FirstRunID: whole.Facts.FirstRunID, OriginalRunID: whole.Facts.OriginalRunID}
	rest := make([]scoring.Record, len(whole.Records)-n)
	for i := range rest {
		rest[i] = whole.Records[n+i]
		rest[i].Source = scoring.FromActivity
		if rest[i].RecordedAt.IsZero() {
			rest[i].RecordedAt = whole.RecordedAt()
		}
	}
	return append([]Batch{b}, Batch{Part: &part}.chunks(rest, whole.Waits[m:], most)...)
}

// chunks returns batches like b that have so many of the records each as fit, and then such that have so many of the waits.
func (b Batch) chunks(records []scoring.Record, waits []scoring.Expectation, most int) (all []Batch) {
	b.Records, b.Waits = nil, nil
	room := most - Size(b) - len(`"records":[],`)
	for len(records) > 0 {
		next := b
		n := max(1, Fitting(records, room))
		next.Records, records = records[:n], records[n:]
		all = append(all, next)
	}
	for len(waits) > 0 {
		next := b
		n := max(1, Fitting(waits, room))
		next.Waits, waits = waits[:n], waits[n:]
		all = append(all, next)
	}
	return all
}

// flush returns a part in the form for the store: its waits, and the scores as the workflow's own.
func (b Batch) flush() scoring.Flush {
	f := *b.Part
	f.Waits = b.Waits
	f.Records = make([]scoring.Record, len(b.Records))
	for i, rec := range b.Records {
		rec.Source = scoring.FromWorkflow
		f.Records[i] = rec
	}
	return f
}
