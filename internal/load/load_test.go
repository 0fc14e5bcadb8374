package load_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/load"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var scores = flag.Int("scores", 100_000, "scores of the store whose readings are watched")

var end = time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)

// A loaded row is the one that the store would have written: said again it changes nothing, and the counts are right.
func TestLoadedRowsAreTheStores(t *testing.T) {
	t.Parallel()
	path, url := filepath.Join(t.TempDir(), "load.db"), pgtest.Start(t)
	shape := load.Shape{Scores: 2003, Days: 10, End: end}
	require.NoError(t, postgres.Migrate(t.Context(), url))
	p, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, load.Postgres(t.Context(), url, shape, nil))
	require.ErrorIs(t, load.Postgres(t.Context(), url, shape, nil), load.ErrNotEmpty)
	l, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, load.SQLite(t.Context(), path, shape, nil))
	for name, s := range map[string]store.Store{"postgres": p, "sqlite": l} {
		storetest.Counted(t, s)
		all, err := s.Scores(t.Context(), store.Filter{})
		require.NoError(t, err)
		require.Len(t, all, shape.Scores, name)
		require.NoError(t, s.Record(t.Context(), all[:10]))
		assigned, err := s.Assignments(t.Context(), load.Experiment, load.Version)
		require.NoError(t, err)
		require.Len(t, assigned, 401)
		kept, err := s.Assign(t.Context(), assigned[7])
		require.NoError(t, err)
		require.Equal(t, assigned[7], kept)
		v, err := s.RunView(t.Context(), all[0].Run)
		require.NoError(t, err)
		require.Len(t, v.Scores, 5)
		require.Len(t, v.Assignments, 1)
		next := scoring.NewRecord(scoring.Number("n", 1), scoring.FromClient, scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}, scoring.Step{}, end)
		require.NoError(t, s.Record(t.Context(), []scoring.Record{next}), "ids go on after the loaded ones")
		storetest.Counted(t, s)
		require.NoError(t, s.Close())
	}
}

// Nothing that is asked, and no trigger, reads a number of rows that grows with the scores: Postgres counts the rows that it looks
// at. In a large store:
//
//	go test ./internal/load -run TestReadingsTouchFewRows -v -scores 10000000 -timeout 2h
func TestReadingsTouchFewRows(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	require.NoError(t, load.Postgres(t.Context(), url, load.Shape{Scores: *scores, Days: 30, End: end}, nil))
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	_, err = s.FoldCounts(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	const most = 1100 // rows of a page, of two tables
	all := load.Reading{Name: "all scores", Do: func(ctx context.Context, s store.Store) error {
		_, err := s.Scores(ctx, store.Filter{Name: "quality"})
		return err
	}}
	builds := 0
	flush := load.Reading{Name: "a flush that moves scores", Do: func(ctx context.Context, s store.Store) error {
		known, err := s.Runs(ctx, store.RunFilter{Newest: true, Limit: 1})
		if err != nil {
			return err
		}
		builds++
		f := scoring.Flush{Facts: known[0], Sequence: int64(100 + builds), Partial: false, At: end}
		f.Facts.BuildID = fmt.Sprint("other-", builds)
		return s.Flush(ctx, f)
	}}
	for _, r := range append(load.Readings(), flush, all) {
		// A connection tells what it has read when it ends.
		before := touched(t, db)
		s, err := postgres.Open(t.Context(), url)
		require.NoError(t, err)
		took, err := load.Median(t.Context(), s, r, 1)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		after := touched(t, db)
		if r.Name == all.Name {
			require.GreaterOrEqual(t, after["scores"]-before["scores"], int64(*scores/5), "it is seen when one reads all")
			continue
		}
		for table, n := range after {
			require.LessOrEqual(t, n-before[table], int64(2*most), "%s of %s, asked twice", table, r.Name)
		}
		t.Logf("%-28s %s; rows %s", r.Name, took.Round(10*time.Microsecond), said(before, after))
	}
}

// touched returns how many rows of each large table were looked at so far, once all others have told.
func touched(t *testing.T, db *sql.DB) map[string]int64 {
	t.Helper()
	last := ""
	for same := 0; ; {
		n := map[string]int64{}
		rows, err := db.QueryContext(t.Context(), `SELECT relname, COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0),
			(SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend') FROM pg_stat_user_tables
			WHERE relname IN ('scores', 'runs', 'assignments', 'run_experiments', 'served', 'outcomes', 'matches', 'expectations')`)
		require.NoError(t, err)
		others := 0
		for rows.Next() {
			var table string
			var looked int64
			require.NoError(t, rows.Scan(&table, &looked, &others))
			n[table] = looked
		}
		require.NoError(t, errors.Join(rows.Err(), rows.Close()))
		if now := fmt.Sprint(n, others); now == last && others == 1 {
			if same++; same == 3 {
				return n
			}
		} else {
			last, same = now, 0
		}
		_, err = db.ExecContext(t.Context(), `SELECT pg_stat_clear_snapshot(), pg_sleep(0.05)`)
		require.NoError(t, err)
	}
}

func said(before, after map[string]int64) string {
	var all []string
	for table, n := range after {
		if n -= before[table]; n > 0 {
			all = append(all, fmt.Sprint(table, " ", n))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
