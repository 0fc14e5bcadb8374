package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// short is better for the first 600 units and worse by as much afterwards. The verdict of the first crossing stays, with
// its time, and the report says that the evidence has fallen, and then that the opposite is shown.
func TestAWinnerStays(t *testing.T) {
	t.Parallel()
	exp, err := experiments.New(experiments.Definition{
		Name: "flip", Version: "1", Control: "current", AlphaHarm: 1e-200,
		Variants: []experiments.Variant{{Name: "current"}, {Name: "short"}},
		Primary:  experiments.Metric{Name: "merged", Type: experiments.Boolean, Missing: experiments.MissingNegative},
		Maturity: time.Hour,
	})
	require.NoError(t, err)
	split, err := exp.At(experiments.Epoch{})
	require.NoError(t, err)
	var rows experiments.Rows
	var since time.Time
	fell, opposite := false, false
	for i := range 3000 {
		id := fmt.Sprintf("run-%d", i)
		run := scoring.Run{Namespace: "default", WorkflowID: "w-" + id, RunID: id}
		at := start.Add(time.Duration(i) * time.Minute)
		pick := split.Assign(id)
		rows.Assignments = append(rows.Assignments, split.Assignment(pick, id, run, at))
		good := i%10 < 4
		switch {
		case pick.Variant == "short" && i < 600:
			good = i%10 < 6
		case pick.Variant == "short":
			good = i%10 < 2
		}
		rows.Records = append(rows.Records, scoring.Record{Score: scoring.Bool("merged", good), Run: run, RecordedAt: at.Add(time.Minute), Revision: 1})
		if i%100 != 99 {
			continue
		}
		r, err := analysis.Of(exp, rows, at.Add(2*time.Hour))
		require.NoError(t, err)
		if since.IsZero() {
			if since = r.Decision.Since; !since.IsZero() {
				require.Equal(t, experiments.Winner, r.Decision.Verdict)
				require.Less(t, i, 600)
			}
			continue
		}
		require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
		require.Equal(t, since, r.Decision.Since, "a report from scratch finds the same time")
		fact := r.Facts[0]
		require.Equal(t, "better", fact.Kind)
		require.Equal(t, since, fact.At)
		require.Equal(t, rows.Assignments[fact.Unit-1].At.Add(2*time.Hour), fact.At, "the seal of the unit that crossed")
		require.GreaterOrEqual(t, *fact.LogE, math.Log(40))
		require.LessOrEqual(t, r.Metrics[0].Variants[1].Versus.PValue, .05, "of the most that the evidence was")
		if *fact.LogENow < math.Log(40) {
			fell = true
			require.Contains(t, r.Decision.Reason, "and is")
			require.Contains(t, r.Decision.Reason, "the guarantee is of the first crossing")
		}
		if len(r.Facts) > 1 {
			opposite = true
			require.Contains(t, r.Decision.Reason, "the opposite is shown")
			require.Equal(t, "current", r.Facts[1].Variant)
			require.Negative(t, r.Metrics[0].Variants[1].Versus.DifferenceInterval.Hi, "the interval is of today")
		}
	}
	require.True(t, fell)
	require.True(t, opposite)
}

// A winner that then harms: both are said, and whether it is the same metric. And what refutes the assignment voids both.
func TestHarmAfterAWinnerAndWhatVoidsBoth(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Guardrails = []experiments.Metric{{Name: "ok", Type: experiments.Boolean}}
	n := 0
	s := newSource(t, d, 5, func(rng *rand.Rand, v string) []analysis.Outcome {
		ok := map[string]float64{"control": .9, "short": .9}[v]
		if n++; n > 1500 && v == "short" {
			ok = .5
		}
		return append(rates(map[string]float64{"control": .3, "short": .5})(rng, v), rates(map[string]float64{v: ok})(rng, v)...)
	})
	a := analyse(t, s.exp, s.units(1500))
	won := a.Report(late).Decision
	require.Equal(t, experiments.Winner, won.Verdict)
	for _, u := range s.units(1500) {
		require.NoError(t, a.Add(u))
	}
	r := a.Report(late)
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "It won on merged at "+won.Since.Format("2006-01-02 15:04"))
	require.Contains(t, r.Decision.Reason, "do not ship it")
	require.Contains(t, r.Decision.Reason, "at its own level")
	least := *r.Metrics[1].Variants[1].Versus.HarmAtLeast
	require.Positive(t, least)
	require.Less(t, least, .4)
	kinds := map[string]bool{}
	for _, f := range r.Facts {
		kinds[f.Kind] = true
	}
	require.Equal(t, map[string]bool{"better": true, "harm": true}, kinds)

	for range 2000 {
		u := s.next()
		u.Variant = "short" // and not half of them
		require.NoError(t, a.Add(u))
	}
	r = a.Report(late)
	require.Equal(t, experiments.Invalid, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "HARM short of")
	require.Contains(t, r.Decision.Reason, "WINNER short of "+won.Since.Format("2006-01-02 15:04"))
	require.Contains(t, r.Decision.Reason, "is void")
	require.Equal(t, r.SampleRatio.Since, r.Decision.Since)
	// It is not un-voided when later units bring the ratio back.
	for _, u := range s.units(3000) {
		u.Variant = "control"
		u.Outcomes = []analysis.Outcome{scored(1), scored(1)}
		require.NoError(t, a.Add(u))
	}
	require.Equal(t, experiments.Invalid, a.Report(late).Decision.Verdict)

	same := newSource(t, definition(), 6, nil)
	m := 0
	same.draw = func(v string) []analysis.Outcome {
		m++
		by := map[bool]map[string]float64{true: {"control": .3, "short": .6}, false: {"control": .6, "short": .2}}[m <= 500]
		return rates(by)(same.rng, v)
	}
	r = analyse(t, same.exp, same.units(4000)).Report(late)
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "the effect has changed its sign, or one of the two is an error")
}

