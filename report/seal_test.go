package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// What reaches a store after the seals of units, with times of before, changes nothing of them, whether the seals are stored or
// derived: it marks them. The store's clock says when it arrived.
func TestLateRowsMarkSealedUnits(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	const window, grace = time.Second, 4 * time.Second
	key := store.ExperimentKey{Experiment: "retriever", Version: "1"}
	o := report.Options{Definitions: []*experiments.Experiment{experiments.MustNew(experiments.Definition{
		Name: key.Experiment, Version: key.Version, Control: "substring", Variants: []experiments.Variant{{Name: "substring"}, {Name: "bm25"}},
		Primary: experiments.Metric{Name: "accepted", Type: experiments.Boolean}, Maturity: window, Grace: grace,
	})}}
	began := time.Now()
	assign := func(id string) scoring.Assignment {
		a := assignment(id, []string{"bm25", "substring"}[len(id)%2])
		a.At = began
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		return a
	}
	say := func(id string, accepted bool, after time.Duration) {
		rec := record(id, scoring.Bool("accepted", accepted), scoring.Step{})
		rec.Source, rec.ObservedAt, rec.RecordedAt = scoring.FromClient, began.Add(after), began.Add(after)
		require.NoError(t, s.Record(t.Context(), []scoring.Record{rec}))
	}
	for i := range 8 {
		id := strings.Repeat("i", i+1)
		assign(id)
		if i < 6 {
			say(id, i%3 == 0, 0)
		}
	}
	build := func() (e report.Experiment, text string) {
		o.Now = time.Now()
		r, err := report.Build(t.Context(), s, o)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, display.Text(&b, r))
		return r.Experiments[0], b.String()
	}
	require.Eventually(t, func() bool {
		e, text := build()
		switch seals := e.Analysis.Seals; {
		case seals == nil:
			return false // their windows are open
		case seals[0].InGrace > 0:
			require.Contains(t, text, "note: 8 units are in their grace")
		}
		return e.Analysis.Seals[0].Sealed == 4
	}, time.Minute, 50*time.Millisecond)
	before, _ := build()
	require.Equal(t, 3, before.Rows[0].Scored)

	say("i", false, time.Millisecond)       // a correction
	say("iiiiiii", true, time.Millisecond)  // a score that was on its way
	say("iiiiiiii", true, time.Millisecond) // of the other variant
	late := assign("late")
	reset := assignment("again", "substring")
	reset.Run.WorkflowID = run("ii").WorkflowID
	require.NoError(t, s.Flush(t.Context(), scoring.Flush{Sequence: 1, At: began, Facts: scoring.RunFacts{
		Run: reset.Run, FirstRunID: reset.FirstRunID, OriginalRunID: "run-ii", StartedAt: began, ClosedAt: began, Status: scoring.RunCompleted,
	}}))
	require.NoError(t, s.Flush(t.Context(), scoring.Flush{Sequence: 1, At: began, Facts: scoring.RunFacts{
		Run: run("iiii"), FirstRunID: "run-iiii", OriginalRunID: "run-iiii", StartedAt: began, ClosedAt: began, Status: scoring.RunFailed,
	}}))
	check := func() {
		after, text := build()
		for i := range before.Rows {
			was, is := before.Rows[i], after.Rows[i]
			is.Late = 0
			require.Equal(t, was.Counts, is.Counts)
			require.Equal(t, was.Mean, is.Mean)
		}
		for i := range before.Engine {
			require.Equal(t, before.Engine[i].Mean, after.Engine[i].Mean, before.Engine[i].Score)
		}
		want := []results.SealCounts{{Variant: "bm25", Sealed: 4, Reset: 1, Corrected: 1}, {Variant: "substring", Sealed: 4, Corrected: 2}}
		for i, n := range want {
			if late.Variant == n.Variant {
				want[i].TooLate = 1
			}
		}
		require.Equal(t, want, after.Analysis.Seals, text)
		require.Contains(t, text, fmt.Sprintf("the store learned of 1 of 9 units after their seal: they count in the sample ratio alone (1 of %s)", late.Variant))
	}
	check()
	n, err := s.Seal(t.Context(), store.Sealing{ExperimentKey: key, After: window + grace})
	require.NoError(t, err)
	require.Equal(t, 8, n)
	check()
}
