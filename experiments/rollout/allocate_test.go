package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
)

func TestWeights(t *testing.T) {
	t.Parallel()
	best := []float64{.7, .2, .1}
	require.InDeltaSlice(t, []float64{.05 + .85*.7, .05 + .85*.2, .05 + .85*.1}, rollout.Weights(experiments.Thompson, best, .05), 1e-12)
	// .7 is first half of its turns; second after .2 or .1 with .7/.8 or .7/.9.
	want := .35 + .5*(.2*.7/.8+.1*.7/.9)
	require.InDelta(t, want, rollout.Weights(experiments.TopTwo, best, 0)[0], 1e-12)
	require.InDeltaSlice(t, []float64{.5, .25, .25}, rollout.Weights(experiments.TopTwo, []float64{1, 0, 0}, 0), 1e-12)
	require.InDeltaSlice(t, []float64{1. / 3, 1. / 3, 1. / 3}, rollout.Weights(experiments.Thompson, best, .9), 1e-12)
}
