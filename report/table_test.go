package report_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// Each row says what the analysis says of the difference to the control.
func TestRowsCompareWithTheControl(t *testing.T) {
	t.Parallel()
	e, text := build(t, decided(t, 240), report.Options{})
	want := e.Analysis.Metrics[0].Variants
	require.NotEmpty(t, e.Rows)
	for _, row := range e.Rows {
		if row.Score != e.Primary {
			continue
		}
		for _, v := range want {
			if v.Variant == row.Variant {
				require.Equal(t, v.Versus, row.Versus)
			}
		}
	}
	require.Regexp(t, `(?m)^  bm25 +0\.9 +\S+ to \S+ +\+0\.4 +\+\S+ to \+\S+ +\+80% +\+\S+% to \+\S+% +>0\.999$`, text)
	require.Regexp(t, `(?m)^  substring +0\.5 +\S+ to \S+ +control +- +- +- +<0\.001$`, text)
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "decision:") && !strings.HasPrefix(line, "shown:") && !strings.HasPrefix(line, "note:") { // prose, which a terminal wraps
			require.LessOrEqual(t, utf8.RuneCountInString(line), 120, line)
		}
	}
}

// A variant that never failed has a lift of -100%, and an interval that says how little that is known after 60 units.
func TestLiftOfAVariantWithoutEvents(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for i := range 60 {
		status := scoring.RunCompleted
		if i%4 == 1 {
			status = scoring.RunFailed
		}
		ran(t, s, strconv.Itoa(i), []string{"substring", "bm25"}[i%2], status, "", time.Second, 1)
	}
	e, text := build(t, s, report.Options{Control: "bm25"})
	row := engineRow(t, e, experiments.RunFailed, "substring")
	require.InDelta(t, -1, *row.Versus.Lift, 1e-12)
	require.Equal(t, results.Betting, row.Versus.Method)
	require.InDelta(t, -1, row.Versus.LiftInterval.Lo, .05)
	require.Less(t, row.Versus.LiftInterval.Hi, 0.0)
	require.NotNil(t, row.Versus.DifferenceInterval)
	require.Regexp(t, `(?m)^  substring +0 .* -0\.5 +-\S+ to -\S+ +-100% +-\S+ to -\S+ `, text)
	require.Contains(t, text, "intervals to bm25: simultaneous 95% over all variants and looks, betting confidence sequence")
}

