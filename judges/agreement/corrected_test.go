package agreement_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/agreement"
)

// A judge that is far off and a judge that knows nothing leave the interval right; a good one makes it narrower.
func TestPredictionPoweredCovers(t *testing.T) {
	t.Parallel()
	const draws, known, others = 1000, 60, 600
	rng := rand.New(rand.NewPCG(7, 7))
	widths := map[string]float64{}
	for name, judge := range map[string]func(y float64) float64{
		"good":    func(y float64) float64 { return y + .1*rng.NormFloat64() },
		"biased":  func(y float64) float64 { return .5 + .3*y + .1*rng.NormFloat64() },
		"useless": func(float64) float64 { return rng.Float64() },
	} {
		covered := 0
		for range draws {
			outcome := func() float64 {
				if rng.Float64() < .3 {
					return 1
				}
				return 0
			}
			var outcomes, judged, unlabelled []float64
			for range known {
				y := outcome()
				outcomes, judged = append(outcomes, y), append(judged, judge(y))
			}
			for range others {
				unlabelled = append(unlabelled, judge(outcome()))
			}
			c, err := agreement.PPI{}.Mean(outcomes, judged, unlabelled, level)
			require.NoError(t, err)
			require.True(t, 0 <= c.Lambda && c.Lambda <= 1)
			widths[name] += (c.Hi - c.Lo) / draws
			if c.Lo <= .3 && .3 <= c.Hi {
				covered++
			}
		}
		require.InDelta(t, .95, float64(covered)/draws, .03, name)
	}
	require.Less(t, widths["good"], widths["useless"]/2)
	require.InEpsilon(t, 2*1.96*math.Sqrt(.21/known), widths["useless"], .05)
}

func TestCorrectedEdges(t *testing.T) {
	t.Parallel()
	// All outcomes are good and the judge says so: the normal interval is empty.
	ones := []float64{1, 1, 1, 1, 1, 1}
	c, err := agreement.PPI{}.Mean(ones, ones, ones, level)
	require.NoError(t, err)
	require.Equal(t, 1.0, c.Value)
	require.Less(t, c.Lo, .7)
	c, err = agreement.PPI{Convention: agreement.PPIPy}.Mean(ones, ones, ones, level)
	require.NoError(t, err)
	require.Equal(t, c.Lo, c.Hi)
	zero, two := 0., 2.
	c, err = agreement.PPI{Lambda: &zero}.Mean([]float64{1, 2, 3}, []float64{9, 0, 9}, []float64{5, 5}, level)
	require.NoError(t, err)
	require.Equal(t, 2.0, c.Value)
	_, err = agreement.PPI{Lambda: &two}.Mean(ones, ones, ones, level)
	require.Error(t, err)
	for _, bad := range [][3][]float64{{{1}, {1}, {1, 2}}, {{1, 2}, {1, 2}, {1}}, {nil, nil, nil}} {
		_, err = agreement.PPI{}.Mean(bad[0], bad[1], bad[2], level)
		require.ErrorIs(t, err, judges.ErrUndefined)
	}
	for _, bad := range [][3][]float64{{{1, 2}, {1}, {1, 2}}, {{1, math.NaN()}, {1, 2}, {1, 2}}, {{1, 2}, {1, 2}, {1, math.Inf(1)}}, {{math.MaxFloat64, -math.MaxFloat64}, {1, 2}, {1, 2}}} {
		_, err = agreement.PPI{}.Mean(bad[0], bad[1], bad[2], level)
		require.Error(t, err)
		require.NotErrorIs(t, err, judges.ErrUndefined)
	}

	_, err = agreement.RoganGladen(.5, .5, .5)
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = agreement.RoganGladen(.5, .3, .3)
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = agreement.RoganGladen(1.5, .9, .9)
	require.Error(t, err)
	share, err := agreement.RoganGladen(.05, .9, .9)
	require.NoError(t, err)
	require.Zero(t, share, "fewer than the false alarms alone")
	share, err = agreement.RoganGladen(1, .9, .9)
	require.NoError(t, err)
	require.Equal(t, 1.0, share)

	nan := math.NaN()
	for _, bad := range [][2][]float64{{{1, nan}, {.5, 0}}, {{1, 2}, {.5}}, {{1, 2}, {.5, 1.5}}, {{1, math.Inf(1)}, {1, 1}}, {{1, 2}, {nan, 1}}} {
		_, err = agreement.Drawn(bad[0], bad[1], level)
		require.Error(t, err)
	}
	_, err = agreement.Drawn([]float64{1}, []float64{1}, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
}

func TestMean(t *testing.T) {
	t.Parallel()
	values := []float64{1, 2, 4, 8}
	plain, err := agreement.Mean(values, nil, level)
	require.NoError(t, err)
	each, err := agreement.Mean(values, []string{"a", "b", "c", "d"}, level)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{plain.Value, plain.SE, plain.Lo, plain.Hi}, []float64{each.Value, each.SE, each.Lo, each.Hi}, 1e-12)
	require.InDelta(t, 3.75+3.182446305284263*plain.SE, plain.Hi, 1e-9) // Student's t with 3 degrees of freedom
	alike, err := agreement.Mean([]float64{1, 1, 1, 5, 5, 5}, []string{"a", "a", "a", "b", "b", "b"}, level)
	require.NoError(t, err)
	require.InDelta(t, 2, alike.SE, 1e-12, "six values are two")
	require.Equal(t, 2.0, alike.N)
	for _, bad := range [][]string{{"a", "a", "a", "a"}} {
		_, err = agreement.Mean(values, bad, level)
		require.ErrorIs(t, err, judges.ErrUndefined)
	}
	_, err = agreement.Mean(values, []string{"a"}, level)
	require.Error(t, err)
	_, err = agreement.Mean([]float64{1, math.NaN()}, nil, level)
	require.Error(t, err)
	_, err = agreement.Mean([]float64{1}, nil, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
}
