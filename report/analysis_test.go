package report_test

import (
	"bytes"
	"fmt"
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

// decided is a store in which bm25 is accepted 9 times of 10 and substring 5 times.
func decided(t *testing.T, runs int) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var records []scoring.Record
	for i := range runs {
		id, variant, accepted := fmt.Sprintf("%04d", i), "bm25", i%20 != 0
		if i%2 == 1 {
			variant, accepted = "substring", i%4 == 1
		}
		a := assignment(id, variant)
		a.At = start.Add(time.Duration(i) * time.Second)
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		rec := record(id, scoring.Bool("accepted", accepted), scoring.Step{})
		rec.Source, rec.RecordedAt = scoring.FromScorer, a.At
		tone := record(id, scoring.Bool("a tone", true), scoring.Step{}) // before accepted by name, but of no scorer
		tone.RecordedAt = a.At
		records = append(records, rec, tone)
	}
	require.NoError(t, s.Record(t.Context(), records))
	return s
}

func build(t *testing.T, s store.Store, o report.Options) (report.Experiment, string) {
	t.Helper()
	o.Now = start.Add(time.Hour)
	r, err := report.Build(t.Context(), undated{s}, o)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, display.Text(&b, r))
	return r.Experiments[0], b.String()
}

func TestDecision(t *testing.T) {
	t.Parallel()
	s := decided(t, 240)
	e, text := build(t, s, report.Options{})
	require.True(t, e.Inferred)
	require.Equal(t, "accepted", e.Primary)
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict)
	require.Contains(t, text, "decision: WINNER bm25: bm25 is better than every other variant on accepted")
	require.Contains(t, text, "note: the report does not have the experiment's definition: it assumes that the metric is accepted and the control substring")
	require.NotEmpty(t, e.Rows)
	for _, row := range e.Rows {
		require.NotNil(t, row.Interval, "%+v", row)
		require.True(t, row.Interval.Contains(*row.Mean))
		require.NotNil(t, row.Best)
	}

	e, text = build(t, s, report.Options{Control: "bm25"})
	require.Equal(t, experiments.Harm, e.Analysis.Decision.Verdict, "who says which one is the control is told of harm")
	require.Contains(t, text, "decision: HARM substring: substring is worse than bm25 on accepted")

	e, _ = build(t, s, report.Options{By: report.ByStep})
	require.Empty(t, e.Rows)
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict, "which table is shown decides nothing")

	e, _ = build(t, s, report.Options{Metric: "a tone", Control: "substring"})
	require.Equal(t, "a tone", e.Primary)
	require.Equal(t, "substring", e.Control)
	require.Equal(t, experiments.Continue, e.Analysis.Decision.Verdict)

	e, text = build(t, s, report.Options{Metric: "nothing"})
	require.Nil(t, e.Analysis)
	require.Contains(t, text, `decision: no decision: no score is named "nothing"`)

	e, text = build(t, s, report.Options{Control: "nobody"})
	require.Nil(t, e.Analysis)
	require.Contains(t, text, `"nobody" is not a variant`)
}

func TestKnownDefinitionIsUsed(t *testing.T) {
	t.Parallel()
	x, err := experiments.New(experiments.Definition{
		Name: "retriever", Version: "1", Control: "substring", Maturity: 24 * time.Hour,
		Variants: []experiments.Variant{{Name: "substring", Weight: 1}, {Name: "bm25", Weight: 1}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	e, text := build(t, decided(t, 240), report.Options{Definitions: []*experiments.Experiment{x}})
	require.False(t, e.Inferred)
	require.Equal(t, "substring", e.Control)
	require.Equal(t, experiments.Continue, e.Analysis.Decision.Verdict, "no window has closed yet")
	require.NotContains(t, text, "does not have the experiment's definition")
}

// What is still needed is said in words.
func TestDecisionSaysWhatIsStillNeeded(t *testing.T) {
	t.Parallel()
	_, text := build(t, decided(t, 60), report.Options{})
	require.Regexp(t, `decision: CONTINUE: .*; about \d+ more units, about \S+ at the rate so far`, text)
}

// There is no decision for a part that nobody planned.
func TestNoDecisionForASession(t *testing.T) {
	t.Parallel()
	e, text := build(t, seed(t), report.Options{Session: scoring.Session{Key: "customer", ID: "c4"}})
	require.Nil(t, e.Analysis)
	require.NotContains(t, text, "decision:")
}

// What a unit had when its window closed stands: a correction that comes later, or a retraction, is counted as late and takes
// nothing away. Units whose window is open are pending, whatever is known of them.
func TestCorrectionAfterTheWindow(t *testing.T) {
	t.Parallel()
	s := decided(t, 120)
	x, err := experiments.New(experiments.Definition{
		Name: "retriever", Version: "1", Control: "substring", Maturity: 30 * time.Minute, Grace: time.Minute,
		Variants: []experiments.Variant{{Name: "substring", Weight: 1}, {Name: "bm25", Weight: 1}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	o := report.Options{Definitions: []*experiments.Experiment{x}, By: report.ByVariant}
	row := func(variant string, now time.Time) report.Row {
		o.Now = now
		r, err := report.Build(t.Context(), undated{s}, o)
		require.NoError(t, err)
		for _, row := range r.Experiments[0].Rows {
			if row.Score == "accepted" && row.Variant == variant {
				return row
			}
		}
		t.Fatal("no row")
		return report.Row{}
	}
	before := row("bm25", start.Add(2*time.Hour))
	require.Equal(t, results.Counts{Assigned: 60, Matured: 60, Scored: 60}, before.Counts)
	var corrections []scoring.Record
	for i := 0; i < 120; i += 2 {
		rec := record(fmt.Sprintf("%04d", i), scoring.Bool("accepted", i%4 == 0), scoring.Step{})
		rec.Source, rec.RecordedAt = scoring.FromScorer, start.Add(time.Hour)
		corrections = append(corrections, rec)
	}
	require.NoError(t, s.Record(t.Context(), corrections))
	after := row("bm25", start.Add(2*time.Hour))
	require.Positive(t, after.Late)
	require.Equal(t, before.Mean, after.Mean)
	after.Late = 0
	require.Equal(t, before.Counts, after.Counts)

	open := row("bm25", start.Add(30*time.Minute+2*time.Minute)) // a minute's worth of units has matured
	require.Equal(t, 60, open.Assigned)
	require.Equal(t, 31, open.Matured)
	require.Equal(t, 29, open.Pending)
	require.Equal(t, 31, open.Scored)
}
