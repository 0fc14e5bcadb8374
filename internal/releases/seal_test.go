package releases

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/store"
)

// Units of an earlier release, which did not keep when it learned of them, are sealed in the order of their assignment, and
// count as they did before.
func TestUnitsOfAReleaseAreSealed(t *testing.T) {
	t.Parallel()
	recordings(t, func(t *testing.T, l left) {
		db := l.open(t, l.database(t))
		keys, err := db.Experiments(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, keys)
		for _, key := range keys {
			const window, grace = time.Hour, time.Minute
			scope := analysis.Scope{Experiment: key.Experiment, Version: key.Version, Maturity: window, Grace: grace}
			rows, err := db.ExperimentRows(t.Context(), key)
			require.NoError(t, err)
			for _, a := range rows.Assignments {
				require.Zero(t, a.RecordedAt)
			}
			now := time.Now()
			derived := analysis.Read(scope, rows, now)
			n, err := db.Seal(t.Context(), store.Sealing{ExperimentKey: key, After: window + grace})
			require.NoError(t, err)
			stored, err := db.ExperimentRows(t.Context(), key)
			require.NoError(t, err)
			read := analysis.Read(scope, stored, now)
			require.Equal(t, derived.Tallies(), read.Tallies())
			require.Equal(t, derived.Left(), read.Left())
			positions := 0
			unserved := len(experiments.Unserved(rows.Assignments))
			for _, a := range stored.Assignments {
				if a.Position > 0 {
					positions++
				}
			}
			require.Equal(t, n, positions)
			require.Equal(t, read.Len()+unserved, n, "the reader takes out units that were served something else")
		}
	})
}
