package report_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// ran assigns a run and, if it said how it ended, flushes it.
func ran(t require.TestingT, s store.Store, id, variant string, status scoring.RunStatus, step string, took time.Duration, attempt int32) {
	ctx := context.Background()
	a := assignment(id, variant)
	_, err := s.Assign(ctx, a)
	require.NoError(t, err)
	if status == "" {
		return
	}
	require.NoError(t, s.Flush(ctx, scoring.Flush{
		Facts: scoring.RunFacts{
			Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.FirstRunID, StartedAt: start, ClosedAt: start.Add(took), Attempt: attempt,
			Status: status, FailingStep: step, FailureType: errorOf[step], Assigned: []scoring.Ref{a.Ref()},
		},
		Sequence: 1, At: start.Add(took),
	}))
}

// errorOf is the type of the error that a step fails with.
var errorOf = map[string]string{"Retrieve": "NoIndex"}

func empty(t require.TestingT) store.Store {
	s, err := sqlite.Open(context.Background(), sqlite.Memory)
	require.NoError(t, err)
	return s
}

// memory is a store that holds what it was given: nothing is written, so that many can be made.
type memory struct {
	report.Reader
	assignments []scoring.Assignment
	runs        []scoring.RunFacts
}

func (memory) Registrations(context.Context, string, string) ([]experiments.Registration, error) {
	return nil, nil
}

func (memory) Counts(context.Context, store.CountFilter) (store.Counts, error) {
	return store.Counts{}, nil
}

func (memory) ScorePage(context.Context, store.Filter, store.Page) ([]scoring.Record, store.Cursor, error) {
	return nil, "", nil
}

func (m memory) Experiments(context.Context) ([]store.ExperimentKey, error) {
	return []store.ExperimentKey{{Experiment: "retriever", Version: "1"}}, nil
}

func (m memory) Assignments(context.Context, string, string) ([]scoring.Assignment, error) {
	return m.assignments, nil
}

func (m memory) Runs(_ context.Context, f store.RunFilter) ([]scoring.RunFacts, error) {
	if f.Unflushed {
		return nil, nil
	}
	return m.runs, nil
}

func (m memory) ExperimentRows(context.Context, store.ExperimentKey) (experiments.Rows, error) {
	return experiments.Rows{Assignments: m.assignments, Runs: m.runs}, nil
}

func (m memory) Scores(context.Context, store.Filter) ([]scoring.Record, error) { return nil, nil }

func (m memory) Ledger(context.Context, store.LedgerFilter) ([]store.Entry, error) { return nil, nil }

// engineRow returns the row of a metric and variant.
func engineRow(t require.TestingT, e report.Experiment, metric, variant string) report.Row {
	for _, r := range e.Engine {
		if r.Score == metric && r.Variant == variant {
			return r
		}
	}
	require.Fail(t, "no row", "%s of %s", metric, variant)
	return report.Row{}
}

// Without a score or a definition the report says how runs ended.
func TestEngineNeedsNoScore(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ran(t, s, "1", "bm25", scoring.RunCompleted, "", 2*time.Second, 1)
	ran(t, s, "2", "bm25", scoring.RunFailed, "Retrieve", 4*time.Second, 3)
	ran(t, s, "3", "bm25", "", "", 0, 0) // terminated, as only the server knows
	ran(t, s, "4", "bm25", "", "", 0, 0) // nobody knows
	ran(t, s, "5", "bm25", "", "", 0, 0) // open
	ran(t, s, "6", "substring", scoring.RunCanceled, "", time.Second, 1)
	ran(t, s, "7", "substring", scoring.RunTimedOut, "", time.Second, 1)
	ask := func(_ context.Context, r scoring.Run) (report.RunState, error) {
		switch r {
		case run("3"):
			return report.RunState(scoring.RunTerminated), nil
		case run("5"):
			return report.Open, nil
		}
		return report.Gone, nil
	}
	e, text := build(t, s, report.Options{Ask: ask})
	require.Contains(t, e.Decision, "nothing is scored yet")
	failed := engineRow(t, e, experiments.RunFailed, "bm25")
	require.InDelta(t, 2./3, *failed.Mean, 1e-12)
	require.Equal(t, results.Counts{Assigned: 5, Matured: 3, Scored: 3, Pending: 2}, failed.Counts, "what is not known is no success")
	require.InDelta(t, .5, *engineRow(t, e, experiments.RunFailed, "substring").Mean, 1e-12, "canceled is not failed")
	took := engineRow(t, e, experiments.RunDuration, "bm25")
	require.InDelta(t, 3, *took.Mean, 1e-12)
	require.Equal(t, 2, took.Scored, "the server was not asked when the run ended")
	require.InDelta(t, 2, *engineRow(t, e, experiments.RunAttempts, "bm25").Mean, 1e-12)
	require.Equal(t, []report.Failure{
		{Variant: "bm25", Status: scoring.RunFailed, Step: "Retrieve", Type: "NoIndex", Runs: 1},
		{Variant: "bm25", Status: scoring.RunTerminated, Runs: 1},
		{Variant: "substring", Status: scoring.RunTimedOut, Runs: 1},
	}, e.Failures)
	require.Contains(t, text, "failed runs: bm25 1 failed in Retrieve, bm25 1 terminated, substring 1 timed out\ntheir last errors: bm25 1 NoIndex in Retrieve\n")
	require.Contains(t, text, "3/5")

	e, _ = build(t, s, report.Options{})
	require.InDelta(t, .5, *engineRow(t, e, experiments.RunFailed, "bm25").Mean, 1e-12)
	require.Equal(t, 2, engineRow(t, e, experiments.RunFailed, "bm25").Scored, "without a server there is nobody to know")

	e, text = build(t, s, report.Options{By: report.ByStep})
	require.Empty(t, e.Engine)
	require.NotContains(t, text, "failed runs")
	e, _ = build(t, s, report.Options{Session: scoring.Session{Key: "customer", ID: "c1"}})
	require.Empty(t, e.Engine)
}

