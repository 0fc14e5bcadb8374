package experiments_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/verdict-dev/verdict/experiments"
)

func TestFixedTotal(t *testing.T) {
	t.Parallel()
	n := experiments.FixedTotal(.03, .21, .1, .05, .8)
	require.InEpsilon(t, 25./9, n/experiments.FixedTotal(.03, .21, .5, .05, .8), 1e-12)
}
