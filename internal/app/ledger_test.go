package app

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// agedDatabase has outcomes that nobody waits for, of different ages.
func agedDatabase(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for id, age := range map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour} {
		_, err = s.Receive(t.Context(), scoring.Outcome{ID: id, Name: "paid", Key: id, ReceivedAt: time.Now().Add(-age)})
		require.NoError(t, err)
	}
	return path
}

// listed returns the ids of the ledger's lines.
func listed(t *testing.T, args ...string) []string {
	t.Helper()
	got := call(t, RunStarter, nil, append([]string{"ledger", "-o", "json"}, args...)...)
	require.NoError(t, got.err)
	var entries []store.Entry
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &entries))
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Outcome.ID)
	}
	return ids
}

func TestUnclaimedForLong(t *testing.T) {
	t.Parallel()
	db := agedDatabase(t)
	require.Equal(t, []string{"hour", "day", "week"}, listed(t, "--db", db, "--state", "unclaimed"))
	require.Equal(t, []string{"day", "week"}, listed(t, "--db", db, "--state", "unclaimed", "--older-than", "12h"))
	require.Equal(t, []string{"day"}, listed(t, "--db", db, "--older-than", "12h", "--limit", "1"), "the limit is of what is old")
	require.Equal(t, []string{"day"}, listed(t, "--db", db, "--older-than", "12h", "--since", "48h"))
	require.Empty(t, listed(t, "--db", db, "--state", "matched", "--older-than", "12h"))
}
