package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var holdsTests = []namedTest{
	{"the latest statement holds, from any source, in any order and repeated", func(t *testing.T, b bench) {
		for seed := range 120 {
			story := Tell(t, b.Store, freshRun(), seed)
			b.holds(t, story, seed)
			everything := store.Filter{Run: story.Run, History: true, Retracted: true}
			before := b.scores(t, everything)
			b.again(t, story) // as a nightly re-run does
			require.Equal(t, before, b.scores(t, everything), "seed %d", seed)
		}
	}},
	{"a run's code takes back its own statements, and others stay", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, record(r, scoring.Bool("ok", false), 1))
		b.flush(t, flush(r, 2, inWorkflow(r, scoring.Bool("ok", true), 2)))
		require.Equal(t, []string{"ok=true"}, b.said(t, store.Filter{}))
		b.flush(t, flush(r, 3))
		require.Equal(t, []string{"ok=false"}, b.said(t, store.Filter{}))
	}},
	{"a correction that came before holds once nothing later is said", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 2, inWorkflow(r, scoring.Bool("ok", true), 2)))
		b.record(t, record(r, scoring.Bool("ok", false), 3))
		b.record(t, record(r, scoring.Bool("ok", true), 1))
		require.Equal(t, []string{"ok=false"}, b.said(t, store.Filter{}))
	}},
	{"the times of the first and the last statement", func(t *testing.T, b bench) {
		r := freshRun()
		for _, minute := range []int{3, 1, 5, 3} {
			b.record(t, record(r, scoring.Bool("ok", true), minute))
		}
		for _, history := range []bool{false, true} {
			now := b.scores(t, store.Filter{History: history})
			require.Len(t, now, 1)
			require.Equal(t, at(1), now[0].FirstSaid())
			require.Equal(t, at(5), now[0].LastSaid())
			require.Len(t, now[0].Said, 3)
		}
		b.record(t, record(r, scoring.Bool("ok", false), 2))
		held, _, ok := scoring.Holding(b.scores(t, store.Filter{History: true}), at(2))
		require.True(t, ok)
		require.Equal(t, scoring.BoolValue(true), held.Value, "an observation at the end of a window is after it")
		held, since, _ := scoring.Holding(b.scores(t, store.Filter{History: true}), at(3))
		require.Equal(t, scoring.BoolValue(false), held.Value)
		require.Equal(t, at(2), since)
		held, since, _ = scoring.Holding(b.scores(t, store.Filter{History: true}), time.Time{})
		require.Equal(t, scoring.BoolValue(true), held.Value)
		require.Equal(t, at(3), since)
	}},
	{"of one moment, the call that was made last", func(t *testing.T, b bench) {
		permutations(3, func(order []int) {
			r := freshRun()
			for _, i := range order {
				rec := record(r, scoring.Number("n", float64(i)), 9)
				rec.ObservedAt, rec.RecordedAt = at(1), at(9).Add(time.Duration(i)*time.Microsecond)
				b.record(t, rec)
			}
			require.Equal(t, []string{"n=2"}, b.said(t, store.Filter{Run: r}), order)
		})
	}},
	{"of one call and one moment, the last statement", func(t *testing.T, b bench) {
		r := freshRun()
		records := []scoring.Record{record(r, scoring.Number("n", 3), 1), record(r, scoring.Number("n", 1), 1), record(r, scoring.Number("n", 2), 1)}
		for range 2 {
			b.record(t, records...)
			require.Equal(t, []string{"n=2"}, b.said(t, store.Filter{}))
			require.Len(t, b.scores(t, store.Filter{History: true}), 3)
		}
	}},
	{"an activity's calls, in every order", func(t *testing.T, b bench) {
		permutations(4, func(order []int) {
			r := freshRun()
			for _, i := range order {
				b.record(t, onStep(r, scoring.Number("n", float64(i)), 1, i+1))
			}
			require.Equal(t, []string{"n=3"}, b.said(t, store.Filter{Run: r}), order)
		})
	}},
	{"an observation later than its recording does not hold for ever", func(t *testing.T, b bench) {
		r := freshRun()
		rec := record(r, scoring.Bool("ok", false), 1)
		rec.ObservedAt = at(1000)
		b.record(t, rec, record(r, scoring.Bool("ok", true), 2))
		require.Equal(t, []string{"ok=true"}, b.said(t, store.Filter{}))
	}},
	{"a scorer's later settlement holds, regardless of its times", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Window.Grace = time.Hour
		b.expect(t, e)
		rec := paid(e, false, 60)
		rec.ObservedAt = at(60)
		require.Empty(t, b.settle(t, settlement(e, nil, rec)))
		rec = paid(e, true, 70)
		rec.ObservedAt = at(30)
		require.Empty(t, b.settle(t, settlement(e, nil, rec)))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
	}},
	{"a pending score yields to a late arrival", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.At = at(9)
		b.expect(t, e)
		s := scoring.Bool(e.Scorer, true)
		s.Key = "paid@v1"
		b.record(t, record(e.Run, s, 2))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{}))
	}},
}

