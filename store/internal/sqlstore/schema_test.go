package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a driver
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// An empty store gets all steps in one transaction, and the schema that a store of the first release gets step by step.
func TestSchemaInOneGo(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		requireOneSchema(t, func(t *testing.T) (migrate.Engine, func() string) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "verdict.db")+"?_txlock=immediate")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			return migrate.SQLite{DB: db}, func() (schema string) {
				require.NoError(t, db.QueryRowContext(t.Context(),
					`SELECT group_concat(type || ' ' || name || ' on ' || tbl_name || ': ' || COALESCE(sql, ''), char(10)) FROM (SELECT * FROM sqlite_master ORDER BY type, name)`).Scan(&schema))
				return schema
			}
		})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		requireOneSchema(t, func(t *testing.T) (migrate.Engine, func() string) {
			url := pgtest.Start(t)
			db, err := sql.Open("pgx", url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			again := func(ctx context.Context, op func(context.Context, migrate.Tx) error) error {
				return migrate.SQLite{DB: db}.Write(ctx, op)
			}
			return migrate.Postgres{DB: db, Again: again}, func() string {
				out, err := exec.CommandContext(t.Context(), pgtest.Program(t, "pg_dump"), "--schema-only", url).Output()
				require.NoError(t, err)
				var schema []byte
				for line := range bytes.Lines(out) {
					if !bytes.HasPrefix(line, []byte(`\`)) { // for psql: holds a random word
						schema = append(schema, line...)
					}
				}
				return string(schema)
			}
		})
	})
}

// requireOneSchema compares the schemas of two databases, each of which made opens.
func requireOneSchema(t *testing.T, made func(t *testing.T) (e migrate.Engine, schema func() string)) {
	oneGo, oneSchema := made(t)
	steps := 0
	count := func(migrate.Step, time.Duration) { steps++ }
	require.NoError(t, migrate.Run(t.Context(), oneGo, sqlstore.Migrations, count))
	require.Equal(t, 1, steps)

	stepwise, stepwiseSchema := made(t)
	first := sqlstore.Migrations
	first.Steps = nil
	require.NoError(t, migrate.Run(t.Context(), stepwise, first, nil))
	require.NoError(t, migrate.Run(t.Context(), stepwise, sqlstore.Migrations, count))
	require.Greater(t, steps, 20)

	require.Contains(t, oneSchema(), "scores_inserted")
	require.Equal(t, stepwiseSchema(), oneSchema())
}
