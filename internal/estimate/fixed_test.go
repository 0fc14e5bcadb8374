package estimate_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/estimate"
)

// Without any error there is no doubt: an effect is there or it is not.
func TestFixedHorizonWithoutError(t *testing.T) {
	t.Parallel()
	for _, f := range []estimate.FixedHorizon{{Alpha: .05}, {Alpha: .05, Freedom: 10}} {
		for value, want := range map[float64][3]float64{0: {1, 1, 1}, 2: {0, 0, 1}, -2: {0, 1, 0}} {
			e := estimate.Effect{Value: value}
			require.Equal(t, want, [3]float64{f.PValue(e), f.PValueGreater(e), f.PValueLess(e)})
			require.Equal(t, estimate.Interval{Lo: value, Hi: value}, f.Interval(e))
		}
	}
}

// A p-value is one, whatever the estimates are.
func TestFixedHorizonIsAProbability(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) estimate.Estimate {
			return estimate.Estimate{
				N:        float64(rapid.IntRange(1, 100).Draw(t, label)),
				Mean:     rapid.SampledFrom([]float64{0, 1, -1, 1e-300, 1e100, -1e100}).Draw(t, label+" mean"),
				Variance: rapid.SampledFrom([]float64{0, 0, 1, 1e-200, 1e200, 1e-320}).Draw(t, label+" variance"),
			}
		}
		b, j := draw("b"), draw("j")
		e := estimate.Difference(b, j)
		freedom := estimate.WelchFreedom(b, j)
		require.False(t, math.IsNaN(freedom))
		for _, f := range []estimate.FixedHorizon{{Alpha: .05, Freedom: freedom}, {Alpha: .05}} {
			for _, p := range []float64{f.PValue(e), f.PValueGreater(e), f.PValueLess(e)} {
				require.True(t, p >= 0 && p <= 1, "%v", p)
			}
		}
		if l, ok := estimate.Relative(b, j); ok {
			require.False(t, math.IsNaN(l.Value) || math.IsInf(l.Value, 0) || math.IsNaN(l.SE) || math.IsInf(l.SE, 0))
		}
	})
}
