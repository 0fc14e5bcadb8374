package report_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// A unit that was served something else than what is recorded is out of the statistics, and seen; what an older release
// recorded counts as it did, and is seen too.
func TestWhatIsCountedIsWhatWasServed(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for i := range 12 {
		id := fmt.Sprint(i)
		a := assignment(id, "bm25")
		served := a.Ref()
		var unserved []scoring.Ref
		switch {
		case i < 2:
			a.Vouched = false // from before
		case i < 4:
			served.Variant = "substring"
		case i < 6:
			unserved = []scoring.Ref{{Experiment: a.Experiment, Version: a.Version}}
		}
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		if i == 6 {
			disowned := assignment(id, "substring")
			disowned.By, disowned.Disowned = scoring.ByPause, true
			_, err := s.Assign(t.Context(), disowned)
			require.NoError(t, err)
		}
		require.NoError(t, s.Record(t.Context(), []scoring.Record{record(id, scoring.Bool("accepted", true), scoring.Step{})}))
		f := scoring.Flush{Facts: scoring.RunFacts{Run: run(id), FirstRunID: "run-" + id, Assigned: []scoring.Ref{served}, Unserved: unserved}, Sequence: 5, At: start}
		require.NoError(t, s.Flush(t.Context(), f))
	}
	r, err := report.Build(t.Context(), s, report.Options{Now: start})
	require.NoError(t, err)
	e := r.Experiments[0]
	require.Equal(t, []int{7, 5, 2}, []int{e.Units, e.Unserved, e.Unvouched})
	var text bytes.Buffer
	require.NoError(t, display.Text(&text, r))
	require.Contains(t, text.String(), "7 units, 5 left out because they were served something other than recorded")
	require.Contains(t, text.String(), "an older release assigned 2 of the units")
}