// The first window after a change of weights delays a verdict whose evidence is complete, and the verdict is dated then.
func TestAChangeOfWeightsDelaysTheLatch(t *testing.T) {
	t.Parallel()
	s := newSource(t, windowed(), 7, rates(map[string]float64{"control": .3, "short": .6}))
	s.each, s.weights = 400, []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 4}}
	a := analyse(t, s.exp, s.units(500))
	changed := start.Add(400 * time.Minute)
	r := a.Report(changed.Add(7*day - time.Minute))
	require.Equal(t, experiments.Continue, r.Decision.Verdict)
	require.Equal(t, "better", r.Facts[0].Kind, "the fact is there")
	r = a.Report(changed.Add(7 * day))
	require.Equal(t, experiments.Winner, r.Decision.Verdict)
	require.True(t, r.Decision.Since.Equal(changed.Add(7*day)))
	require.True(t, r.Facts[0].At.Before(r.Decision.Since))
	// A change after the latch delays nothing.
	for _, u := range s.units(10) {
		u.Epoch, u.At = 2, changed.Add(8*day)
		require.NoError(t, a.Add(u))
	}
	require.Equal(t, r.Decision.Since, a.Report(changed.Add(9*day)).Decision.Since)
}

// Probabilities that differ unit by unit are checked by bets: that each variant comes as often as its own probabilities say.
func TestRatioOfUnitsWithTheirOwnProbabilities(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Selection = scoring.ByCustom
	for _, honest := range []bool{true, false} {
		rng := rand.New(rand.NewPCG(4, 4))
		s := newSource(t, d, 4, nil)
		a := analysis.New(s.exp)
		for i := range 600 {
			p := .1 + .8*rng.Float64()
			truth := p
			if !honest {
				truth = min(1, p+.2)
			}
			u := analysis.Unit{
				Variant: "control", At: start.Add(time.Duration(i) * time.Minute), Mature: true,
				Probabilities: map[string]float64{"control": 1 - p, "short": p}, Outcomes: []analysis.Outcome{scored(float64(i % 2))},
			}
			if rng.Float64() < truth {
				u.Variant = "short"
			}
			require.NoError(t, a.Add(u))
		}
		r := a.Report(late)
		require.Equal(t, !honest, r.SampleRatio.Alarm, "e = %v", math.Exp(r.SampleRatio.LogE))
		require.Equal(t, !honest, r.Decision.Verdict == experiments.Invalid, r.Decision.Reason)
	}
}

// 90/10 at a declared 50/50 is found within a few units, as is 50/50 at a declared 90/10.
func TestAWrongSplitIsFoundSoon(t *testing.T) {
	t.Parallel()
	s := newSource(t, definition(), 9, rates(nil))
	a := analysis.New(s.exp)
	for i, u := range s.units(60) {
		u.Variant = "short"
		if i%10 == 5 {
			u.Variant = "control"
		}
		require.NoError(t, a.Add(u))
	}
	r := a.Report(late)
	require.Equal(t, experiments.Invalid, r.Decision.Verdict)
	require.True(t, r.SampleRatio.Since.Before(start.Add(40*time.Minute)), "%s", r.SampleRatio.Since)
}
