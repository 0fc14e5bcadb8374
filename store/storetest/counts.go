package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// tally is what a count says.
type tally struct {
	n, valued int64
	sum       float64
}

// recount counts what the rows say.
type recount map[store.Count]tally

func (r recount) add(c store.Count, n int64, value scoring.Value) {
	t := r[c]
	t.n += n
	if v, ok := value.Float(); ok && math.Abs(v) <= 1e15 {
		t.valued += n
		t.sum += v
	}
	r[c] = t
}

func midnight(t time.Time) time.Time {
	if t.Unix() < int64(24*time.Hour/time.Second) {
		return time.Time{}
	}
	return t.UTC().Truncate(24 * time.Hour)
}

// Counted checks the counts of a store against its rows.
func Counted(t *testing.T, s store.Store) {
	t.Helper()
	bench{s}.counted(t)
}

// counted compares the counts with the rows: before and after the notes are added up.
func (b bench) counted(t *testing.T) {
	t.Helper()
	if b.Ping(t.Context()) != nil {
		return // the test has closed it
	}
	_, err := b.CloseDue(t.Context())
	require.NoError(t, err)
	b.recounted(t)
	_, err = b.FoldCounts(t.Context())
	require.NoError(t, err)
	b.recounted(t)
}

func (b bench) recounted(t *testing.T) {
	t.Helper()
	all := map[store.Counted]recount{}
	for _, of := range []store.Counted{store.CountScores, store.CountRuns, store.CountOutcomes, store.CountDeliveries, store.CountRejections, store.CountHeld} {
		all[of] = recount{}
	}
	sliced := map[store.Counted]map[string]recount{store.CountScores: {}, store.CountRuns: {}}
	slice := func(of store.Counted, f scoring.RunFacts, c store.Count, value scoring.Value) {
		c.Build = ""
		seen := map[string]bool{}
		add := func(key, of_ string) {
			if seen[key+"\n"+of_] {
				return
			}
			seen[key+"\n"+of_] = true
			if sliced[of][key] == nil {
				sliced[of][key] = recount{}
			}
			c.Value = of_
			sliced[of][key].add(c, 1, value)
		}
		for _, ref := range f.Assigned {
			add(store.SliceOfExperiment(ref.Experiment, ref.Version), ref.Variant)
		}
		for _, a := range f.Attributes {
			add(store.SliceOfAttribute(a.Key), a.Value)
		}
	}
	facts := map[scoring.Run]scoring.RunFacts{}
	runs, err := b.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	for _, f := range runs {
		facts[f.Run] = f
		c := store.Count{Name: f.WorkflowType, Step: f.FailingStep, State: string(f.Status), Build: f.BuildID, Day: midnight(f.StartedAt)}
		all[store.CountRuns].add(c, 1, scoring.Value{})
		slice(store.CountRuns, f, c, scoring.Value{})
	}
	for _, r := range b.scores(t, store.Filter{}) {
		c := store.Count{Name: r.Name, Step: stepOf(r), State: string(r.State), Category: r.Category, Build: r.BuildID, Day: midnight(r.LastSaid())}
		if c.Build == "" || r.Source == scoring.FromScorer {
			c.Build = facts[r.Run].BuildID
		}
		all[store.CountScores].add(c, 1, r.Value)
		slice(store.CountScores, facts[r.Run], c, r.Value)
	}
	entries, err := b.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	for _, e := range entries {
		c := store.Count{Name: e.Outcome.Name, State: string(e.State), Day: midnight(e.Outcome.ReceivedAt)}
		switch e.State {
		case store.Rejected:
			c.Name = e.Outcome.Source
			all[store.CountRejections].add(c, int64(e.Deliveries), scoring.Value{})
		case store.Held:
			all[store.CountHeld].add(store.Count{State: "held", Day: midnight(e.Outcome.ReceivedAt)}, 1, scoring.Value{})
		default:
			all[store.CountOutcomes].add(c, 1, scoring.Value{})
			c.State = ""
			all[store.CountDeliveries].add(c, int64(e.Deliveries), scoring.Value{})
		}
	}
	for of, want := range all {
		b.counts(t, want, store.CountFilter{Of: of, By: []store.Dimension{store.ByStep, store.ByBuild, store.ByDay, store.ByCategory}})
	}
	for of, by := range sliced {
		for key, want := range by {
			b.counts(t, want, store.CountFilter{Of: of, By: []store.Dimension{store.ByStep, store.ByDay, store.ByCategory}, Slice: key})
		}
	}
}

