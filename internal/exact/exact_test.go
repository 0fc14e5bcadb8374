package exact

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLnIsTheNaturalLogarithm(t *testing.T) {
	t.Parallel()
	require.True(t, math.IsInf(Ln(0), -1))
	require.Zero(t, Ln(1))
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(0x1p-1022, math.MaxFloat64).Draw(t, "x")
		require.InEpsilon(t, 1+math.Log(x), 1+Ln(x), 1e-14)
	})
}

func TestExpIsTheExponential(t *testing.T) {
	t.Parallel()
	require.Equal(t, 1.0, Exp(0))
	require.Zero(t, Exp(math.Inf(-1)))
	require.True(t, math.IsInf(Exp(710), 1))
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-700, 709).Draw(t, "x")
		require.InEpsilon(t, math.Exp(x), Exp(x), 1e-15)
	})
}
