package workflows

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// Every score writes the block anew: what that costs must not grow with the scores that a run has, or a run with a
// thousand of them would hold its workflow task for longer than the SDK allows.
func TestDetailsCostTheSameForManyScores(t *testing.T) {
	of := func(n int) *run {
		r := &run{}
		for i := range n {
			r.records = append(r.records, scoring.Record{Score: scoring.Number(fmt.Sprintf("score %04d", i), 0.5)})
		}
		return r
	}
	few, many := of(2*detailsLines), of(MaxScores)
	cost := func(r *run) float64 { return testing.AllocsPerRun(10, func() { r.details("the user's text") }) }
	require.Less(t, cost(many), 1.5*cost(few), "five times as many scores") // under the race detector it varies
	require.Contains(t, many.details(""), fmt.Sprintf("- and %d more", MaxScores-detailsLines))
}
