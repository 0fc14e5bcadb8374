package releases

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// compact returns the bytes of a SQLite file without what has been deleted in it.
func compact(t *testing.T, file string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	defer db.Close()
	to := filepath.Join(t.TempDir(), "compact.db")
	_, err = db.ExecContext(t.Context(), "VACUUM INTO ?", to)
	require.NoError(t, err)
	data, err := os.ReadFile(to)
	require.NoError(t, err)
	return data
}

// dump returns the statements that restore a Postgres database.
func dump(t *testing.T, url string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), pgtest.Program(t, "pg_dump"), "--inserts", "--no-owner", "--no-privileges", url)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	var lines [][]byte
	for line := range bytes.Lines(out) {
		// What begins so is for psql, which is not needed here.
		if !bytes.HasPrefix(line, []byte(`\`)) {
			lines = append(lines, line)
		}
	}
	return bytes.Join(lines, nil)
}

// restore returns the url of a new database with what was dumped.
func restore(t *testing.T, statements []byte) string {
	t.Helper()
	url := pgtest.Start(t)
	c, err := pgconn.Connect(t.Context(), url)
	require.NoError(t, err)
	defer c.Close(t.Context())
	_, err = c.Exec(t.Context(), string(statements)).ReadAll()
	require.NoError(t, err)
	return url
}
