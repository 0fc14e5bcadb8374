package history_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/scoring"
)

// A truth is looked up by a key in a file or a database. What is not known yet is no score.
func TestTruthIsLookedUp(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE t (id TEXT, answer TEXT); INSERT INTO t VALUES ('a', 'bonds pay en'), ('b', 'other'), ('c', NULL)`)
	require.NoError(t, err)
	text := "id,answer\na,\"bonds pay en\"\nb,first\nb,other\n"
	file := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	r := open(t, "agent")
	for name, truth := range map[string]history.Truth{"csv": history.CSV(file, "id", "answer"), "sql": history.SQL(db, `SELECT answer FROM t WHERE id = ?`)} {
		by := func(key string) ([]scoring.Record, error) {
			return history.Against("right", "1", truth, func(*history.Run) (string, error) { return key, nil }, history.RunResult(""), nil).Records(t.Context(), r)
		}
		for key, want := range map[string]string{"a": "true", "b": "false"} {
			records, err := by(key)
			require.NoError(t, err, name)
			require.Len(t, records, 1)
			require.Equal(t, want, records[0].Value.String(), name)
		}
		for _, unknown := range []string{"c", "d"} {
			records, err := by(unknown)
			require.NoError(t, err, name)
			require.Empty(t, records)
		}
	}
	_, _, err = history.CSV(file, "id", "nothing")(t.Context(), "a")
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	for _, broken := range []string{"", "id,answer\na,b,c\n", "id,answer\n\"a,b\n"} {
		_, _, err := history.CSV(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(broken)), nil }, "id", "answer")(t.Context(), "a")
		require.Error(t, err, broken)
	}
	away := errors.New("away")
	_, err = history.Against("right", "1", func(context.Context, string) (string, bool, error) { return "", false, away }, history.WorkflowID, history.RunResult(""), nil).Records(t.Context(), r)
	require.ErrorIs(t, err, away)
}
