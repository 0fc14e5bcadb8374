package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var assignTests = []namedTest{
	{"the first one is kept", func(t *testing.T, b bench) {
		r := freshRun()
		first := assignment(r, "a")
		require.Equal(t, first, b.assign(t, first))
		require.Equal(t, first, b.assign(t, first))
		require.Equal(t, first, b.assign(t, assignment(r, "b")))
		later := assignment(run(r.WorkflowID, fresh("run")), "b")
		later.FirstRunID = r.RunID
		require.Equal(t, first, b.assign(t, later), "the chain has one")
		all, err := b.Assignments(t.Context(), "retriever", "1")
		require.NoError(t, err)
		require.Equal(t, []scoring.Assignment{first}, all)
	}},
	{"each part of the unit counts", func(t *testing.T, b bench) {
		base := assignment(run("w", "r"), "a")
		b.assign(t, base)
		for _, change := range []func(*scoring.Assignment){
			func(a *scoring.Assignment) { a.Experiment = "other" }, func(a *scoring.Assignment) { a.Version = "2" },
			func(a *scoring.Assignment) { a.Run.Namespace = "other" }, func(a *scoring.Assignment) { a.Run.WorkflowID = "w2" },
			func(a *scoring.Assignment) { a.Run.RunID, a.FirstRunID, a.OriginalRunID = "r2", "", "" },
		} {
			a := base
			a.Variant = "b"
			change(&a)
			require.Equal(t, "b", b.assign(t, a).Variant)
		}
	}},
	{"without a first run id the run is the unit", func(t *testing.T, b bench) {
		r := freshRun()
		first := assignment(r, "a")
		first.FirstRunID = ""
		b.assign(t, first)
		require.Equal(t, "a", b.assign(t, assignment(r, "b")).Variant)
	}},
	{"in the order of their making", func(t *testing.T, b bench) {
		var want []string
		for range 20 {
			r := freshRun()
			want = append(want, r.RunID)
			b.assign(t, assignment(r, "a"))
		}
		all, err := b.Assignments(t.Context(), "retriever", "")
		require.NoError(t, err)
		var got []string
		for _, a := range all {
			got = append(got, a.Run.RunID)
		}
		require.Equal(t, want, got)
	}},
	{"experiments by name, versions by first assignment", func(t *testing.T, b bench) {
		for _, k := range []store.ExperimentKey{{Experiment: "b", Version: "1"}, {Experiment: "a", Version: "2"},
			{Experiment: "B", Version: "1"}, {Experiment: "a", Version: "1"}, {Experiment: "a", Version: "2"}} {
			a := assignment(freshRun(), "a")
			a.Experiment, a.Version = k.Experiment, k.Version
			b.assign(t, a)
		}
		keys, err := b.Experiments(t.Context())
		require.NoError(t, err)
		require.Equal(t, []store.ExperimentKey{{Experiment: "B", Version: "1"}, {Experiment: "a", Version: "2"},
			{Experiment: "a", Version: "1"}, {Experiment: "b", Version: "1"}}, keys)
		all, err := b.Assignments(t.Context(), "a", "2")
		require.NoError(t, err)
		require.Len(t, all, 2)
	}},
}

// resetOf returns a flush of a run that a reset has made of r, started later.
func resetOf(r scoring.Run, minutes int, records ...func(scoring.Run) scoring.Record) scoring.Flush {
	again := run(r.WorkflowID, fresh("run"))
	f := flush(again, 10)
	f.Facts.FirstRunID, f.Facts.OriginalRunID, f.Facts.StartedAt = r.RunID, r.RunID, at(minutes)
	for _, rec := range records {
		f.Records = append(f.Records, rec(again))
	}
	return f
}

func quality(v float64) func(scoring.Run) scoring.Record {
	return func(r scoring.Run) scoring.Record { return inWorkflow(r, scoring.Number("q", v), 1) }
}

