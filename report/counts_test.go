package report_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// steps fills a store with runs of ten days in two builds, with a boolean score on each of three steps. dips says how often, of
// 100, a score is false.
func steps(t *testing.T, s store.Store, perDay int, dips func(day int, build, step string) int) {
	t.Helper()
	for day := range 10 {
		for i := range perDay {
			build := []string{"b1", "b2"}[i%2]
			id := fmt.Sprintf("%d-%d", day, i)
			at := start.AddDate(0, 0, day)
			f := scoring.Flush{
				Facts:    scoring.RunFacts{Run: run(id), FirstRunID: "run-" + id, OriginalRunID: "run-" + id, WorkflowType: "Answer", StartedAt: at, ClosedAt: at, Status: scoring.RunCompleted, BuildID: build},
				Sequence: 5, At: at,
			}
			for n, step := range []string{"Retrieve", "Rank", "Write"} {
				r := scoring.NewRecord(scoring.Bool("good", (i*37+day*11+n*53)%100 >= dips(day, build, step)), scoring.FromWorkflow, f.Facts.Run, scoring.Step{ID: fmt.Sprint(n), Type: step}, at)
				f.Records = append(f.Records, r)
			}
			require.NoError(t, s.Flush(t.Context(), f))
		}
	}
}

func text(t *testing.T, s report.Reader, o report.Options) (report.Report, string) {
	t.Helper()
	o.Now = start.AddDate(0, 0, 10)
	r, err := report.Build(t.Context(), s, o)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, display.Text(&b, r))
	return r, b.String()
}

// A dip in one step, on one day, in one build is named, and nothing else is.
func TestADipIsNamed(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	steps(t, s, 100, func(day int, build, step string) int {
		if day == 6 && build == "b2" && step == "Rank" {
			return 60
		}
		return 10
	})
	r, said := text(t, s, report.Options{})
	require.Len(t, r.Deviations, 1, said)
	d := r.Deviations[0]
	require.Equal(t, "good of Rank on 2026-03-07 in build b2", fmt.Sprintf("%s of %s on %s in build %s", d.Score, d.Step, d.Day, d.Build))
	require.Contains(t, said, "stands out: good of Rank on 2026-03-07 in build b2: mean 0.")
	require.Contains(t, said, "not randomised")
	_, said = text(t, s, report.Options{Until: start.AddDate(0, 0, 5)})
	require.NotContains(t, said, "stands out")
}

func TestNothingStandsOutOfChance(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	steps(t, s, 100, func(int, string, string) int { return 10 })
	r, _ := text(t, s, report.Options{})
	require.Empty(t, r.Deviations)
}

func TestCountsByDayAndBuild(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	steps(t, s, 4, func(int, string, string) int { return 0 })
	r, said := text(t, s, report.Options{By: report.ByDay, Since: start.AddDate(0, 0, 7)})
	require.Len(t, r.Scores, 3*3)
	require.Empty(t, r.Experiments)
	for _, row := range r.Scores {
		require.Equal(t, []int{4, 4}, []int{row.Assigned, row.Scored})
		require.InDelta(t, 1, *row.Mean, 0)
	}
	require.Regexp(t, `(?m)^good +Rank +2026-03-08 +4 +4 `, said)
	require.Regexp(t, `(?m)^Answer +completed +- +2026-03-08 +- +4$`, said)
	r, said = text(t, s, report.Options{By: report.ByBuild})
	require.Len(t, r.Scores, 3*2)
	require.Regexp(t, `(?m)^good +Rank +b1 +20 +20 `, said)
	require.Regexp(t, `(?m)^Answer +completed +- +- +b1 +20$`, said)
	var csv bytes.Buffer
	require.NoError(t, display.CSV(&csv, r))
	require.Contains(t, csv.String(), ",b1,")
}

// An experiment's scores are counted by variant within days.
func TestCountsOfAnExperimentByDay(t *testing.T) {
	t.Parallel()
	r, said := text(t, seed(t), report.Options{Experiment: "retriever", By: report.ByDay})
	require.Len(t, r.Experiments, 1)
	require.Nil(t, r.Experiments[0].Analysis)
	require.Regexp(t, `(?m)^accepted +run +bm25 +2026-03-01 +2 +2 `, said)
	for _, o := range []report.Options{
		{Experiment: "retriever", By: report.ByBuild}, {Experiment: "retriever", By: report.ByAttribute("prompt")},
		{Session: scoring.Session{Key: "customer", ID: "c4"}, By: report.ByDay},
	} {
		_, err := report.Build(t.Context(), seed(t), o)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid)
	}
	_, err := report.Build(t.Context(), seed(t), report.Options{Experiment: "nope", By: report.ByDay, Now: time.Now()})
	require.ErrorIs(t, err, store.ErrNotFound)
}
