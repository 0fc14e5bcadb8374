package activities

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// saying returns a flush with so many scores of about a kilobyte, as it is offered.
func saying(run string, ordinal int64, scores int) (scoring.Flush, []*Offer) {
	f := scoring.Flush{Facts: scoring.RunFacts{Run: scoring.Run{Namespace: "n", WorkflowID: run, RunID: run}}, Ordinal: ordinal}
	for i := range scores {
		f.Records = append(f.Records, scoring.Record{Score: scoring.Number(fmt.Sprint(i), 1).WithReason(strings.Repeat("x", 1000)), Run: f.Facts.Run})
	}
	return f, []*Offer{{size: int64(Size(Batch{Flush: &f})) + offerOverhead}}
}

// What a run carries comes in parts that the server takes after the data converter has made more of them.
func TestCarriedPartsFit(t *testing.T) {
	t.Parallel()
	for _, growth := range []float64{0, .5, 1, 1.4, 4, 16} {
		r := &Recorder{}
		r.Grows(growth)
		r.Grows(.1) // the largest counts
		f, offers := saying("r", 1, 400)
		n := r.Carried(f, nil, offers)
		require.Positive(t, n, "growth %v", growth)
		parts := r.Untaken(Flushed{Untaken: n}, f, nil)
		require.Len(t, parts, n)
		said := 0
		for _, p := range parts {
			require.LessOrEqual(t, float64(Size(p))*max(1, growth), 1.1*float64(carriedPart), "growth %v", growth)
			said += len(p.Records)
			if p.Flush != nil {
				said += len(p.Flush.Records)
			}
		}
		require.Equal(t, 400, said, "growth %v", growth)
		require.Len(t, r.Untaken(Flushed{Untaken: n + 2}, f, nil), n+2, "as many as the history says")
	}
}

// A run carries one flush a few times at most, and neither more than its task has time to split nor too many parts.
func TestCarryingHasLimits(t *testing.T) {
	t.Parallel()
	r := &Recorder{}
	f, offers := saying("r", 1, 10)
	for try := range maxCarriedTries + 2 {
		require.Equal(t, try < maxCarriedTries, r.Carried(f, nil, offers) > 0, "try %d", try)
	}
	next, offers := saying("r", 2, 10)
	require.Positive(t, r.Carried(next, nil, offers), "another flush of the run")
	other, offers := saying("other", 1, 10)
	require.Positive(t, r.Carried(other, nil, offers))

	large, offers := saying("large", 1, maxCarriedBytes>>10+100)
	require.Zero(t, r.Carried(large, nil, offers))
	r.Grows(1000)
	many, offers := saying("many", 1, 900)
	require.Zero(t, r.Carried(many, nil, offers))
}
