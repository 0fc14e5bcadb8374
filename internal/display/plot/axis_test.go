package plot

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLabelsAreRound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi float64
		labels []string
	}{
		{-1, 1, []string{"-1.0", "-0.5", "0.0", "0.5", "1.0"}},
		{0, 600, []string{"0", "200", "400", "600"}},
		{-58, 54, []string{"-50", "0", "50"}},
		{-0.017, 0.24, []string{"0.0", "0.1", "0.2"}},
		{0, 3, []string{"0", "1", "2", "3"}},
		{0, 4e-9, []string{"0", "1e-09", "2e-09", "3e-09", "4e-09"}},
		{0, 5e12, []string{"0", "1e+12", "2e+12", "3e+12", "4e+12", "5e+12"}},
	} {
		var labels []string
		for _, tick := range newAxis(c.lo, c.hi, 0, 1).ticks() {
			if tick.label != "" {
				labels = append(labels, tick.label)
			}
		}
		require.Equal(t, c.labels, labels)
	}
}

// Any range has a few ticks, in order, inside, at numbers.
func TestTicksOfAnyRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Float64Range(-math.MaxFloat64, 0).Draw(t, "lo")
		hi := rapid.Float64Range(1e-300, math.MaxFloat64).Draw(t, "hi")
		labelled, last := 0, math.Inf(-1)
		for _, tick := range newAxis(lo, hi, 0, 100).ticks() {
			require.GreaterOrEqual(t, tick.at, max(-1e-9, last))
			require.LessOrEqual(t, tick.at, 100+1e-9)
			last = tick.at
			if tick.label != "" {
				value, err := strconv.ParseFloat(tick.label, 64)
				require.NoError(t, err)
				require.False(t, math.IsInf(value, 0))
				labelled++
			}
		}
		require.Positive(t, labelled)
		require.LessOrEqual(t, labelled, 8)
	})
}
