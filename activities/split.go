package activities

import "github.com/verdict-dev/verdict/scoring"

// Split returns b in batches that each fit into a payload, in the order of handing over. It returns a batch that fits
// unchanged, and also one that cannot be made smaller, for the server to refuse.
//
// A flush is a complete set: a second one would retract the scores of the first. So the first batch has the flush with
// as many scores as fit and the marks of the others, which follow as its parts. A worker of a release that knows no
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
	if Size(b) <= most {
		return []Batch{b}
	}
	if b.Flush == nil {
		return b.chunks(b.Records, most)
	}
	whole := *b.Flush
	first := whole
	first.Records, first.Elsewhere = nil, make([]string, len(whole.Records))
	for i, rec := range whole.Records {
		first.Elsewhere[i] = rec.Mark()
	}
	first.Elsewhere = append(first.Elsewhere, whole.Elsewhere...) // it may be the first part of one already
	b.Flush = &first
	n := Fitting(whole.Records, most-Size(b)-len(`"records":[],`))
	first.Records, first.Elsewhere = whole.Records[:n], first.Elsewhere[n:]

	part := whole
	part.Records, part.Elsewhere, part.Partial = nil, nil, true
	part.Facts = scoring.RunFacts{Run: whole.Facts.Run, FirstRunID: whole.Facts.FirstRunID, OriginalRunID: whole.Facts.OriginalRunID}
	rest := make([]scoring.Record, len(whole.Records)-n)
	for i := range rest {
		rest[i] = whole.Records[n+i]
		rest[i].Source = scoring.FromActivity
		if rest[i].RecordedAt.IsZero() {
			rest[i].RecordedAt = whole.RecordedAt()
		}
	}
	return append([]Batch{b}, Batch{Part: &part}.chunks(rest, most)...)
}

// chunks returns batches like b that have so many of the records each as fit.
func (b Batch) chunks(records []scoring.Record, most int) (all []Batch) {
	b.Records = nil
	room := most - Size(b) - len(`"records":[],`)
	for len(records) > 0 {
		next := b
		n := max(1, Fitting(records, room))
		next.Records, records = records[:n], records[n:]
		all = append(all, next)
	}
	return all
}

// flush returns a part in the form for the store: the scores as the workflow's own.
func (b Batch) flush() scoring.Flush {
	f := *b.Part
	f.Records = make([]scoring.Record, len(b.Records))
	for i, rec := range b.Records {
		rec.Source = scoring.FromWorkflow
		f.Records[i] = rec
	}
	return f
}