var supersedeTests = []namedTest{
	{"a reset run replaces its base", func(t *testing.T, b bench) {
		r := freshRun()
		b.assign(t, assignment(r, "a"))
		b.flush(t, flush(r, 20, quality(1)(r), inWorkflow(r, scoring.Bool("ok", true), 1)))
		b.record(t, record(r, scoring.Bool("thumb", true), 2))
		b.flush(t, resetOf(r, 30, quality(2)))
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{}))
		require.Equal(t, []string{"q=1~", "ok=true~", "thumb=true~", "q=2"}, b.said(t, store.Filter{Superseded: true}))
		b.record(t, record(r, scoring.Bool("late", true), 3))
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{}))
		runs, err := b.Runs(t.Context(), store.RunFilter{})
		require.NoError(t, err)
		require.Len(t, runs, 1)
		runs, err = b.Runs(t.Context(), store.RunFilter{Superseded: true})
		require.NoError(t, err)
		require.Len(t, runs, 2)
	}},
	{"in either order of arrival", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, resetOf(r, 30, quality(2)))
		b.flush(t, flush(r, 20, quality(1)(r)))
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{}))
	}},
	{"a base that never flushed", func(t *testing.T, b bench) {
		for _, known := range []func(scoring.Run){
			func(r scoring.Run) { b.record(t, onStep(r, scoring.Number("p", 1), 1, 1)) },
			func(r scoring.Run) { b.expect(t, expectation(r, fresh("key"))) },
			func(r scoring.Run) { b.record(t, record(r, scoring.Number("p", 1), 1)) },
		} {
			before, after := freshRun(), freshRun()
			known(before)
			b.flush(t, resetOf(before, 30))
			b.flush(t, resetOf(after, 30))
			known(after)
		}
		require.Equal(t, []string{"paid:pending", "paid:pending"}, b.said(t, store.Filter{}), "pending scores move to the runs that hold")
		unflushed, err := b.Runs(t.Context(), store.RunFilter{Unflushed: true})
		require.NoError(t, err)
		require.Empty(t, unflushed)
	}},
	{"a reset of a reset, known in any order", func(t *testing.T, b bench) {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			r := freshRun()
			flushes := []scoring.Flush{flush(r, 20, quality(0)(r)), resetOf(r, 30, quality(1)), resetOf(r, 40, quality(2))}
			for _, i := range order {
				b.flush(t, flushes[i])
			}
			require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID}}), order)
		}
	}},
	{"without start times the order of arrival decides", func(t *testing.T, b bench) {
		r := freshRun()
		var last scoring.Run
		for range 3 {
			f := resetOf(r, 0, quality(1))
			f.Facts.StartedAt, last = time.Time{}, f.Facts.Run
			b.flush(t, f)
		}
		now := b.scores(t, store.Filter{})
		require.Len(t, now, 1)
		require.Equal(t, last, now[0].Run)
	}},
	{"continuing as new supersedes nothing", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 20, quality(1)(r)))
		next := run(r.WorkflowID, fresh("run"))
		f := flush(next, 20, quality(2)(next))
		f.Facts.FirstRunID, f.Facts.StartedAt = r.RunID, at(30)
		b.flush(t, f)
		require.Equal(t, []string{"q=1", "q=2"}, b.said(t, store.Filter{}))
	}},
	{"the same run id elsewhere is another run", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 20, quality(1)(r)))
		f := resetOf(scoring.Run{Namespace: r.Namespace, WorkflowID: fresh("wf"), RunID: r.RunID}, 30, quality(2))
		b.flush(t, f)
		require.Equal(t, []string{"q=1", "q=2"}, b.said(t, store.Filter{}))
	}},
	{"the unit of a reset chain stays in the experiment", func(t *testing.T, b bench) {
		r := freshRun()
		b.assign(t, assignment(r, "a"))
		f := resetOf(r, 30, quality(2))
		b.flush(t, f)
		again := assignment(f.Facts.Run, "b")
		again.FirstRunID, again.OriginalRunID = r.RunID, r.RunID
		kept := b.assign(t, again)
		require.Equal(t, "a", kept.Variant)
		require.False(t, kept.Superseded)
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{Experiment: "retriever"}))
	}},
	{"an assignment whose chain was reset away is superseded", func(t *testing.T, b bench) {
		r := freshRun()
		a := assignment(r, "a")
		a.FirstRunID = ""
		b.assign(t, a)
		f := resetOf(r, 30)
		f.Facts.FirstRunID = f.Facts.Run.RunID
		b.flush(t, f)
		all, err := b.Assignments(t.Context(), "retriever", "1")
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.True(t, all[0].Superseded)
	}},
	{"an assignment of the reset run is enough", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 20, quality(1)(r)))
		a := assignment(run(r.WorkflowID, fresh("run")), "a")
		a.FirstRunID, a.OriginalRunID = r.RunID, r.RunID
		b.assign(t, a)
		require.Empty(t, b.said(t, store.Filter{}))
	}},
	{"a scorer's score moves to the run that holds", func(t *testing.T, b bench) {
		for _, order := range []string{"reset, settle", "settle, reset", "reset, settle, reset"} {
			r := freshRun()
			e := expectation(r, fresh("key"))
			b.expect(t, e)
			require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{Run: r}))
			var last scoring.Run
			for i, what := range strings.Split(order, ", ") {
				if what == "settle" {
					b.settle(t, settlement(e, nil, paid(e, true, 60)))
					continue
				}
				f := resetOf(r, 30+i)
				b.flush(t, f)
				last = f.Facts.Run
			}
			require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID}}), order)
			require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{Run: last}), order)
		}
	}},
	{"the reset run's own scorer replaces the moved score", func(t *testing.T, b bench) {
		r := freshRun()
		old := expectation(r, fresh("key"))
		b.expect(t, old)
		b.settle(t, settlement(old, nil, paid(old, true, 60)))
		f := resetOf(r, 30)
		b.flush(t, f)
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{Run: f.Facts.Run}))
		own := expectation(f.Facts.Run, fresh("key"))
		own.OriginalRunID = r.RunID
		b.expect(t, own)
		require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{Run: f.Facts.Run}))
		b.settle(t, settlement(own, nil, paid(own, false, 60)))
		require.Equal(t, []string{"paid=false"}, b.said(t, store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID}}))
	}},
	{"a scorer of the run that was reset away comes too late", func(t *testing.T, b bench) {
		r := freshRun()
		old := expectation(r, fresh("key"))
		b.expect(t, old)
		f := resetOf(r, 30)
		b.flush(t, f)
		own := expectation(f.Facts.Run, fresh("key"))
		own.OriginalRunID = r.RunID
		b.expect(t, own)
		b.settle(t, settlement(own, nil, paid(own, false, 60)))
		b.settle(t, settlement(old, nil, paid(old, true, 61))) // it was on its way when the run was reset
		require.Equal(t, []string{"paid=false"}, b.said(t, store.Filter{Run: scoring.Run{WorkflowID: r.WorkflowID}}))
	}},
	{"a cancelled scorer leaves nothing pending on the run that holds", func(t *testing.T, b bench) {
		r := freshRun()
		e := expectation(r, fresh("key"))
		b.expect(t, e)
		b.flush(t, resetOf(r, 30))
		b.settle(t, settlement(e, nil))
		require.Empty(t, b.said(t, store.Filter{}))
	}},
}
