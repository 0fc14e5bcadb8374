package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// pastFacts are what the history of a run says.
func pastFacts(r scoring.Run) scoring.RunFacts {
	return scoring.RunFacts{
		Run: r, FirstRunID: r.RunID, OriginalRunID: r.RunID, WorkflowType: "agent", TaskQueue: "q", Attempt: 1, StartedAt: at(0), ClosedAt: at(5),
		Status: scoring.RunTerminated, BuildID: "b2", FromHistory: true,
	}
}

var factsTests = []namedTest{
	{"what a history says is kept with the scores, once", func(t *testing.T, b bench) {
		r := freshRun()
		want := pastFacts(r)
		rec := record(r, scoring.Bool("ok", true), 1)
		for range 2 {
			require.NoError(t, b.RecordRuns(t.Context(), []scoring.RunFacts{want}, []scoring.Record{rec}))
		}
		require.Equal(t, []scoring.RunFacts{want}, b.runs(t, store.RunFilter{}))
		require.Equal(t, []string{"ok=true"}, b.said(t, store.Filter{History: true}))
		require.Empty(t, b.runs(t, store.RunFilter{Flushed: true}))
		require.Len(t, b.runs(t, store.RunFilter{WorkflowIDs: []string{"another", r.WorkflowID}}), 1)
		require.Empty(t, b.runs(t, store.RunFilter{WorkflowIDs: []string{"another"}}))
	}},
	{"facts alone", func(t *testing.T, b bench) {
		one, two := freshRun(), freshRun()
		b.record(t, record(one, scoring.Bool("ok", true), 1))
		require.NoError(t, b.RecordRuns(t.Context(), []scoring.RunFacts{pastFacts(one), pastFacts(two)}, nil))
		require.Equal(t, []scoring.RunFacts{pastFacts(one), pastFacts(two)}, b.runs(t, store.RunFilter{}))
		require.NoError(t, b.RecordRuns(t.Context(), nil, nil))
	}},
	{"a run that said how it ended keeps that, and a later flush changes no end", func(t *testing.T, b bench) {
		first, last := freshRun(), freshRun()
		said := func(r scoring.Run, status scoring.RunStatus) scoring.Flush {
			f := scoring.Flush{Facts: scoring.RunFacts{Run: r, OriginalRunID: r.RunID, WorkflowType: "agent", Status: status, Keys: []string{r.WorkflowID}}, Sequence: 5, At: at(4)}
			if status != "" {
				f.Facts.ClosedAt = at(4)
			}
			return f
		}
		require.NoError(t, b.Flush(t.Context(), said(first, scoring.RunCompleted)))
		require.NoError(t, b.RecordRuns(t.Context(), []scoring.RunFacts{pastFacts(first), pastFacts(last)}, nil))
		require.NoError(t, b.Flush(t.Context(), said(last, "")))
		for status, r := range map[scoring.RunStatus]scoring.Run{scoring.RunCompleted: first, scoring.RunTerminated: last} {
			is := b.runs(t, store.RunFilter{Run: r})[0]
			require.Equal(t, status, is.Status)
			require.Equal(t, status == scoring.RunTerminated, is.FromHistory)
			require.Equal(t, "b2", is.BuildID)
			require.Equal(t, []string{r.WorkflowID}, is.Keys)
			if status == scoring.RunTerminated {
				require.Equal(t, at(5), is.ClosedAt)
			}
		}
		// The flush of a task that the server refused, written late, is a flush of the run all the same.
		late := said(last, scoring.RunCompleted)
		late.Sequence = 6
		require.NoError(t, b.Flush(t.Context(), late))
		require.Equal(t, scoring.RunTerminated, b.runs(t, store.RunFilter{Run: last})[0].Status)
	}},
	{"a run that was reset away is, by the histories alone", func(t *testing.T, b bench) {
		base := freshRun()
		reset := base
		reset.RunID = freshRun().RunID
		of := pastFacts(reset)
		of.OriginalRunID, of.FirstRunID = base.RunID, base.RunID
		require.NoError(t, b.RecordRuns(t.Context(), []scoring.RunFacts{pastFacts(base), of}, []scoring.Record{record(base, scoring.Bool("ok", true), 1)}))
		require.Empty(t, b.said(t, store.Filter{}))
		require.Equal(t, []string{"ok=true~"}, b.said(t, store.Filter{Superseded: true}))
	}},
	{"a step's score by a scorer over histories does not make its run one that records here", func(t *testing.T, b bench) {
		mine, past := freshRun(), freshRun()
		step := func(r scoring.Run, scorer string) scoring.Record {
			x := record(r, scoring.Number("step_attempts", 1), 1)
			x.Step, x.Scorer = scoring.Step{ID: "1", Type: "look"}, scorer
			return x
		}
		b.record(t, step(mine, ""), step(past, "step"))
		unflushed := b.runs(t, store.RunFilter{Unflushed: true})
		require.Len(t, unflushed, 1)
		require.Equal(t, mine, unflushed[0].Run)
	}},
	{"facts that no history has are refused", func(t *testing.T, b bench) {
		open, nameless := pastFacts(freshRun()), pastFacts(scoring.Run{})
		open.Status = ""
		for _, f := range []scoring.RunFacts{open, nameless} {
			require.Error(t, b.RecordRuns(t.Context(), []scoring.RunFacts{f}, []scoring.Record{record(freshRun(), scoring.Bool("ok", true), 1)}))
		}
		require.Empty(t, b.runs(t, store.RunFilter{}))
	}},
}

func (b bench) runs(t *testing.T, f store.RunFilter) []scoring.RunFacts {
	t.Helper()
	all, err := b.Runs(t.Context(), f)
	require.NoError(t, err)
	return all
}
