package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// A session selects units and counts nothing by itself: where it holds the whole experiment it says what the whole report
// says. Each unit is a chain of two runs, scored false and then true.
func TestSessionSaysWhatTheWholeReportSays(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	session := scoring.Session{Key: "customer", ID: "42"}
	for u := range 6 {
		first := fmt.Sprint("run-", u)
		a := assignment(fmt.Sprint(u), []string{"bm25", "substring"}[u%2])
		a.At = start.Add(time.Duration(u) * time.Minute)
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		for i, id := range []string{first, first + "-again"} {
			closed := a.At.Add(time.Duration(i+1) * time.Second)
			facts := scoring.RunFacts{
				Run: a.Run, FirstRunID: first, WorkflowType: "Answer", Attempt: 1, StartedAt: closed.Add(-time.Second), ClosedAt: closed,
				Status: []scoring.RunStatus{scoring.RunContinuedAsNew, scoring.RunCompleted}[i], Assigned: []scoring.Ref{a.Ref()},
			}
			facts.Run.RunID, facts.OriginalRunID = id, id
			if i == 0 { // one run of the unit is enough
				facts.Sessions = []scoring.Session{session}
			}
			require.NoError(t, s.Flush(t.Context(), scoring.Flush{Facts: facts, Sequence: 1, At: closed, Records: []scoring.Record{
				{Score: scoring.Bool("accepted", i == 1 || u == 0), Run: facts.Run, OriginalRunID: id, Source: scoring.FromWorkflow, RecordedAt: closed},
				{Score: scoring.Number("cost", float64(10*u+100*i)), Run: facts.Run, OriginalRunID: id, Source: scoring.FromWorkflow, RecordedAt: closed},
			}}))
		}
	}
	defined := func(window time.Duration) []*experiments.Experiment {
		return []*experiments.Experiment{experiments.MustNew(experiments.Definition{
			Name: "retriever", Version: "1", Control: "substring", Variants: []experiments.Variant{{Name: "bm25"}, {Name: "substring"}}, Maturity: window, Grace: min(window, time.Minute),
			Primary:    experiments.Metric{Name: "accepted", Type: experiments.Boolean, Missing: experiments.MissingNegative},
			Guardrails: []experiments.Metric{{Name: "cost", Type: experiments.Capped, Cap: 120, Direction: experiments.Lower}},
		})}
	}
	for name, definitions := range map[string][]*experiments.Experiment{"inferred": nil, "no window": defined(0), "window": defined(56 * time.Minute)} {
		t.Run(name, func(t *testing.T) {
			o := report.Options{Definitions: definitions}
			whole, _ := build(t, s, o)
			o.Session = session
			part, _ := build(t, s, o)
			require.Equal(t, whole.Units, part.Units)
			require.NotEmpty(t, part.Rows)
			for i := range whole.Rows {
				whole.Rows[i].Interval, whole.Rows[i].IntervalMethod, whole.Rows[i].Best, whole.Rows[i].Versus = nil, "", nil, nil
			}
			require.Equal(t, whole.Rows, part.Rows)
			if name == "inferred" {
				require.InDelta(t, 1, *part.Rows[0].Mean, 0, "the last run of the chain says true")
			}
		})
	}
}
