package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var retriever = store.ExperimentKey{Experiment: "retriever", Version: "1"}

// sealsIn is the time from an assignment to its seal in these tests, which go by the database's clock.
const sealsIn = 4 * time.Second

func (b bench) rows(t *testing.T) experiments.Rows {
	t.Helper()
	rows, err := b.ExperimentRows(t.Context(), retriever)
	require.NoError(t, err)
	return rows
}

// seal seals until so many units are sealed.
func (b bench) seal(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n, err := b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: sealsIn})
		require.NoError(t, err)
		want -= n
		return want <= 0
	}, time.Minute, 10*time.Millisecond)
	require.Zero(t, want)
}

// positions returns the run ids of the sealed units in the order of their positions.
func (b bench) positions(t *testing.T) []string {
	t.Helper()
	var sealed []scoring.Assignment
	for _, a := range b.rows(t).Assignments {
		if a.Position > 0 {
			sealed = append(sealed, a)
		}
	}
	slices.SortFunc(sealed, func(a, b scoring.Assignment) int { return int(a.Position - b.Position) })
	ids := []string{}
	for i, a := range sealed {
		require.Equal(t, int64(i+1), a.Position)
		require.Equal(t, a.At.Add(sealsIn), a.SealedAt)
		ids = append(ids, a.Run.RunID)
	}
	return ids
}

// now is the time of an assignment that the store learns of in time.
func now(ago time.Duration) time.Time { return time.Now().Add(-ago).UTC().Truncate(time.Microsecond) }