// A score after the window is counted as late, in a column that is there only then.
func TestLateScoresAreShown(t *testing.T) {
	t.Parallel()
	s := decided(t, 60)
	late := record("0000", scoring.Bool("accepted", true), scoring.Step{ID: "9", Type: "Judge"})
	late.RecordedAt = start.Add(40 * time.Minute)
	require.NoError(t, s.Record(t.Context(), []scoring.Record{late}))
	x, err := experiments.New(experiments.Definition{
		Name: "retriever", Version: "1", Control: "substring", Maturity: 30 * time.Minute, Grace: time.Second,
		Variants: []experiments.Variant{{Name: "substring", Weight: 1}, {Name: "bm25", Weight: 1}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	e, text := build(t, s, report.Options{Definitions: []*experiments.Experiment{x}})
	require.NotEmpty(t, e.Rows)
	for _, row := range e.Rows {
		want := 0
		if row.Step == "Judge" && row.Variant == "bm25" {
			want = 1
			require.Nil(t, row.Mean, "a late score is not in the mean")
		}
		require.Equal(t, want, row.Late, "%+v", row)
	}
	require.Regexp(t, `(?m)^units .* error  late$`, text)
	_, text = build(t, decided(t, 60), report.Options{})
	require.NotContains(t, text, "late\n")
}

func TestCSV(t *testing.T) {
	t.Parallel()
	r, err := report.Build(t.Context(), decided(t, 240), report.Options{Now: start.Add(time.Hour)})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, display.CSV(&b, r))
	lines, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	require.Equal(t, display.Columns, lines[0])
	e := r.Experiments[0]
	rows := append(append([]report.Row{}, e.Rows...), e.Engine...)
	require.Len(t, lines, 1+len(rows))
	require.Len(t, rows, 2*5, "two scores and what the engine knows, of two variants")
	full := 0
	for i, row := range rows {
		cell := map[string]string{}
		for c, name := range display.Columns {
			cell[name] = lines[1+i][c]
		}
		number := func(name string) float64 {
			f, err := strconv.ParseFloat(cell[name], 64)
			require.NoError(t, err, "%s: %q", name, cell[name])
			return f
		}
		require.Equal(t, []string{"2026-03-01T13:00:00Z", "retriever", "1", row.Score, row.Step, row.Variant},
			[]string{cell["as_of"], cell["experiment"], cell["version"], cell["score"], cell["step"], cell["variant"]})
		require.Equal(t, row.Variant == "substring", cell["control"] == "true")
		require.InDelta(t, row.Assigned, number("assigned"), 0)
		require.InDelta(t, row.Scored, number("scored"), 0)
		if row.Versus == nil || row.Versus.LiftInterval == nil {
			require.Empty(t, cell["lift"])
			continue
		}
		full++
		require.Equal(t, math.Float64bits(*row.Mean), math.Float64bits(number("mean")))
		require.Equal(t, math.Float64bits(row.Versus.DifferenceInterval.Lo), math.Float64bits(number("difference_lo")))
		require.Equal(t, math.Float64bits(row.Versus.LiftInterval.Hi), math.Float64bits(number("lift_hi")))
		require.Equal(t, math.Float64bits(*row.Versus.LogEBetter), math.Float64bits(number("log_e_better")))
		require.Equal(t, math.Float64bits(*row.Best), math.Float64bits(number("p_best")))
	}
	require.Positive(t, full)
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		0: "0", .5: "0.5", .123456: "0.123", -.0012345: "-0.00123", 12345.6: "12300", 999.7: "1000", 9.999e6: "1e+07", 3.21e-9: "3.21e-09",
		math.MaxFloat64: "1.8e+308",
	} {
		require.Equal(t, want, display.Number(&x))
	}
	require.Equal(t, "-", display.Number(nil))
	require.Equal(t, "-", display.Range(nil))
	require.Equal(t, "0 to 0.25", display.Range(&results.Interval{Lo: 1e-17, Hi: .25}))
	require.Equal(t, "-0.1 to +0.25", display.SignedRange(&results.Interval{Lo: -.1, Hi: .25}))
	require.Equal(t, "-", display.PercentRange(&results.Interval{Lo: -.1, Hi: math.MaxFloat64}))
	for p, want := range map[float64]string{0: "<0.001", 1: ">0.999", .98765: "0.988"} {
		require.Equal(t, want, display.Probability(&p))
	}
}

// The sequence is read at no more than 50 places, and ends with what the report says.
func TestSequenceEndsWithTheReport(t *testing.T) {
	t.Parallel()
	s := decided(t, 240)
	e, _ := build(t, s, report.Options{})
	require.Nil(t, e.Sequence, "nobody has asked")
	for i := range 30 { // a second epoch
		a := assignment("later-"+strconv.Itoa(i), []string{"bm25", "substring"}[i%2])
		a.Epoch, a.At = 1, start.Add(time.Duration(300+i)*time.Second)
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		if i == 7 {
			continue // pending: it is not among the matured
		}
		rec := record("later-"+strconv.Itoa(i), scoring.Bool("accepted", i%3 > 0), scoring.Step{})
		rec.Source, rec.RecordedAt = scoring.FromScorer, a.At
		require.NoError(t, s.Record(t.Context(), []scoring.Record{rec}))
	}
	e, _ = build(t, s, report.Options{Sequences: true})
	got := e.Sequence
	require.Equal(t, 269, got.Units)
	require.Equal(t, []report.Change{{After: 240, Epoch: 1}}, got.Changes)
	require.Len(t, got.Lines, 1)
	points := got.Lines[0].Points
	require.LessOrEqual(t, len(points), 50)
	require.Greater(t, len(points), 35, "all but the first few, which are too few units")
	for i, p := range points[1:] {
		require.Greater(t, p.Units, points[i].Units)
	}
	last := points[len(points)-1]
	require.NotEmpty(t, e.Analysis.Metrics[0].Variants)
	for _, v := range e.Analysis.Metrics[0].Variants {
		if v.Versus != nil {
			require.Equal(t, report.Point{Units: 269, Value: v.Versus.Difference, Interval: *v.Versus.DifferenceInterval}, last)
		}
	}
}