func (b bench) counts(t *testing.T, want recount, f store.CountFilter) {
	t.Helper()
	got, err := b.Counts(t.Context(), f)
	require.NoError(t, err)
	had := recount{}
	for _, c := range got.Rows {
		is := tally{c.N, c.Valued, c.Sum}
		c.N, c.Marked, c.Valued, c.Sum, c.Squares = 0, 0, 0, 0, 0
		require.InDelta(t, want[c].sum, is.sum, 1e-6*(1+math.Abs(is.sum)), "%s: %+v", f.Of, c)
		is.sum = want[c].sum
		had[c] = is
	}
	require.Equal(t, want, had, "%+v", f)
}

var countTests = []namedTest{
	{"random stories", func(t *testing.T, b bench) {
		for seed := range 25 {
			Tell(t, b.Store, freshRun(), seed)
			if seed%5 == 0 {
				b.counted(t)
			}
		}
	}},
	{"a run that was reset away takes its scores along", func(t *testing.T, b bench) {
		first, reset := run("wf", "first"), run("wf", "reset")
		f := flush(first, 5, inWorkflow(first, scoring.Number("n", 3), 1))
		f.Facts.BuildID = "b1"
		b.flush(t, f)
		b.counts(t, recount{{Name: "n", State: "scored", Build: "b1"}: {1, 1, 3}}, store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByBuild}})
		b.counted(t)
		g := flush(reset, 5, inWorkflow(reset, scoring.Number("n", 4), 1))
		g.Facts.OriginalRunID, g.Facts.FirstRunID, g.Facts.StartedAt = first.RunID, first.RunID, at(3)
		b.flush(t, g)
		b.counts(t, recount{{Name: "n", State: "scored"}: {1, 1, 4}}, store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByBuild}})
	}},
	{"categories", func(t *testing.T, b bench) {
		intent := scoring.MustCategories("intent", "refund", "question", `a "quoted" one`)
		var all []scoring.Run
		for i, category := range []string{"refund", "refund", `a "quoted" one`} {
			r := freshRun()
			all = append(all, r)
			f := flush(r, 5, inWorkflow(r, intent.Score(category).WithReason(`"category":"question"`), i))
			f.Facts.Assigned = []scoring.Ref{{Experiment: "e", Version: "1", Variant: "a"}}
			b.flush(t, f)
		}
		b.record(t, record(all[1], scoring.Number("intent", 2).WithReason(`{"category":"no"}`), 4))
		kept := b.scores(t, store.Filter{Run: all[0]})
		require.Equal(t, "refund", kept[0].Category)
		require.False(t, kept[0].Value.IsSet())
		one := tally{n: 1}
		by := store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByCategory}}
		name := func(category string) store.Count {
			return store.Count{Name: "intent", State: "scored", Category: category}
		}
		b.counts(t, recount{name("refund"): one, name(`a "quoted" one`): one, name(""): {1, 1, 2}}, by)
		b.counts(t, recount{name(""): {3, 1, 2}}, store.CountFilter{Of: store.CountScores})
		b.record(t, record(all[0], intent.Score("question"), 5), record(all[1], intent.Score("refund"), 5))
		for _, slice := range []string{"", store.SliceOfExperiment("e", "1")} {
			by.Slice = slice
			want := recount{}
			for _, category := range []string{"question", "refund", `a "quoted" one`} {
				c := name(category)
				if slice != "" {
					c.Value = "a"
				}
				want[c] = one
			}
			b.counts(t, want, by)
		}
		require.Len(t, b.scores(t, store.Filter{Run: all[0], History: true}), 2)
		b.counted(t)
	}},
	{"another category is another score", func(t *testing.T, b bench) {
		intent, r := scoring.MustCategories("intent", "refund", "question"), freshRun()
		b.record(t, record(r, intent.Score("refund"), 1))
		b.record(t, record(r, intent.Score("question"), 2))
		b.record(t, record(r, intent.Score("question"), 3)) // the same again
		history := b.scores(t, store.Filter{Run: r, History: true})
		require.Len(t, history, 2)
		require.Equal(t, "question", b.scores(t, store.Filter{Run: r})[0].Category)
		f := flush(r, 5, inWorkflow(r, intent.Score("refund").Named("topic"), 1))
		b.flush(t, f)
		f.Sequence, f.At, f.Records = 9, at(9), []scoring.Record{inWorkflow(r, intent.Score("question").Named("topic"), 1)}
		b.flush(t, f)
		require.Equal(t, "question", b.scores(t, store.Filter{Run: r, Name: "topic"})[0].Category)
	}},
	{"build and variant may be known later", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, onStep(r, scoring.Bool("ok", true), 1, 1))
		by := store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByBuild, store.ByStep, store.ByDay}}
		day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		b.counts(t, recount{{Name: "ok", Step: "Retrieve", State: "scored", Day: day}: {1, 1, 1}}, by)
		f := flush(r, 3)
		f.Facts.BuildID = "b2"
		f.Facts.Assigned = []scoring.Ref{{Experiment: "e", Version: "1", Variant: "a"}, {Experiment: "other", Version: "1", Variant: "x"}}
		b.flush(t, f)
		b.counts(t, recount{{Name: "ok", Step: "Retrieve", State: "scored", Build: "b2", Day: day}: {1, 1, 1}}, by)
		by = store.CountFilter{Of: store.CountScores, Slice: store.SliceOfExperiment("e", "1")}
		b.counts(t, recount{{Name: "ok", State: "scored", Value: "a"}: {1, 1, 1}}, by)
		b.record(t, onStep(r, scoring.Bool("ok", false), 2, 4)) // a correction
		b.counts(t, recount{{Name: "ok", State: "scored", Value: "a"}: {1, 1, 0}}, by)
		b.counted(t)
		f.Facts.Assigned, f.Sequence = f.Facts.Assigned[1:], 9
		b.flush(t, f)
		b.counts(t, recount{}, by)
	}},
	{"days", func(t *testing.T, b bench) {
		for day := range 5 {
			b.record(t, record(freshRun(), scoring.Number("n", float64(day)), day*24*60))
		}
		for _, each := range []struct {
			since, until time.Time
			n            int64
			sum          float64
		}{
			{time.Time{}, time.Time{}, 5, 10},
			{at(24 * 60), time.Time{}, 4, 10},
			{time.Time{}, at(24 * 60), 2, 1},
			{time.Time{}, at(24 * 60).Truncate(24 * time.Hour), 1, 0},
			{at(24 * 60), at(48 * 60), 2, 3},
			{at(240 * 60), time.Time{}, 0, 0},
		} {
			want := recount{}
			if each.n > 0 {
				want[store.Count{Name: "n", State: "scored"}] = tally{each.n, each.n, each.sum}
			}
			b.counts(t, want, store.CountFilter{Of: store.CountScores, Since: each.since, Until: each.until})
			b.counts(t, want, store.CountFilter{Of: store.CountScores, Name: "n", Since: each.since, Until: each.until})
			b.counts(t, recount{}, store.CountFilter{Of: store.CountScores, Name: "m", Since: each.since, Until: each.until})
		}
	}},
	{"values that sums cannot have", func(t *testing.T, b bench) {
		for _, v := range []float64{math.MaxFloat64, -math.MaxFloat64, 1e200, 2, -5} {
			b.record(t, record(freshRun(), scoring.Number("n", v), 1))
		}
		b.counts(t, recount{{Name: "n", State: "scored"}: {5, 2, -3}}, store.CountFilter{Of: store.CountScores})
	}},
	{"several that add up", func(t *testing.T, b bench) {
		const n = 8
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				for j := range 20 {
					r := run(fmt.Sprint("wf-", (i+j)%n), fmt.Sprint("run-", j))
					_ = b.Record(t.Context(), []scoring.Record{record(r, scoring.Number("n", float64(j)), i*20+j)})
					_ = b.Flush(t.Context(), flush(r, int64(i), inWorkflow(r, scoring.Bool("ok", i%2 == 0), i)))
					if _, err := b.FoldCounts(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}},
	{"attributes", func(t *testing.T, b bench) {
		attributed := func(value string, after bool) scoring.Flush {
			r := freshRun()
			f := flush(r, 5, inWorkflow(r, scoring.Bool("ok", true), 1))
			f.Facts.Attributes = []scoring.Attribute{{Key: "model", Value: "m"}, {Key: "prompt", Value: value, After: after}}
			return f
		}
		by := store.CountFilter{Of: store.CountRuns, Slice: store.SliceOfAttribute("prompt")}
		first := attributed("v1", false)
		b.flush(t, first)
		b.flush(t, attributed("v1", true))
		counts, err := b.Counts(t.Context(), by)
		require.NoError(t, err)
		require.Equal(t, []store.Count{{Name: "Answer", State: "completed", Value: "v1", N: 2, Marked: 1}}, counts.Rows)
		first.Facts.Attributes[1].Value, first.Sequence = "v2", 9
		b.flush(t, first)
		b.counts(t, recount{
			{Name: "Answer", State: "completed", Value: "v1"}: {n: 1}, {Name: "Answer", State: "completed", Value: "v2"}: {n: 1},
		}, by)
		for i := range scoring.MaxAttributeValues {
			b.flush(t, attributed(fmt.Sprint("value-", i), false))
		}
		counts, err = b.Counts(t.Context(), by)
		require.NoError(t, err)
		require.Len(t, counts.Rows, scoring.MaxAttributeValues+1)
		require.Equal(t, store.Count{Name: "Answer", State: "completed", N: 2}, counts.Rows[0], "of one value too many")
		runs, err := b.Runs(t.Context(), store.RunFilter{Newest: true, Limit: 1})
		require.NoError(t, err)
		require.Equal(t, scoring.Attribute{Key: "prompt", Refused: true}, runs[0].Attributes[1])
		invalid := attributed("v1", false)
		invalid.Facts.Attributes[0].Key = "prompt"
		require.Error(t, b.Flush(t.Context(), invalid))
	}},
	{"filters that are refused", func(t *testing.T, b bench) {
		for _, f := range []store.CountFilter{
			{}, {Of: "cows"}, {Of: store.CountScores, By: []store.Dimension{"colour"}},
			{Of: store.CountOutcomes, Slice: store.SliceOfAttribute("prompt")},
			{Of: store.CountScores, Slice: store.SliceOfAttribute("prompt"), By: []store.Dimension{store.ByBuild}},
		} {
			_, err := b.Counts(t.Context(), f)
			var invalid *scoring.InvalidError
			require.ErrorAs(t, err, &invalid, "%+v", f)
		}
	}},
	{"as of when", func(t *testing.T, b bench) {
		before := time.Now().Add(-time.Minute)
		counts, err := b.Counts(t.Context(), store.CountFilter{Of: store.CountScores})
		require.NoError(t, err)
		require.True(t, counts.AsOf.After(before) && counts.AsOf.Before(time.Now().Add(time.Minute)), counts.AsOf)
	}},
}
