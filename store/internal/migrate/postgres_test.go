package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// database returns a Postgres with some things of the release before.
func database(t *testing.T, n int) engine {
	db, err := sql.Open("pgx", pgtest.Start(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	e := engine{migrate.Postgres{DB: db, Again: func(ctx context.Context, op func(context.Context, migrate.Tx) error) error {
		return migrate.SQLite{DB: db}.Write(ctx, op)
	}}, db}
	require.NoError(t, migrate.Run(t.Context(), e, before(), nil))
	e.things(t, n)
	return e
}

// A reader that takes its time holds the migration up, and the migration holds nobody up: what is queued behind it would
// wait for the reader as well.
func TestMigrationWaitsWithoutMakingOthersWait(t *testing.T) {
	t.Parallel()
	e := database(t, 10)
	reader, err := e.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n))

	done := make(chan error, 1)
	go func() { done <- migrate.Run(t.Context(), e, after(size), nil) }()
	waits := func() bool {
		return e.count(t, `SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass AND mode = 'AccessExclusiveLock'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) > 0
	}
	// It tries, gives up and tries again, and whoever writes meanwhile is let through.
	for tries := 0; tries < 2; {
		require.Empty(t, done)
		if !waits() {
			continue
		}
		tries++
		begun := time.Now()
		e.exec(t, `INSERT INTO things (name) VALUES ('thing')`)
		require.Less(t, time.Since(begun), migrate.LockLimit)
	}
	require.NoError(t, reader.Rollback())
	require.NoError(t, <-done)
	require.Equal(t, 12, e.filled(t))
}

// A change that takes longer than it may is rolled back, whatever it is.
func TestChangeThatTakesTooLong(t *testing.T) {
	t.Parallel()
	e := database(t, 10)
	tries := 0
	err := e.Change(t.Context(), func(ctx context.Context, tx migrate.Tx) error {
		if tries++; tries > 1 {
			return errors.New("enough")
		}
		_, err := tx.ExecContext(ctx, `ALTER TABLE things ADD COLUMN size BIGINT; SELECT pg_sleep(600)`)
		return err
	})
	require.EqualError(t, err, "enough")
	require.Zero(t, e.count(t, `SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'things' AND column_name = 'size'`))
}

// An index whose building was interrupted is there and of no use: it is built again.
func TestIndexThatWasInterrupted(t *testing.T) {
	t.Parallel()
	e := database(t, 10)
	e.exec(t, `ALTER TABLE things ADD COLUMN size BIGINT`)
	e.exec(t, `UPDATE things SET size = 1`)
	_, err := e.db.ExecContext(t.Context(), `CREATE UNIQUE INDEX CONCURRENTLY things_size ON things (size)`)
	require.Error(t, err, "there are several of a size")
	valid := func() int {
		return e.count(t, `SELECT COUNT(*) FROM pg_index WHERE indexrelid = to_regclass('things_size') AND indisvalid`)
	}
	require.Zero(t, valid())
	for range 2 {
		require.NoError(t, e.Index(t.Context(), "things_size", `CREATE INDEX CONCURRENTLY things_size ON things (size)`))
		require.Equal(t, 1, valid())
	}
}

// A batch that takes longer than its rows may be locked is given up, and smaller ones take its place.
func TestBatchThatTakesTooLong(t *testing.T) {
	t.Parallel()
	e := database(t, 600)
	largest := int64(0)
	slow := func(ctx context.Context, tx migrate.Tx, from, to int64) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_sleep(0.004 * ($2::bigint - $1::bigint))`, from, to); err != nil {
			return err
		}
		largest = max(largest, to-from)
		return size(ctx, tx, from, to)
	}
	require.NoError(t, migrate.Run(t.Context(), e, after(slow), nil))
	require.Equal(t, 600, e.filled(t))
	require.Less(t, largest, int64(500))
}
