package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A scorer's settlement must fit into an activity's input, and its result into a workflow's result: more would end it,
// without a score.

// unknowing is how long a scorer waits before it asks again after a worker did not understand it: one of v0.1.0, during
// an upgrade.
const unknowing = time.Minute

// fit makes a settlement fit: marks stand for ids, and scores that are still too many are left for later. The scorer's
// own score stays, since it replaces the pending one.
func (s *scorer) fit(ctx workflow.Context, st store.Settlement) (_ store.Settlement, later []scoring.Record) {
	if activities.Texts(st.Seen) > activities.MaxCarried/2 {
		st.SeenMarks, st.Seen = activities.Marks(st.Seen), nil
	}
	const around = 16 << 10 // the run, whose ids may have a thousand bytes each
	room := activities.MaxCarried - around - activities.Texts(st.Seen) - activities.Texts(st.SeenMarks)
	if first(st.Records, room) == len(st.Records) {
		return st, nil
	}
	// v0.1.0 sends all of them, which the server takes if they are only a little too many.
	if workflow.GetVersion(ctx, settleChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return st, nil
	}
	records := slices.Clone(st.Records)
	slices.SortStableFunc(records, func(a, b scoring.Record) int { return s.rank(a) - s.rank(b) })
	n := max(1, first(records, room))
	st.Records = records[:n]
	return st, records[n:]
}

// first returns how many records, from the first, take at most so many bytes.
func first(records []scoring.Record, room int) int {
	for i, r := range records {
		if room -= r.EncodedBound() + len(","); room < 0 {
			return i
		}
	}
	return len(records)
}

func (s *scorer) rank(r scoring.Record) int {
	if r.Name == s.env.Scorer && r.Key == s.env.Key() {
		return 0
	}
	return 1
}

// record records the scores that a settlement had no room for. With the kill switch thrown it sends as much of nothing: the
// commands are the same.
func (s *scorer) record(ctx workflow.Context, later []scoring.Record, silent bool) error {
	for i := range later {
		later[i].RecordedAt = workflow.Now(ctx)
	}
	for len(later) > 0 {
		n := max(1, first(later, activities.MaxCarried/2))
		b := activities.Batch{Records: later[:n]}
		if silent {
			b = activities.Batch{}
		}
		if err := workflow.ExecuteActivity(s.storeOptions(ctx), activities.RecordName, b).Get(ctx, nil); err != nil {
			return err
		}
		later = later[n:]
	}
	return nil
}

// refused takes in why the store has refused a settlement.
func (s *scorer) refused(ctx workflow.Context, st store.Settlement, refusal activities.Refusal) error {
	if len(st.SeenMarks) > 0 && len(refusal.Unseen) > 0 && !s.news(st.SeenMarks, refusal.Unseen) {
		workflow.GetLogger(ctx).Error("Verdict: the worker that opens the store is too old for this scorer; it waits", "Scorer", s.env.Scorer)
		return workflow.Sleep(ctx, unknowing)
	}
	s.add(refusal.Unseen...)
	taken := map[string]bool{}
	for _, mark := range append(activities.Marks(refusal.Taken), refusal.TakenMarks...) {
		taken[mark] = true
	}
	s.drop(taken)
	return nil
}

// news tells whether one of the outcomes has none of the marks.
func (s *scorer) news(marks []string, outcomes []scoring.Outcome) bool {
	told := map[string]bool{}
	for _, mark := range marks {
		told[mark] = true
	}
	return slices.ContainsFunc(outcomes, func(o scoring.Outcome) bool { return !told[o.Mark()] })
}

// result returns the result of a scorer's workflow: its scores, without reasons where those are too long, and the first
// of them where they are too many. All of it is in the store.
func result(scores []scoring.Score) Result {
	r := Result{Scores: scores}
	if r.Scores == nil {
		r.Scores = []scoring.Score{}
	}
	fitting := func() int {
		room := activities.MaxCarried
		for i, sc := range r.Scores {
			if room -= sc.EncodedBound(); room < 0 {
				return i
			}
		}
		return len(r.Scores)
	}
	if fitting() == len(r.Scores) {
		return r
	}
	r.Scores = slices.Clone(scores)
	for i := range r.Scores {
		r.Scores[i].Reason = ""
	}
	n := fitting()
	r.Scores, r.Omitted = r.Scores[:n], len(scores)-n
	return r
}
