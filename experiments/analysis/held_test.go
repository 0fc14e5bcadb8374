package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/scoring"
)

// judgedUnits adds units, one a minute, with what a judge says of them and their outcomes. gamed is the share of failures
// of the treated that look like successes to the judge; told says which outcomes come.
func judgedUnits(r *rows, n int, gamed float64, told func(i int, y float64) bool) {
	rng := rand.New(rand.NewPCG(13, 1))
	for i := range n {
		id, at := fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute)
		variant := []string{"control", "short"}[rng.IntN(2)]
		r.assign(id, variant, at)
		y, judged := float64(rng.IntN(2)), .3
		if y == 1 || variant == "short" && rng.Float64() < gamed {
			judged = .8
		}
		judged += .2 * (rng.Float64() - .5)
		r.score(id, scoring.Number("judged", judged), at.Add(time.Minute))
		if told(i, y) {
			r.score(id, scoring.Bool("merged", y == 1), at.Add(time.Hour))
		}
	}
}

func always(int, float64) bool { return true }

func judgedDefinition() experiments.Definition {
	d := definition()
	d.Maturity = day
	d.Observed = []experiments.Metric{{Name: "judged", Type: experiments.Bounded, Judge: true}}
	return d
}

// A judge that predicts the outcome is trusted, with the figures of both on the same units, and by variant.
func TestAJudgeIsHeldToTheOutcome(t *testing.T) {
	t.Parallel()
	var r rows
	judgedUnits(&r, 400, 0, always)
	report := r.at(t, judgedDefinition(), start.Add(10*day))
	require.Len(t, report.Judges, 1)
	j := report.Judges[0]
	require.Equal(t, []string{"judged", "merged", "trusted"}, []string{j.Judge, j.Outcome, j.Standing})
	require.Equal(t, start.Add(199*time.Minute+day+judgedDefinition().WithDefaults().Grace), j.Since, "at the seal of the 200th unit")
	require.GreaterOrEqual(t, j.For, math.Log(20))
	require.Equal(t, 400, j.Overall.Pairs)
	require.Zero(t, j.Overall.Unknown+j.Overall.Unjudged+j.Overall.Left)
	c := j.Overall.Confusion
	require.Equal(t, 400, c.BothGood+c.BothBad)
	for _, f := range []*results.Figure{j.Overall.Agreement, j.Overall.Kappa, j.Overall.AC1, j.Overall.Alpha} {
		require.NotNil(t, f)
		require.InDelta(t, 1, f.Value, 1e-9)
		require.Less(t, f.Interval.Lo, 1.)
	}
	require.InDelta(t, float64(c.BothGood)/400, j.Overall.Prevalence.Value, 1e-9)
	require.InDelta(t, .25, *j.Overall.CalibrationError, .05)
	require.NotNil(t, j.Overall.QuadraticKappa)
	require.NotEmpty(t, j.Overall.Calibration)
	require.Equal(t, []string{"control", "short"}, []string{j.Variants[0].Variant, j.Variants[1].Variant})
	require.Equal(t, 400, j.Variants[0].Pairs+j.Variants[1].Pairs)
	require.Nil(t, j.Variants[0].Gap)
	require.True(t, j.Variants[1].Gap.Interval.Contains(0))
	require.Empty(t, j.Alarms())

	d := judgedDefinition()
	d.Observed = nil
	require.Nil(t, r.at(t, d, start.Add(10*day)).Judges)
}

// Another version of a judge is another judge: what one has earned is not the other's, and their scores are not mixed.
func TestVersionsOfAJudgeAreApart(t *testing.T) {
	t.Parallel()
	var r rows
	judgedUnits(&r, 500, 0, always)
	for i := range r.records {
		rec := &r.records[i]
		switch n, err := strconv.Atoi(rec.Run.RunID); {
		case rec.Name != "judged":
		case n < 300:
			rec.Key = "judged@1"
		case n < 490:
			rec.Key = "judged@2"
		case n < 491:
			rec.Key = "judged@2"
			other := *rec
			other.Key = "judged@1"
			r.records = append(r.records, other)
		default:
			rec.Key = fmt.Sprint("judged@", n)
			require.NoError(t, err)
		}
	}
	judges := r.at(t, judgedDefinition(), start.Add(10*day)).Judges
	by := map[string]results.Judged{}
	pairs := 0
	for _, j := range judges {
		by[j.Key] = j
		pairs += j.Overall.Pairs
	}
	require.Equal(t, 500, pairs)
	require.Equal(t, "trusted", by["judged@1"].Standing)
	require.Equal(t, 300, by["judged@1"].Overall.Pairs)
	require.Equal(t, "untrusted", by["judged@2"].Standing, "it has 190 pairs of its own")
	require.Equal(t, 1, by[analysis.SeveralVersions].Overall.Pairs)
	require.Equal(t, 4, by[analysis.FurtherVersions].Overall.Pairs)
	require.Len(t, judges, 9)
}

