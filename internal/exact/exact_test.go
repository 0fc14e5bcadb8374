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
