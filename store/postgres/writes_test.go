package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// Nothing is sealed while a write is under way that began before: it may have learned, before the seal, of something that counts.
// A write that begins later holds nothing up.
func TestASealAwaitsWritesUnderWay(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), dsn))
	s, err := postgres.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	run := scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"}
	_, err = s.Assign(t.Context(), scoring.Assignment{
		Experiment: "x", Version: "1", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
		Unit: "r", Run: run, FirstRunID: "r", At: time.Now(), Vouched: true,
	})
	require.NoError(t, err)
	db, err := sql.Open("pgx", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	write := func() *sql.Tx {
		tx, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), `UPDATE runs SET started_at = started_at`)
		require.NoError(t, err)
		return tx
	}
	const after = 500 * time.Millisecond
	require.Eventually(t, func() bool {
		all, err := s.Unsealed(t.Context())
		require.NoError(t, err)
		return all[0].Age > after
	}, time.Minute, time.Millisecond)
	before := write()
	sealed := make(chan error, 1)
	go func() {
		_, err := s.Seal(t.Context(), store.Sealing{ExperimentKey: store.ExperimentKey{Experiment: "x", Version: "1"}, After: after})
		sealed <- err
	}()
	require.Never(t, func() bool { return len(sealed) > 0 }, 300*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, before.Commit())
	require.NoError(t, <-sealed)
	last, err := s.LastSealed(t.Context(), store.ExperimentKey{Experiment: "x", Version: "1"})
	require.NoError(t, err)
	require.Equal(t, int64(1), last)

	ended := write()
	waiting := make(chan error, 1)
	go func() { waiting <- s.AwaitWrites(t.Context()) }()
	require.Eventually(t, func() bool { // it has seen the first write, and looks again and again
		var looks int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%transactionid::text = ANY%' AND pid <> pg_backend_pid()`).Scan(&looks))
		return looks > 0
	}, time.Minute, time.Millisecond)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE beside (id INT)`)
	require.NoError(t, err)
	later, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = later.ExecContext(t.Context(), `INSERT INTO beside VALUES (1)`)
	require.NoError(t, err)
	require.NoError(t, ended.Commit())
	require.NoError(t, <-waiting)
	require.NoError(t, later.Rollback())
}
