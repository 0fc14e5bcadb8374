package analysis_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments/analysis"
)

// rollout makes runs of a week in which a build takes over day by day, while the baseline moves from hour to hour.
func rollout(rng *rand.Rand, n int, effect float64, value func(rng *rand.Rand, mean float64) float64) (sides []analysis.Sided, values []float64) {
	for i := range n {
		hour := i * 100 / n
		at := start.Add(time.Duration(hour)*time.Hour + time.Duration(i%(n/100))*time.Hour/time.Duration(n/100))
		second := rng.Float64() < .1+.8*float64(hour)/100
		mean := .3 + .4*float64(hour)/100
		if second {
			mean += effect
		}
		sides = append(sides, analysis.Sided{Group: "Answer", At: at, Second: second})
		values = append(values, value(rng, mean))
	}
	return sides, values
}

func boolean(rng *rand.Rand, mean float64) float64 {
	if rng.Float64() < mean {
		return 1
	}
	return 0
}

// heavy has a few values that are a hundred times as large as the rest.
func heavy(rng *rand.Rand, mean float64) float64 {
	return math.Exp(2*mean + .5*rng.NormFloat64() + 4*boolean(rng, .005))
}

func compared(sides []analysis.Sided, values []float64, isBoolean bool, alpha float64) analysis.Sides {
	var all []analysis.Measured
	for _, i := range analysis.SideBySide(sides) {
		all = append(all, analysis.Measured{Sided: sides[i], Value: values[i]})
	}
	return analysis.Compare(all, isBoolean, alpha)
}

// Without a difference one is shown at most as often as said, although the later build had the better times, which a comparison of the
// means takes for a difference every time.
func TestSideBySideRaisesNoFalseAlarm(t *testing.T) {
	t.Parallel()
	const seeds, alpha = 60, .1
	for name, value := range map[string]func(*rand.Rand, float64) float64{"boolean": boolean, "heavy": heavy} {
		shown, naive, covered := 0, 0, 0
		for seed := range uint64(seeds) {
			rng := rand.New(rand.NewPCG(seed, 7))
			sides, values := rollout(rng, 1000, 0, value)
			s := compared(sides, values, name == "boolean", alpha)
			require.True(t, s.Known)
			if s.Shown() != 0 {
				shown++
			}
			if s.Interval.Contains(0) {
				covered++
			}
			if name == "boolean" && s.Mean[1]-s.Mean[0] > 2*math.Sqrt(.25/float64(s.Runs[0])+.25/float64(s.Runs[1])) {
				naive++
			}
		}
		t.Logf("%s: %d of %d shown, %d by the means", name, shown, seeds, naive)
		require.LessOrEqual(t, shown, int(seeds*alpha+3*math.Sqrt(seeds*alpha*(1-alpha))), name)
		require.Equal(t, seeds, covered+shown, "interval and statement are one")
		if name == "boolean" {
			require.Greater(t, naive, seeds/2)
		}
	}
}

// A planted difference is found, in either direction, and its interval covers it.
func TestSideBySideFindsADifference(t *testing.T) {
	t.Parallel()
	for _, effect := range []float64{.15, -.15} {
		found, covered := 0, 0
		const seeds = 20
		for seed := range uint64(seeds) {
			sides, values := rollout(rand.New(rand.NewPCG(seed, 9)), 3000, effect, boolean)
			s := compared(sides, values, true, .05)
			if float64(s.Shown())*effect > 0 {
				found++
				require.Less(t, s.PValue, .05)
			}
			if s.Interval.Contains(effect) {
				covered++
			}
			require.InDelta(t, effect, s.Difference, .12)
		}
		t.Logf("%v: %d of %d found, %d covered", effect, found, seeds, covered)
		require.GreaterOrEqual(t, found, 16)
		require.GreaterOrEqual(t, covered, 18)
	}
}

// A deploy that replaces a build has nothing side by side, although both ran in its hour, and groups are apart.
func TestSideBySideLeavesOutWhatRanAlone(t *testing.T) {
	t.Parallel()
	var sides []analysis.Sided
	add := func(group string, minute int, second bool) {
		sides = append(sides, analysis.Sided{Group: group, At: start.Add(time.Duration(minute) * time.Minute), Second: second})
	}
	for m := range 120 {
		add("replaced", m, m >= 30)
		add("other", m, true)
	}
	require.Empty(t, analysis.SideBySide(sides))
	// Both from 30 to 150, in turns: what ran before and after is out, and the first and the last of both.
	sides = nil
	for m := range 240 {
		add("canary", m, m >= 150 || m >= 30 && m%2 == 0)
	}
	kept := analysis.SideBySide(sides)
	require.Equal(t, 31, kept[0])
	require.Equal(t, 148, kept[len(kept)-1])
	require.Len(t, kept, 118)
	require.Empty(t, analysis.SideBySide(nil))
}

// Values without a difference say so, and few values say nothing.
func TestSideBySideOfFewAndOfEqualValues(t *testing.T) {
	t.Parallel()
	var sides []analysis.Sided
	var values []float64
	for i := range 60 {
		sides = append(sides, analysis.Sided{At: start.Add(time.Duration(i) * time.Second), Second: i%2 == 0})
		values = append(values, 5)
	}
	require.False(t, compared(sides, values, false, .05).Known)
	require.Equal(t, 0, compared(sides, values, false, .05).Bets)
	s := compared(sides[:30], values[:30], false, .05)
	require.False(t, s.Known)
	values[10], values[11] = math.MaxFloat64, -math.MaxFloat64
	require.NotPanics(t, func() { _ = compared(sides, values, false, .05) })
	require.NotPanics(t, func() { _ = analysis.Compare(nil, false, .05) })
}