// A variant that pleases the judge and not the users raises the alarm; the judge is not trusted, or not any more.
func TestAGamedJudge(t *testing.T) {
	t.Parallel()
	var r rows
	judgedUnits(&r, 600, 1, always)
	j := r.at(t, judgedDefinition(), start.Add(10*day)).Judges[0]
	short := j.Variants[1]
	require.False(t, short.Apart.IsZero())
	require.GreaterOrEqual(t, short.LogE, math.Log(short.Needs))
	require.InDelta(t, .25, short.Gap.Value, .05)
	require.Len(t, j.Alarms(), 1)
	require.True(t, j.Variants[0].Apart.IsZero())
}

// Outcomes that are missing without a meaning leave bounds alone, and mislead no test.
func TestUnknownOutcomesHaveBounds(t *testing.T) {
	t.Parallel()
	var r rows
	judgedUnits(&r, 400, 0, func(i int, y float64) bool { return y == 1 || i%4 > 0 })
	d := judgedDefinition()
	j := r.at(t, d, start.Add(10*day)).Judges[0]
	require.Positive(t, j.Overall.Unknown)
	require.Equal(t, 400, j.Overall.Unknown+j.Overall.Pairs)
	require.Nil(t, j.Overall.Kappa)
	require.Equal(t, 1., j.Overall.Bounds.Agreement.Hi)
	require.InDelta(t, float64(j.Overall.Pairs)/400, j.Overall.Bounds.Agreement.Lo, 1e-9)
	require.True(t, j.Overall.Bounds.Prevalence.Contains(.5))
	require.InDelta(t, 1, j.Overall.Bounds.Kappa.Hi, 1e-9)
	d.Primary.Missing = experiments.MissingNegative
	j = r.at(t, d, start.Add(10*day)).Judges[0]
	require.Zero(t, j.Overall.Unknown, "the definition says what silence means")
	require.InDelta(t, 1, j.Overall.Kappa.Value, 1e-9)
}

// A metric that is corrected counts the outcomes of the units that are drawn, and no others, and is about the outcome
// although the judge is gamed.
func TestACorrectedMetric(t *testing.T) {
	t.Parallel()
	var some, all, raw rows
	d := judgedDefinition()
	d.Primary.Corrected = experiments.Corrected{Judge: "judged", Share: .3}
	x, err := experiments.New(d)
	require.NoError(t, err)
	drawn := func(i int, _ float64) bool { return x.Drawn(x.Definition().Primary, fmt.Sprint(i)) }
	const n = 4000
	judgedUnits(&some, n, 1, drawn)
	judgedUnits(&all, n, 1, always)
	judgedUnits(&raw, n, 1, always)
	now := start.Add(10 * day)
	report := some.at(t, d, now)
	require.Equal(t, inText(t, report), inText(t, all.at(t, d, now)), "outcomes that were not drawn change nothing")
	k := 0
	for i := range n {
		if drawn(i, 0) {
			k++
		}
	}
	require.InDelta(t, .3*n, k, 4*math.Sqrt(.21*n))
	short := report.Metrics[0].Variants[1]
	require.Equal(t, n, report.Metrics[0].Variants[0].Scored+short.Scored)
	require.Equal(t, analysis.Betting, short.IntervalMethod)
	require.True(t, short.Interval.Contains(.5))
	require.GreaterOrEqual(t, short.Interval.Lo, 0.)
	require.True(t, short.Versus.DifferenceInterval.Contains(0))
	require.Less(t, short.Versus.DifferenceInterval.Hi-short.Versus.DifferenceInterval.Lo, .25)
	require.Equal(t, experiments.Continue, report.Decision.Verdict)
	require.Contains(t, report.Notes[0], fmt.Sprintf("the outcomes of %d of %d units were drawn", k, n))
	j := report.Judges[0]
	require.Equal(t, k, j.Overall.Pairs)
	require.Equal(t, n-k, j.Overall.Left)
	require.Equal(t, .3, j.Drawn)
	require.Len(t, j.Alarms(), 1)

	// The judge as the metric names a winner.
	d.Primary, d.Observed = experiments.Metric{Name: "judged", Type: experiments.Bounded, Judge: true}, []experiments.Metric{{Name: "merged", Type: experiments.Boolean}}
	d.Untrusted = "there are no outcomes yet"
	report = raw.at(t, d, now)
	require.Equal(t, experiments.Winner, report.Decision.Verdict)
	require.Equal(t, d.Untrusted, report.Decision.Untrusted)
	require.Len(t, report.Judges[0].Alarms(), 1)
}

func inText(t *testing.T, r analysis.Report) string {
	t.Helper()
	return inJSON(t, analysis.Overview{Report: r})
}