var flushOrderTests = []namedTest{
	{"the flushes of one workflow task, in every order", func(t *testing.T, b bench) {
		for _, status := range []scoring.RunStatus{scoring.RunCompleted, ""} {
			for _, times := range []int{1, 2} {
				permutations(3, func(order []int) {
					r := freshRun()
					flushes := inOneTask(r, status)
					for range times {
						for _, i := range order {
							b.flush(t, flushes[i])
						}
					}
					require.ElementsMatch(t, []string{"n0=2", "n1=2", "n2=2"}, b.said(t, store.Filter{Run: r}), order)
					b.ended(t, r, status)
				})
			}
		}
	}},
	{"the retry of a workflow task holds", func(t *testing.T, b bench) {
		permutations(2, func(order []int) {
			r := freshRun()
			refused := flush(r, 5, inWorkflow(r, scoring.Number("phantom", 1), 5))
			refused.Ordinal = 2
			again := flush(r, 5, inWorkflow(r, scoring.Number("n", 1), 6))
			again.Ordinal, again.At = 1, at(6)
			for _, i := range order {
				b.flush(t, []scoring.Flush{refused, again}[i])
			}
			require.Equal(t, []string{"n=1"}, b.said(t, store.Filter{Run: r}), order)
		})
	}},
	{"flushes that an older worker did not count lose nothing", func(t *testing.T, b bench) {
		permutations(2, func(order []int) {
			r := freshRun()
			half := flush(r, 5, inWorkflow(r, scoring.Number("first", 1), 5))
			half.Facts.Status = ""
			end := flush(r, 5, inWorkflow(r, scoring.Number("first", 1), 5), inWorkflow(r, scoring.Number("second", 2), 5))
			end.Facts.Status = scoring.RunFailed
			for range 2 {
				for _, i := range order {
					b.flush(t, []scoring.Flush{half, end}[i])
				}
			}
			require.ElementsMatch(t, []string{"first=1", "second=2"}, b.said(t, store.Filter{Run: r}), order)
			b.ended(t, r, scoring.RunFailed)
		})
	}},
	{"a flush says when its scores were recorded", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 5, inWorkflow(r, scoring.Number("n", 1), 0))
		f.Records[0].RecordedAt, f.Records[0].ObservedAt = time.Time{}, at(3)
		b.flush(t, f)
		require.Equal(t, at(5), b.scores(t, store.Filter{})[0].RecordedAt)
	}},
}

// inOneTask returns three flushes of one workflow task, each with one score more and another value. The last one says how the
// run ended.
func inOneTask(r scoring.Run, status scoring.RunStatus) []scoring.Flush {
	flushes := make([]scoring.Flush, 3)
	for i := range flushes {
		f := flush(r, 5)
		f.Ordinal, f.Facts.Status = int64(i+1), ""
		for n := range i + 1 {
			rec := inWorkflow(r, scoring.Number(fmt.Sprint("n", n), float64(i)), 5)
			rec.ObservedAt, rec.RecordedAt = at(5), time.Time{}
			f.Records = append(f.Records, rec)
		}
		flushes[i] = f
	}
	flushes[2].Facts.Status = status
	return flushes
}

// ended requires that a run has ended in a way.
func (b bench) ended(t *testing.T, r scoring.Run, status scoring.RunStatus) {
	t.Helper()
	runs, err := b.Runs(t.Context(), store.RunFilter{Run: r})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, status, runs[0].Status)
}