var sealTests = []namedTest{
	{"in the order of assignment, at their time", func(t *testing.T, b bench) {
		var want []string
		last := now(0)
		for i := range 4 { // the later ones become known first
			a := assignment(freshRun(), "a")
			a.At = last.Add(-time.Duration(i) * time.Millisecond)
			b.assign(t, a)
			want = append([]string{a.Run.RunID}, want...)
		}
		open := assignment(freshRun(), "a")
		open.At = now(-time.Hour)
		b.assign(t, open)
		b.seal(t, 4)
		require.Equal(t, want, b.positions(t))
		n, err := b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: sealsIn})
		require.NoError(t, err)
		require.Zero(t, n)
	}},
	{"known too late", func(t *testing.T, b bench) {
		in := assignment(freshRun(), "a")
		in.At = now(0)
		b.assign(t, in)
		late := assignment(freshRun(), "a") // as every assignment at the time of these tests is
		b.assign(t, late)
		b.seal(t, 1)
		require.Equal(t, []string{in.Run.RunID}, b.positions(t))
		for _, a := range b.rows(t).Assignments {
			require.WithinDuration(t, time.Now(), a.RecordedAt, time.Minute)
			require.Equal(t, a.Run == late.Run, a.RecordedAt.After(a.At.Add(sealsIn)))
		}
	}},
	{"only units that count, each once", func(t *testing.T, b bench) {
		first := assignment(freshRun(), "a")
		first.At, first.Unit, first.By = now(time.Second), "ada", scoring.ByBucket
		again := assignment(freshRun(), "a")
		again.At, again.Unit, again.By = now(0), "ada", scoring.ByBucket
		forced := assignment(freshRun(), "a")
		forced.At, forced.By = now(0), scoring.ByForce
		gone := assignment(freshRun(), "a")
		gone.At = now(0)
		other := assignment(freshRun(), "a")
		other.At, other.Version = now(0), "2"
		for _, a := range []scoring.Assignment{first, again, forced, gone, other} {
			b.assign(t, a)
		}
		reset := flush(run(gone.Run.WorkflowID, fresh("run")), 1)
		reset.Facts.OriginalRunID = gone.Run.RunID
		b.flush(t, reset)
		b.seal(t, 1)
		require.Equal(t, []string{first.Run.RunID}, b.positions(t))
	}},
	{"a reset after the seal takes no position away", func(t *testing.T, b bench) {
		a := assignment(freshRun(), "a")
		a.At = now(0)
		b.assign(t, a)
		b.record(t, record(a.Run, scoring.Bool("ok", true), 1))
		b.seal(t, 1)
		reset := flush(run(a.Run.WorkflowID, fresh("run")), 1)
		reset.Facts.OriginalRunID = a.Run.RunID
		before := time.Now()
		b.flush(t, reset)
		rows := b.rows(t)
		require.Equal(t, []string{a.Run.RunID}, b.positions(t))
		require.True(t, rows.Assignments[0].Superseded)
		require.WithinDuration(t, before, rows.Assignments[0].SupersededAt, time.Minute)
		require.True(t, rows.Assignments[0].SupersededAt.After(a.At.Add(sealsIn)))
		require.Len(t, rows.Records, 1)
		require.True(t, rows.Records[0].Superseded)
		require.Equal(t, rows.Assignments[0].SupersededAt, rows.Records[0].SupersededAt)
		require.True(t, rows.Runs[0].Learned.Removed)
		require.Equal(t, rows.Assignments[0].SupersededAt, rows.Runs[0].Learned.Reset)
	}},
	{"in several processes at once", func(t *testing.T, b bench) {
		const n = 40
		var want []string
		for i := range n {
			a := assignment(freshRun(), "a")
			a.At = now(time.Duration(n-i) * time.Millisecond)
			b.assign(t, a)
			want = append(want, a.Run.RunID)
		}
		sealed := make([]int, 8)
		requireAll(t, atOnce(len(sealed), func(i int) error {
			for end := time.Now().Add(sealsIn + time.Second); time.Now().Before(end); {
				n, err := b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: sealsIn})
				if sealed[i] += n; err != nil {
					return err
				}
			}
			return nil
		}))
		sum := 0
		for _, n := range sealed {
			sum += n
		}
		require.LessOrEqual(t, sum, n)
		b.seal(t, n-sum)
		require.Equal(t, want, b.positions(t))
	}},
	{"only experiments with unsealed assignments are asked for", func(t *testing.T, b bench) {
		ages := func() map[store.ExperimentKey]time.Duration {
			all, err := b.Unsealed(t.Context())
			require.NoError(t, err)
			of := map[store.ExperimentKey]time.Duration{}
			for _, x := range all {
				require.NotContains(t, of, x.ExperimentKey)
				of[x.ExperimentKey] = x.Age
			}
			return of
		}
		require.Empty(t, ages())
		for _, key := range []store.ExperimentKey{retriever, {Experiment: "retriever", Version: "10"}, {Experiment: "Other", Version: "1"}} {
			for i := range 3 {
				a := assignment(freshRun(), "a")
				a.Experiment, a.Version, a.At = key.Experiment, key.Version, now(time.Duration(i)*time.Minute)
				b.assign(t, a)
			}
		}
		all := ages()
		require.Len(t, all, 3)
		for _, age := range all {
			require.InDelta(t, 2*time.Minute, age, float64(time.Minute-time.Second))
		}
		_, err := b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: 90 * time.Second})
		require.NoError(t, err)
		require.InDelta(t, time.Minute, ages()[retriever], float64(time.Minute-time.Second), "the oldest is sealed")
		_, err = b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: time.Microsecond})
		require.NoError(t, err)
		require.NotContains(t, ages(), retriever)
		require.Len(t, ages(), 2)
	}},
	{"refused", func(t *testing.T, b bench) {
		for _, after := range []time.Duration{0, -time.Second} {
			_, err := b.Seal(t.Context(), store.Sealing{ExperimentKey: retriever, After: after})
			var invalid *scoring.InvalidError
			require.ErrorAs(t, err, &invalid)
		}
	}},
	{"when the store learned of facts", func(t *testing.T, b bench) {
		r := freshRun()
		b.assign(t, assignment(r, "a"))
		known := b.rows(t).Runs[0].Learned
		require.WithinDuration(t, time.Now(), known.Run, time.Minute)
		require.Equal(t, scoring.Learned{Run: known.Run}, known)

		open := flush(r, 1, inWorkflow(r, scoring.Bool("ok", true), 1))
		open.Facts.Status = ""
		b.flush(t, open)
		began := b.rows(t)
		require.Equal(t, known.Run, began.Runs[0].Learned.Run)
		require.False(t, began.Runs[0].Learned.Start.IsZero())
		require.False(t, began.Runs[0].Learned.Flush.IsZero())
		require.True(t, began.Runs[0].Learned.End.IsZero())
		require.WithinDuration(t, time.Now(), began.Records[0].ArrivedAt, time.Minute)

		b.flush(t, flush(r, 2, inWorkflow(r, scoring.Bool("ok", true), 1)))
		ended := b.rows(t)
		b.flush(t, flush(r, 3, inWorkflow(r, scoring.Bool("ok", false), 3)))
		again := b.rows(t)
		require.False(t, ended.Runs[0].Learned.End.IsZero())
		require.Equal(t, ended.Runs[0].Learned, again.Runs[0].Learned, "the first time counts")
		require.Equal(t, began.Runs[0].Learned.Start, again.Runs[0].Learned.Start)
		require.Equal(t, began.Runs[0].Learned.Flush, again.Runs[0].Learned.Flush)
		require.Equal(t, began.Records[0].ArrivedAt, again.Records[0].ArrivedAt)
		require.Len(t, again.Records, 2)

		b.record(t, record(r, scoring.Bool("good", true), 5))
		b.record(t, record(r, scoring.Bool("good", true), 6))
		for _, rec := range b.rows(t).Records {
			if rec.Name == "good" {
				require.Len(t, rec.Said, 2)
				require.False(t, rec.Said[1].ArrivedAt.Before(rec.Said[0].ArrivedAt))
				require.WithinDuration(t, time.Now(), rec.Said[1].ArrivedAt, time.Minute)
			}
		}
		for _, rec := range b.scores(t, store.Filter{Run: r}) {
			require.Zero(t, rec.ArrivedAt, "only these reads say it")
			require.Zero(t, rec.Times()[0].ArrivedAt)
		}
	}},
	{"when it was said that something else was served", func(t *testing.T, b bench) {
		r := freshRun()
		a := assignment(r, "a")
		a.Vouched = true
		b.assign(t, a)
		require.Zero(t, b.rows(t).Assignments[0].UnservedAt)
		f := flush(r, 1)
		f.Facts.Unserved = []scoring.Ref{{Experiment: a.Experiment, Version: a.Version}}
		b.flush(t, f)
		rows := b.rows(t)
		require.True(t, rows.Assignments[0].Unserved)
		require.WithinDuration(t, time.Now(), rows.Assignments[0].UnservedAt, time.Minute)
	}},
	{"what time decides arrives when it does, closed or not", func(t *testing.T, b bench) {
		r := freshRun()
		b.assign(t, assignment(r, "a"))
		e := declaredFor(r, fresh("key"), ifPaid)
		e.Window, e.Rule.Allowance = window(-time.Hour, time.Second), time.Second
		b.expect(t, e)
		arrivals := func() (arrived []time.Time) {
			for _, rec := range b.rows(t).Records {
				if rec.State != scoring.Pending {
					arrived = append(arrived, rec.ArrivedAt)
				}
			}
			return arrived
		}
		require.Eventually(t, func() bool { return len(arrivals()) == 1 }, time.Minute, 10*time.Millisecond)
		derived := arrivals()
		_, err := b.CloseDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, derived, arrivals())
		require.WithinDuration(t, e.Rule.Ends(e.Window), derived[0], time.Microsecond)
	}},
}
