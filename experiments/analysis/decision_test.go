package analysis_test

import (
	"encoding/json"
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

// A variant whose failures are known at once need not be waited for, and one that is only slow is not taken for one.
func TestHarmThatCannotBeCaughtUp(t *testing.T) {
	t.Parallel()
	d := windowed()
	d.EarlyRead = true
	fails := func(by map[string]float64) func(*rand.Rand, string) []analysis.Outcome {
		return func(rng *rand.Rand, v string) []analysis.Outcome {
			o := analysis.Outcome{State: scoring.Scored, After: time.Hour}
			if rng.Float64() >= by[v] {
				o.Value = 1
			}
			return []analysis.Outcome{o}
		}
	}
	none := func(s *source) { s.mature = func(int) bool { return false } }
	r := decide(t, d, 400, fails(map[string]float64{"control": .2, "short": .8}), none)
	require.Equal(t, experiments.Harm, r.Decision.Verdict, r.Decision.Reason)
	require.Equal(t, []string{"short"}, r.Decision.Variants)
	require.Contains(t, r.Decision.Reason, "cannot catch up")
	require.Zero(t, r.Metrics[0].Variants[1].Matured)
	d.EarlyRead = false
	r = decide(t, d, 400, fails(map[string]float64{"control": .2, "short": .8}), none)
	require.Equal(t, experiments.Continue, r.Decision.Verdict)

	// Both succeed half the time, but of the variant nothing is known before its window closes.
	d.EarlyRead = true
	slow := func(rng *rand.Rand, v string) []analysis.Outcome {
		if v == "short" {
			return []analysis.Outcome{{After: time.Hour}}
		}
		return fails(map[string]float64{"control": .5})(rng, v)
	}
	r = decide(t, d, 4000, slow, none)
	require.Equal(t, experiments.Continue, r.Decision.Verdict, r.Decision.Reason)
	silence := func(rng *rand.Rand, v string) []analysis.Outcome { // taking silence for failure would find it
		o := slow(rng, v)
		o[0].State = scoring.Scored
		return o
	}
	r = decide(t, d, 4000, silence, none)
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
}

// A guardrail on which nothing has happened is known to be nearly 0, and does not hold up a winner for ever.
func TestRequiredGuardrailWithoutEvents(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Guardrails = []experiments.Metric{{Name: "broke", Type: experiments.Boolean, Direction: experiments.Lower, Required: true, Margin: .05}}
	draw := func(rng *rand.Rand, v string) []analysis.Outcome {
		y := 0.0
		if rng.Float64() < map[string]float64{"control": .3, "short": .6}[v] {
			y = 1
		}
		return []analysis.Outcome{{State: scoring.Scored, Value: y}, {State: scoring.Scored}}
	}
	require.Equal(t, experiments.Winner, decide(t, d, 2000, draw).Decision.Verdict)
	require.Equal(t, experiments.Continue, decide(t, d, 200, draw).Decision.Verdict, "5% of 100 units is not yet ruled out")
	d.Guardrails[0].Margin = 0
	require.Equal(t, experiments.Continue, decide(t, d, 2000, draw).Decision.Verdict, "no worse at all is never shown")

	same := definition()
	same.ROPE = .05
	all := func(*rand.Rand, string) []analysis.Outcome {
		return []analysis.Outcome{{State: scoring.Scored, Value: 1}}
	}
	require.Equal(t, experiments.Equivalent, decide(t, same, 4000, all).Decision.Verdict)
	require.Equal(t, experiments.Continue, decide(t, same, 60, all).Decision.Verdict)
}

// A deploy that changes the weights of the code begins no epoch. Its units are told apart all the same: a baseline that
// drifts while the weights change is no effect.
func TestWeightsThatADeployChanges(t *testing.T) {
	t.Parallel()
	missed := 0
	for seed := range uint64(20) {
		s := newSource(t, definition(), seed, nil)
		n := 0
		s.draw = func(string) []analysis.Outcome {
			p, y := .2, 0.0
			if n++; n > 3000 {
				p = .47
			}
			if s.rng.Float64() < p {
				y = 1
			}
			return []analysis.Outcome{{State: scoring.Scored, Value: y}}
		}
		s.weights, s.each = []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 4}}, 3000
		a := analysis.New(s.exp)
		for range 6000 {
			u := s.next()
			u.Epoch = 0
			require.NoError(t, a.Add(u))
		}
		r := a.Report(late)
		require.Len(t, r.Epochs, 2)
		require.Contains(t, fmt.Sprint(r.Notes), "changed without a new epoch")
		if !r.Metrics[0].Variants[1].Versus.DifferenceInterval.Contains(0) {
			missed++
		}
	}
	require.LessOrEqual(t, missed, 3)
}

// Under the caller's own choice one unit that could not get a variant does not take the variant out of the experiment.
func TestAVariantThatOneUnitCouldNotGet(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Selection = scoring.ByCustom
	s := newSource(t, d, 7, rates(map[string]float64{"control": .6, "short": .3}))
	a := analysis.New(s.exp)
	for _, u := range s.units(1000) {
		require.NoError(t, a.Add(u))
	}
	require.Equal(t, experiments.Harm, a.Report(late).Decision.Verdict)
	u := s.next()
	u.Variant, u.Probabilities = "control", map[string]float64{"control": 1, "short": 0}
	require.NoError(t, a.Add(u))
	require.Equal(t, experiments.Harm, a.Report(late).Decision.Verdict)

	// Too many sets of probabilities cannot be pooled: bets know the probabilities of each unit and decide all the same.
	d.ROPE = .2
	s = newSource(t, d, 7, rates(map[string]float64{"control": .5, "short": .5}))
	a = analysis.New(s.exp)
	for i, u := range s.units(2000) {
		p := .4 + float64(i%200)/1000
		u.Probabilities = map[string]float64{"control": 1 - p, "short": p}
		require.NoError(t, a.Add(u))
	}
	r := a.Report(late)
	require.Equal(t, experiments.Equivalent, r.Decision.Verdict)
	require.False(t, r.Metrics[0].Variants[1].Versus.Approximate)
	require.True(t, r.Metrics[0].Variants[1].Versus.DifferenceInterval.Contains(0))
}

// A number that is no measurement is an error of its unit, and no report has anything that JSON has not.
func TestHugeValues(t *testing.T) {
	t.Parallel()
	for _, size := range []float64{1e99, 1e200, math.MaxFloat64} {
		d := definition()
		d.Primary = experiments.Metric{Name: "tokens", Type: experiments.Unbounded, Direction: experiments.Lower}
		r := decide(t, d, 200, func(rng *rand.Rand, _ string) []analysis.Outcome {
			return []analysis.Outcome{{State: scoring.Scored, Value: size * rng.Float64()}}
		})
		_, err := json.Marshal(r)
		require.NoError(t, err, "%v", size)
		if size > 1e100 {
			require.Equal(t, 100, (r.Metrics[0].Variants[0].Error+r.Metrics[0].Variants[1].Error)/2)
		}
	}
}
