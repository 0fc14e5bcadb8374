package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func record(runID string, v float64) scoring.Record {
	return scoring.Record{
		Score: scoring.Number("n", v), Run: scoring.Run{Namespace: "default", WorkflowID: "w", RunID: runID},
		Source: scoring.FromClient, RecordedAt: noon,
	}
}

func count(t *testing.T, s store.Store) int {
	t.Helper()
	records, err := s.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	return len(records)
}

func TestInMemoryStoresShareNothing(t *testing.T) {
	t.Parallel()
	one, other := open(t, sqlite.Memory), open(t, sqlite.Memory)
	require.NoError(t, one.Record(t.Context(), []scoring.Record{record("r", 1)}))
	require.Equal(t, 1, count(t, one))
	require.Zero(t, count(t, other))
	require.NoError(t, one.Close())
	require.NoError(t, other.Close())
}

func TestInMemoryStoreOutlivesCancelledCalls(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Memory)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for i := range 200 {
		require.NoError(t, s.Record(t.Context(), []scoring.Record{record(fmt.Sprint(i), 1)}))
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, _ = s.Scores(ctx, store.Filter{})                          // cancelled or not
		_ = s.Record(ctx, []scoring.Record{record(fmt.Sprint(i), 1)}) // the same again
		cancel()
	}
	require.Equal(t, 200, count(t, s))
}

func TestFileIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	for i := range 3 {
		s := open(t, path)
		require.Equal(t, i, count(t, s))
		require.NoError(t, s.Record(t.Context(), []scoring.Record{record(fmt.Sprint(i), 1)}))
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Close())
	}
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{sqlite.Memory, filepath.Join(t.TempDir(), "verdict.db")} {
		s := open(t, dsn)
		require.NoError(t, s.Close())
		require.Error(t, s.Ping(t.Context()))
		require.Error(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}))
		_, err := s.Scores(t.Context(), store.Filter{})
		require.Error(t, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	_, err := sqlite.Open(t.Context(), "")
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	_, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no such directory", "verdict.db"))
	require.ErrorContains(t, err, "verdict.db")

	noDatabase := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(noDatabase, []byte("this is no database, however long one looks at it"), 0o600))
	_, err = sqlite.Open(t.Context(), noDatabase)
	require.Error(t, err)

	newer := filepath.Join(t.TempDir(), "verdict.db")
	require.NoError(t, open(t, newer).Close())
	db, err := sql.Open("sqlite", newer)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO verdict_schema (version) VALUES (999)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = sqlite.Open(t.Context(), newer)
	require.ErrorContains(t, err, "newer release")
}

// A write that waits for another process gives up when its caller does, and the store goes on afterwards.
func TestWriteGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s := open(t, path)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	other, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Record(ctx, []scoring.Record{record("given up", 1)}), context.DeadlineExceeded)
	require.ErrorIs(t, s.Record(ctx, []scoring.Record{record("given up", 1)}), context.DeadlineExceeded)
	require.Zero(t, count(t, s), "a reader does not wait")
	require.NoError(t, other.Rollback())
	require.NoError(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}))
}

const childEnv = "VERDICT_TEST_CHILD"

// Several processes write to one file: each writes its own runs, and all of them revise one score.
func TestProcessesShareAFile(t *testing.T) {
	const processes, writes = 3, 20
	if path := os.Getenv(childEnv); path != "" {
		s := open(t, path)
		for i := range writes {
			own, shared := record(fmt.Sprint(os.Getpid(), " ", i), 1), record("shared", float64(os.Getpid()*writes+i))
			shared.RecordedAt = noon.Add(time.Duration(os.Getpid()*writes+i) * time.Microsecond)
			require.NoError(t, s.Record(t.Context(), []scoring.Record{own, shared}))
		}
		require.NoError(t, s.Close())
		return
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	var all sync.WaitGroup
	for range processes {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesShareAFile$")
		child.Env = append(os.Environ(), childEnv+"="+path)
		all.Go(func() {
			out, err := child.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	s := open(t, path)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Equal(t, processes*writes+1, count(t, s))
	history, err := s.Scores(t.Context(), store.Filter{Run: record("shared", 0).Run, History: true})
	require.NoError(t, err)
	require.Len(t, history, processes*writes)
	for i, r := range history {
		require.Equal(t, i+1, r.Revision)
	}
}

func TestMigrationFills(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(*testing.T, store.Store, func(string) error, func() error){"what holds": storetest.Filled, "counts": storetest.CountsFilled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "verdict.db")
			s := open(t, path)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			check(t, s, func(statement string) error {
				_, err := db.ExecContext(t.Context(), statement)
				return err
			}, func() error { return sqlite.Migrate(t.Context(), path, nil) })
		})
	}
}
