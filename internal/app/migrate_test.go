package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t)
	got := call(t, RunStarter, []string{away}, "ledger", "--db", db)
	require.ErrorContains(t, got.err, "starter migrate", "a database that is not migrated says what to do")
	for range 2 {
		got = call(t, RunStarter, nil, "migrate", "--db", db)
		require.NoError(t, got.err)
		require.Contains(t, got.stdout, " is up to date\n")
	}
	got = call(t, RunStarter, []string{away, "VERDICT_DB=" + db}, "ledger")
	require.NoError(t, got.err)
	require.Equal(t, "no outcomes\n", got.stdout)
}

func TestPostgresAwayShowsNoPassword(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"ledger"}, {"migrate"}} {
		got := call(t, RunStarter, []string{"VERDICT_DB=postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=2"}, args...)
		require.ErrorContains(t, got.err, "u:xxxxx@127.0.0.1:1")
		require.NotContains(t, got.err.Error(), "hunter2")
	}
}
