package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

func TestValuesAndTimesOfFlags(t *testing.T) {
	t.Parallel()
	var v scoring.Value
	for _, text := range []string{"9007199254740993", "-12345678901234567890", "1e999", "yes", "NaN"} {
		require.Error(t, valueOf(&v)(text), text)
	}
	require.NoError(t, valueOf(&v)("9007199254740992"))
	f, _ := v.Float()
	require.Equal(t, float64(1<<53), f)
	var at time.Time
	require.NoError(t, timeOf(&at)("2016-12-31t23:59:60z"))
	require.True(t, at.Equal(time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Error(t, timeOf(&at)("2016-12-31 23:59:59Z"))
}
