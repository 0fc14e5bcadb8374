package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// A store from before keys were one however they are written: whoever waited then is told, whichever way its key is
// written, of what comes now and of what came then.
func TestSpellingsOfTheReleaseBefore(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	waits := func(id, key string) scoring.Expectation {
		run := scoring.Run{Namespace: "default", WorkflowID: "w" + id, RunID: "r" + id}
		return scoring.Expectation{
			ScorerRun: scoring.Run{Namespace: "default", WorkflowID: "scorer" + id, RunID: "s" + id}, Wait: 1, Scorer: "paid", ScorerVersion: "v1",
			Events: []scoring.Event{{Name: "pull_request.merged", Key: key}}, Window: scoring.Window{Since: start, Until: start.Add(time.Hour)},
			Run: run, RunStartedAt: start, At: start,
		}
	}
	came := func(id, key string) scoring.Outcome {
		at := start.Add(time.Minute)
		return scoring.Outcome{ID: id, Name: "pull_request.merged", Key: key, ObservedAt: at, ReceivedAt: at}
	}
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	upper, lower, missed := waits("1", "Acme/Shop#7"), waits("2", "acme/shop#8"), waits("3", "Acme/Shop#9")
	for _, e := range []scoring.Expectation{upper, lower, missed} {
		_, err := s.Expect(t.Context(), e)
		require.NoError(t, err)
	}
	_, err = s.Receive(t.Context(), came("then", "acme/shop#9"))
	require.NoError(t, err)
	require.NoError(t, s.Close())

	// As that release left it.
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	for _, query := range []string{`DELETE FROM spellings`, `DELETE FROM matches`, `DELETE FROM verdict_steps WHERE name LIKE '0006_outside/%' AND name > '0006_outside/4'`} {
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())

	s, err = sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for id, e := range map[string]scoring.Expectation{"acme/SHOP#7": upper, "Acme/Shop#8": lower} {
		receipt, err := s.Receive(t.Context(), came(id, id))
		require.NoError(t, err)
		require.Len(t, receipt.Waiting, 1)
		require.Equal(t, e.ScorerRun, receipt.Waiting[0].ScorerRun)
		found, err := s.Expect(t.Context(), e)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, e.Events[0].Key, found[0].Key)
	}
	unseen, err := s.Settle(t.Context(), store.Settlement{ScorerRun: missed.ScorerRun, At: start.Add(time.Hour)})
	require.NoError(t, err)
	require.Len(t, unseen, 1)
	require.Equal(t, "Acme/Shop#9", unseen[0].Key)
}
