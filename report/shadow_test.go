package report_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// What ran beside the served runs has a table of its own, in every form, and is in no other.
func TestShadowRows(t *testing.T) {
	t.Parallel()
	s := decided(t, 120)
	before, _ := build(t, s, report.Options{Control: "bm25"})
	for i := range 120 {
		served, id := fmt.Sprintf("%04d", i), fmt.Sprintf("beside-%04d", i)
		a := assignment(id, "vectors")
		a.By, a.Unit, a.Probabilities = scoring.ByShadow, "run-"+served, map[string]float64{"vectors": 1}
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		rec := record(id, scoring.Bool("accepted", i%10 != 0), scoring.Step{})
		rec.RecordedAt = start
		require.NoError(t, s.Record(t.Context(), []scoring.Record{rec}))
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{
			Facts: scoring.RunFacts{
				Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.FirstRunID, StartedAt: start, ClosedAt: start.Add(time.Second),
				Attempt: 1, Status: scoring.RunCompleted, Assigned: []scoring.Ref{a.Ref()},
			},
			Sequence: 1, At: start.Add(time.Second),
		}))
	}
	after, text := build(t, s, report.Options{Control: "bm25"})
	rows := map[string]report.Row{}
	require.NotEmpty(t, after.Shadows)
	for _, r := range after.Shadows {
		require.Equal(t, "vectors", r.Variant)
		rows[r.Score] = r
	}
	require.Len(t, rows, 4, "accepted, and what the engine knows")
	require.InDelta(t, .9, *rows["accepted"].Mean, 1e-12)
	require.Equal(t, 60, display.Pairs(rows["accepted"]))
	require.InDelta(t, -.1, rows["accepted"].Versus.Difference, 1e-12) // on the even units bm25 has .9 and the shadow .8
	after.Shadows = nil
	require.Equal(t, before, after)
	require.Contains(t, text, "shadows: ran in parallel to the served runs, compared with bm25 on the same units\n")
	require.Regexp(t, `\naccepted\n  vectors +120 +120 +0 +0 +0\.9 +0\.\d+ to 0?\.?\d+ +60 `, text)

	r, err := report.Build(t.Context(), s, report.Options{Now: start.Add(time.Hour), Control: "bm25"})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, display.CSV(&b, r))
	lines, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	for _, line := range lines[1:] {
		require.Equal(t, line[5] == "vectors", line[slices.Index(display.Columns, "shadow")] == "true", strings.Join(line, ","))
	}
}
