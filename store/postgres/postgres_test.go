package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/storetest"
)

// migrated returns the url of a database with the schema.
func migrated(t *testing.T) string {
	t.Helper()
	url := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	return url
}

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, migrated(t)) })
}

func TestCorrelation(t *testing.T) {
	t.Parallel()
	s := open(t, migrated(t))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Correlation(t, s, 1, 300) // the logic is SQLite's as well; here it runs at once in many transactions
}

func TestOpenNeverMigrates(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	_, err := postgres.Open(t.Context(), url)
	require.ErrorContains(t, err, "`starter migrate`")

	db := connect(t, url)
	var tables int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables))
	require.Zero(t, tables)
}

func TestOpenRefusesAnotherSchema(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	s := open(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err := connect(t, url).ExecContext(t.Context(), `INSERT INTO verdict_schema (version) VALUES (999)`)
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), url)
	require.ErrorContains(t, err, "newer release")
	require.ErrorContains(t, postgres.Migrate(t.Context(), url), "newer release")
	require.ErrorContains(t, s.Ping(t.Context()), "newer release")
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), "postgres://user:secret@localhost:port/db")
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.NotContains(t, err.Error(), "secret")

	_, err = postgres.Open(t.Context(), "postgres://user:secret@127.0.0.1:1/db")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
	require.NotContains(t, err.Error(), "migrate")
}

func TestMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = postgres.Migrate(t.Context(), url) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.NoError(t, open(t, url).Close())
}

// A schema of its own, named in the url, keeps the store apart from what else is in the database.
func TestSchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	_, err := connect(t, url).ExecContext(t.Context(), `CREATE SCHEMA verdict`)
	require.NoError(t, err)
	url += "&search_path=verdict"
	require.NoError(t, postgres.Migrate(t.Context(), url))
	s := open(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}))
}

// What fails when the connection is lost may be repeated, on the same store, once the database is back. Each connection is
// lost while a write is under way on it: the write waits for a table that another transaction holds.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	s := open(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	db := connect(t, url+"&application_name=killer")
	kill := func(which string) (killed int) {
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name <> 'killer' AND `+which).Scan(&killed))
		return killed
	}
	write := func(i int) error {
		return s.Record(t.Context(), []scoring.Record{record(fmt.Sprint(i), 1), record(fmt.Sprint(i), 2)})
	}
	const runs = 10
	for i := range runs {
		hold, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = hold.ExecContext(t.Context(), `LOCK TABLE scores IN ACCESS EXCLUSIVE MODE`)
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() { failed <- write(i) }()
		require.Eventually(t, func() bool { return kill(`wait_event_type = 'Lock'`) == 1 }, time.Minute, time.Millisecond)
		require.ErrorContains(t, <-failed, "57P01") // admin_shutdown
		require.NoError(t, hold.Rollback())
		if i%2 == 0 { // what waits in the pool is lost as well
			kill(`state = 'idle'`)
		}
		require.Eventually(t, func() bool { return write(i) == nil }, time.Minute, time.Millisecond)
	}
	records, err := s.Scores(t.Context(), store.Filter{History: true})
	require.NoError(t, err)
	require.Len(t, records, 2*runs)
}

// A write waits for another one's lock no longer than its caller does.
func TestWriteGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	s := open(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	other, err := connect(t, url).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), `LOCK TABLE scores IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Record(ctx, []scoring.Record{record("r", 1)}), context.DeadlineExceeded)
	require.NoError(t, other.Rollback())
	require.NoError(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}))
}

func TestMigrationFills(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(*testing.T, store.Store, func(string) error, func() error){"what holds": storetest.Filled, "counts": storetest.CountsFilled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := migrated(t)
			s, db := open(t, url), connect(t, url)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			check(t, s, func(statement string) error {
				_, err := db.ExecContext(t.Context(), statement)
				return err
			}, func() error { return postgres.Migrate(t.Context(), url) })
		})
	}
}

func connect(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func record(runID string, v float64) scoring.Record {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return scoring.Record{
		Score: scoring.Number("n", v), Run: scoring.Run{Namespace: "default", WorkflowID: "w", RunID: runID},
		Source: scoring.FromClient, RecordedAt: noon.Add(time.Duration(v) * time.Minute),
	}
}

// A database that takes no writes, as a standby, is told from one that does by trying: it answers a ping.
func TestATryFailsWhereNothingIsWritten(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	admin := connect(t, url)
	readOnly := func(value string) {
		_, err := admin.ExecContext(t.Context(), `DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = `+value+`'; END $$`)
		require.NoError(t, err)
	}
	readOnly("on")
	s := open(t, url)
	require.NoError(t, s.Ping(t.Context()))
	require.ErrorContains(t, s.TryWrite(t.Context()), "read-only")
	require.ErrorContains(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}), "read-only")
	require.NoError(t, s.Close())
	readOnly("off")
	s = open(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.TryWrite(t.Context()))
}
