package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// Errors whose types have ids in them do not make the state of a report grow, and are counted all the same.
func TestEndingsOfManyTypes(t *testing.T) {
	t.Parallel()
	const runs = 250
	var r rows
	for i := range runs {
		id := fmt.Sprintf("r%03d", i)
		r.assign(id, "short", start)
		r.close(id, scoring.RunFailed, func(f *scoring.RunFacts) { f.FailureType = "order " + id })
	}
	x, err := experiments.New(definition())
	require.NoError(t, err)
	o, err := r.read(x.Definition(), start.Add(1000*time.Hour)).Overview(x)
	require.NoError(t, err)
	all := 0
	for _, e := range o.Endings {
		all += e.Chains
		if e.Type == analysis.FurtherTypes {
			require.Equal(t, runs-100, e.Chains)
		}
	}
	require.Len(t, o.Endings, 101)
	require.Equal(t, runs, all)
}
