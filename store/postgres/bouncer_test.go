package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/storetest"
)

// bounced returns the url of a database with the schema, made and reached through PgBouncer in transaction mode.
func bounced(t *testing.T) string {
	t.Helper()
	url := pgtest.Bouncer(t, pgtest.Start(t))
	require.NoError(t, postgres.Migrate(t.Context(), url))
	return url
}

func TestConformanceThroughPgBouncer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, bounced(t)) })
}

func TestCorrelationThroughPgBouncer(t *testing.T) {
	t.Parallel()
	s := open(t, bounced(t))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Correlation(t, s, 1, 100)
}

// The transactions of a few clients meet on the same connections: what one prepared is there for another, or is not.
func TestClientsShareConnectionsOfPgBouncer(t *testing.T) {
	t.Parallel()
	url := bounced(t)
	write := func(url string) error {
		s, err := postgres.Open(t.Context(), url)
		if err != nil {
			return err
		}
		defer s.Close()
		var all sync.WaitGroup
		errs := make([]error, 4)
		for w := range errs {
			all.Go(func() {
				for i := 0; i < 20 && errs[w] == nil; i++ {
					errs[w] = s.Record(t.Context(), []scoring.Record{record(fmt.Sprint(w, i), float64(i))})
				}
			})
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	clients := func(url string) []error {
		var all sync.WaitGroup
		errs := make([]error, 4)
		for c := range errs {
			all.Go(func() { errs[c] = write(url) })
		}
		all.Wait()
		return errs
	}
	for _, err := range clients(url) {
		require.NoError(t, err)
	}
	// A mode that is asked for is the one that is used: what pgx does of itself fails here.
	failed := 0
	for _, err := range clients(url + "&default_query_exec_mode=cache_statement") {
		if err != nil {
			require.ErrorContains(t, err, "prepared statement")
			failed++
		}
	}
	require.Positive(t, failed)
}

// More migrations at once than the pooler has connections: those that wait hold none.
func TestMigrationsAtOnceThroughPgBouncer(t *testing.T) {
	t.Parallel()
	url := pgtest.Bouncer(t, pgtest.Start(t))
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

// Without a pooler statements stay prepared: that is faster.
func TestStatementsStayPreparedWithoutAPooler(t *testing.T) {
	t.Parallel()
	prepared := func(url string) (n int) {
		db, closeDB, err := postgres.Connect(t.Context(), url+"&pool_max_conns=1")
		require.NoError(t, err)
		defer func() { require.NoError(t, closeDB()) }()
		for range 2 {
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_prepared_statements WHERE name <> ''`).Scan(&n))
		}
		return n
	}
	direct := pgtest.Start(t)
	require.Positive(t, prepared(direct))
	require.Zero(t, prepared(pgtest.Bouncer(t, direct)))
	require.Positive(t, prepared(direct+"&default_query_exec_mode=cache_statement"))
}

// A schema in the url that a pooler keeps to itself would put the store elsewhere.
func TestPgBouncerRefusesOrIgnoresASchema(t *testing.T) {
	t.Parallel()
	direct := pgtest.Start(t)
	_, err := connect(t, direct).ExecContext(t.Context(), `CREATE SCHEMA verdict`)
	require.NoError(t, err)
	url := pgtest.Bouncer(t, direct)
	require.ErrorContains(t, postgres.Migrate(t.Context(), url+"&search_path=verdict"), "search_path")
	require.ErrorContains(t, postgres.Migrate(t.Context(), url+"&options=-c%20search_path%3Dverdict"), `search_path is "\"$user\", public" and not "verdict"`)
	require.NoError(t, postgres.Migrate(t.Context(), direct+"&options=-c%20search_path%3Dverdict")) // which heeds it
	name := direct[strings.LastIndex(direct, "/")+1 : strings.Index(direct, "?")]
	_, err = connect(t, direct).ExecContext(t.Context(), fmt.Sprintf(`ALTER DATABASE %s SET search_path = verdict`, name))
	require.NoError(t, err)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	var schema string
	require.NoError(t, connect(t, direct).QueryRowContext(t.Context(), `SELECT schemaname FROM pg_tables WHERE tablename = 'scores'`).Scan(&schema))
	require.Equal(t, "verdict", schema)
}
