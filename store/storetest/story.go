package storetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// saying is one statement about one identity of a run, in the form that a caller hands over.
type saying struct {
	records []scoring.Record // by a service or an activity
	flush   *scoring.Flush   // by the run's own code
}

// Story has the statements about one score of one run, and a model of the one that holds.
type Story struct {
	Run  scoring.Run
	Name string
	said []saying // in the order of their making
}

// Tell makes up a story about a run and hands all of it over to s, twice, in an order that the seed decides: at once or as it
// travels, and sets in one piece or in parts.
func Tell(t *testing.T, s store.Store, run scoring.Run, seed int) Story {
	t.Helper()
	rnd := rand.New(rand.NewPCG(7, uint64(seed)))
	story := Story{run, "ok", sayings(rnd, run)}
	var deliveries []saying
	for _, each := range story.said {
		if each.flush == nil || rnd.IntN(3) > 0 {
			deliveries = append(deliveries, each)
			continue
		}
		for _, part := range inParts(*each.flush, 0) {
			deliveries = append(deliveries, saying{flush: &part})
		}
	}
	for range 2 {
		for _, i := range rnd.Perm(len(deliveries)) {
			if d := deliveries[i]; rnd.IntN(2) == 0 {
				bench{s}.say(t, d)
			} else {
				bench{s}.say(t, saying{travelled(t, d.records), travelled(t, d.flush)})
			}
		}
	}
	return story
}

// travelled returns a value after a trip through JSON.
func travelled[T any](t *testing.T, v T) (arrived T) {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &arrived))
	return arrived
}

// again says all of the story again, in its order, with another time of its own for each call.
func (b bench) again(t *testing.T, s Story) {
	t.Helper()
	for _, each := range s.said {
		each.records = slices.Clone(each.records)
		for i := range each.records {
			each.records[i].RecordedAt = each.records[i].RecordedAt.Add(24 * time.Hour)
		}
		b.say(t, each)
	}
}

func (b bench) say(t *testing.T, s saying) {
	t.Helper()
	if s.flush != nil {
		b.flush(t, *s.flush)
		return
	}
	b.record(t, s.records...)
}

// sayings are statements of services, the attempts of an activity and the run's own code about one identity. Each has
// its own recording time, and an observation time in one of six minutes.
func sayings(rnd *rand.Rand, r scoring.Run) []saying {
	step := scoring.Step{ID: "5", Type: "Retrieve"}
	score := func(minute int) scoring.Score {
		s := scoring.Bool("ok", rnd.IntN(2) == 0)
		s.ObservedAt = at(1 + rnd.IntN(minute))
		return s
	}
	var all []saying
	var attempt int32
	for n := range 3 + rnd.IntN(6) {
		recorded := at(1 + n)
		switch rnd.IntN(3) {
		case 0:
			rec := record(r, score(1+n), 0)
			rec.Step, rec.RecordedAt = step, recorded
			all = append(all, saying{records: []scoring.Record{rec}})
		case 1:
			attempt += int32(rnd.IntN(2))
			rec := onStep(r, score(1+n), max(1, attempt), 0)
			rec.RecordedAt = recorded
			all = append(all, saying{records: []scoring.Record{rec}})
		default:
			f := flush(r, int64(n))
			f.Facts.Status, f.At, f.Ordinal = "", recorded, int64(len(all))
			if rnd.IntN(4) > 0 {
				rec := inWorkflow(r, score(1+n), 0)
				rec.Step, rec.RecordedAt = step, time.Time{}
				f.Records = append(f.Records, rec)
			}
			all = append(all, saying{flush: &f})
		}
	}
	return all
}

// String is the story in words.
func (s Story) String() (text string) {
	for _, s := range s.said {
		records := s.records
		if s.flush != nil {
			text += fmt.Sprintf("\nflush %d at %s", s.flush.Sequence, s.flush.At.Format("04"))
			records = s.flush.Records
		}
		for _, r := range records {
			text += fmt.Sprintf("\n%s by %s, attempt %d, observed %s, recorded %s", r.Value, r.Source, r.Step.Attempt, r.ObservedAt.Format("04"), r.RecordedAt.Format("04"))
		}
	}
	return text
}

// Holds returns the value that holds among statements observed before a time; zero: among all.
func (s Story) Holds(before time.Time) (scoring.Value, bool) {
	type word struct {
		value              scoring.Value
		observed, recorded time.Time
	}
	newest := func(words []word) word {
		return slices.MaxFunc(words, func(a, b word) int {
			return cmp.Or(a.observed.Compare(b.observed), a.recorded.Compare(b.recorded))
		})
	}
	// Of several calls that say the same of the same time, the first counts.
	join := func(words []word, w word) []word {
		if slices.ContainsFunc(words, func(x word) bool { return x.value == w.value && x.observed.Equal(w.observed) }) {
			return words
		}
		return append(words, w)
	}
	within := func(t time.Time) bool { return before.IsZero() || t.Before(before) }
	var words, own, attempts []word
	var set *scoring.Flush
	var last word
	newestAttempt := int32(0)
	for _, s := range s.said {
		if s.flush != nil {
			set = s.flush
			for _, r := range s.flush.Records {
				last = word{r.Value, r.ObservedAt, s.flush.At.Add(time.Duration(s.flush.Ordinal) * time.Microsecond)}
				own = join(own, last)
			}
			continue
		}
		for _, r := range s.records {
			w := word{r.Value, r.ObservedAt, r.RecordedAt}
			switch {
			case !within(w.observed):
			case r.Source == scoring.FromClient:
				words = join(words, w)
			case r.Step.Attempt > newestAttempt:
				newestAttempt, attempts = r.Step.Attempt, []word{w}
			case r.Step.Attempt == newestAttempt:
				attempts = join(attempts, w)
			}
		}
	}
	if len(attempts) > 0 {
		words = append(words, newest(attempts))
	}
	if set != nil && len(set.Records) > 0 {
		if i := slices.IndexFunc(own, func(w word) bool { return w.value == last.value && w.observed.Equal(last.observed) }); within(last.observed) {
			words = append(words, own[i])
		} else if own = slices.DeleteFunc(own, func(w word) bool { return !within(w.observed) }); len(own) > 0 {
			words = append(words, newest(own))
		}
	}
	if len(words) == 0 {
		return scoring.Value{}, false
	}
	return newest(words).value, true
}

// holds compares a store's answer about a run with the model.
func (b bench) holds(t *testing.T, s Story, seed int) {
	t.Helper()
	want, ok := s.Holds(time.Time{})
	now := b.scores(t, store.Filter{Run: s.Run})
	require.Equal(t, ok, len(now) == 1, "seed %d", seed)
	if ok {
		require.Equal(t, want, now[0].Value, "seed %d", seed)
	}
	history := b.scores(t, store.Filter{Run: s.Run, History: true, Retracted: true})
	for half := range 18 {
		end := at(0).Add(time.Duration(half) * 30 * time.Second)
		want, ok := s.Holds(end)
		held, since, holds := scoring.Holding(history, end)
		require.Equal(t, ok, holds, "seed %d, before %s", seed, end)
		require.Equal(t, want, held.Value, "seed %d, before %s: %s\n%+v", seed, end, s, history)
		require.True(t, since.IsZero() || since.Before(end), "seed %d, before %s, since %s", seed, end, since)
	}
}
