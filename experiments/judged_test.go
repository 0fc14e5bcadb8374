package experiments_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
)

// The share of the units is drawn, in every process the same, and regardless of their variants.
func TestDrawnIsIndependentOfTheVariant(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Maturity, d.Unit = time.Hour, "customer"
	d.Primary.Corrected = experiments.Corrected{Judge: "judged", Share: .3}
	x, err := experiments.New(d)
	require.NoError(t, err)
	split, err := x.At(experiments.Epoch{})
	require.NoError(t, err)
	const n = 20_000
	var drawn, of [2]float64
	for i := range n {
		unit := fmt.Sprint("customer-", i)
		v := 0
		if split.Assign(unit).Variant == "short" {
			v = 1
		}
		of[v]++
		if x.Drawn(x.Definition().Primary, unit) {
			drawn[v]++
		}
	}
	for v := range drawn {
		require.InDelta(t, .3, drawn[v]/of[v], 4*math.Sqrt(.21/of[v]))
	}
	require.True(t, x.Drawn(experiments.Metric{Name: "other"}, "x"))
	// Which ones does not change from release to release: the outcomes of a running experiment were drawn by it.
	got := ""
	for i := range 24 {
		if x.Drawn(d.Primary, fmt.Sprint(i)) {
			got += fmt.Sprint(i, " ")
		}
	}
	require.Equal(t, "0 1 3 4 8 9 18 20 ", got)
}

// A definition without judges has the fingerprint and the JSON that it had before there were any.
func TestDefinitionsWithoutJudgesStay(t *testing.T) {
	t.Parallel()
	x, err := experiments.New(definition())
	require.NoError(t, err)
	for _, field := range []string{"observed", "untrusted", "trusted_by", "judge", "corrected"} {
		require.NotContains(t, string(x.JSON()), field)
	}
	judged := definition()
	judged.Observed = []experiments.Metric{{Name: "judged", Type: experiments.Boolean, Judge: true}}
	change, fields := experiments.Compare(definition(), judged)
	require.Equal(t, experiments.NewVersion, change)
	require.Equal(t, []string{"observed"}, fields)
}