// With a window, what happened within it counts, and only once it has closed.
func TestEngineWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ran(t, s, "1", "bm25", scoring.RunFailed, "Retrieve", time.Second, 1)
	ran(t, s, "2", "bm25", scoring.RunFailed, "Answer", 45*time.Minute, 1)
	ran(t, s, "3", "bm25", scoring.RunCompleted, "", time.Second, 1)
	ran(t, s, "4", "bm25", "", "", 0, 0)
	for window, want := range map[time.Duration]results.Counts{
		30 * time.Minute: {Assigned: 4, Matured: 4, Scored: 2, Missing: 2, Late: 1}, // the second failed after it, the fourth has not said
		2 * time.Hour:    {Assigned: 4, Pending: 4},
	} {
		x, err := experiments.New(experiments.Definition{
			Name: "retriever", Version: "1", Control: "substring", Maturity: window, Grace: time.Second,
			Variants: []experiments.Variant{{Name: "substring", Weight: 1}, {Name: "bm25", Weight: 1}},
			Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
		})
		require.NoError(t, err)
		e, _ := build(t, s, report.Options{Definitions: []*experiments.Experiment{x}})
		row := engineRow(t, e, experiments.RunFailed, "bm25")
		require.Equal(t, want, row.Counts, window)
		if want.Pending > 0 {
			require.Empty(t, e.Failures)
			continue
		}
		require.InDelta(t, .5, *row.Mean, 1e-12)
		require.Equal(t, 1, row.Late)
		require.Equal(t, []report.Failure{{Variant: "bm25", Status: scoring.RunFailed, Step: "Retrieve", Type: "NoIndex", Runs: 1}}, e.Failures)
	}
}

// The failures are those that run.failed counts.
func TestFailuresAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s memory
		statuses := []scoring.RunStatus{"", scoring.RunCompleted, scoring.RunFailed, scoring.RunCanceled, scoring.RunTimedOut, scoring.RunTerminated}
		for i := range rapid.IntRange(1, 12).Draw(t, "runs") {
			a := assignment(fmt.Sprint(i), rapid.SampledFrom([]string{"bm25", "substring"}).Draw(t, "variant"))
			facts := scoring.RunFacts{Run: a.Run, FirstRunID: a.FirstRunID, Status: rapid.SampledFrom(statuses).Draw(t, "status"), StartedAt: start}
			if facts.Status != "" {
				facts.ClosedAt, facts.FailingStep = start.Add(time.Second), rapid.SampledFrom([]string{"", "Retrieve"}).Draw(t, "step")
				facts.FailureType = rapid.SampledFrom([]string{"", "NoIndex", "Refused"}).Draw(t, "type")
			}
			s.assignments, s.runs = append(s.assignments, a), append(s.runs, facts)
		}
		r, err := report.Build(context.Background(), s, report.Options{Now: start.Add(time.Hour)})
		require.NoError(t, err)
		e := r.Experiments[0]
		sums := map[string]int{}
		for _, f := range e.Failures {
			sums[f.Variant] += f.Runs
		}
		require.NotEmpty(t, e.Engine)
		for _, row := range e.Engine {
			require.Equal(t, row.Assigned, row.Scored+row.Pending+row.Expired+row.Missing+row.NotApplicable+row.Errors)
			if row.Score == experiments.RunFailed && row.Mean != nil {
				require.InDelta(t, *row.Mean*float64(row.Scored), sums[row.Variant], 1e-9)
			}
		}
	})
}

// Scores that say what a run used up stand with what the engine knows, unless they are what the experiment is about.
func TestUsageIsShownWithTheRuns(t *testing.T) {
	t.Parallel()
	s := decided(t, 60)
	var records []scoring.Record
	for i := range 60 {
		for name, v := range map[string]float64{"gen_ai.usage.input_tokens": 900, "cost": .01, "costume": 1} {
			rec := record(fmt.Sprintf("%04d", i), scoring.Number(name, v*(float64(1+i%2)+.01*float64(i%7))), scoring.Step{})
			rec.RecordedAt = start.Add(time.Duration(i) * time.Second)
			records = append(records, rec)
		}
	}
	require.NoError(t, s.Record(t.Context(), records))
	names := func(rows []report.Row) (names []string) {
		for _, r := range rows {
			if r.Variant == "bm25" {
				names = append(names, r.Score)
			}
		}
		return names
	}
	e, _ := build(t, s, report.Options{})
	require.Equal(t, []string{"a tone", "accepted", "costume"}, names(display.Scores(e)))
	require.Equal(t, []string{experiments.RunFailed, experiments.RunDuration, experiments.RunAttempts, "cost", "gen_ai.usage.input_tokens"}, names(display.Runs(e)))
	for _, r := range display.Runs(e) {
		if r.Score == "cost" && r.Variant == "bm25" {
			require.Greater(t, *r.Best, .9, "the cheaper one is the better one")
		}
	}
	e, _ = build(t, s, report.Options{Metric: "cost"})
	require.Contains(t, names(display.Scores(e)), "cost")
	require.NotContains(t, names(display.Runs(e)), "cost")
}
