package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a driver
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // another one

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// before is the schema of the release before: it knows no steps.
func before() migrate.Set {
	return migrate.Set{
		Files: fstest.MapFS{"0001_first.sql": {Data: []byte(
			`CREATE TABLE things (id {{serial}}, name TEXT NOT NULL); CREATE TABLE others (id {{serial}});`,
		)}},
		Base: []string{"0001_first.sql"},
	}
}

// after is that of the next one.
func after(fill migrate.Fill) migrate.Set {
	s := before()
	files := s.Files.(fstest.MapFS)
	files["0002_size.sql"] = &fstest.MapFile{Data: []byte(`-- Things have a size.

-- change things: how long the name is
ALTER TABLE things ADD COLUMN size BIGINT;

-- index things_size on things: the longest first
CREATE INDEX things_size ON things (size);

-- fill things by size: things from before have one too
`)}
	files["0003_upper.sql"] = &fstest.MapFile{Data: []byte(`-- change marks: a new table
CREATE TABLE marks (id {{serial}}, thing BIGINT NOT NULL);
CREATE INDEX marks_thing ON marks (thing);

-- fill things: the name in capitals, where there is none
UPDATE things SET name = UPPER(name) WHERE id > $1 AND id <= $2 AND name <> UPPER(name);
`)}
	s.Steps = []string{"0002_size.sql", "0003_upper.sql"}
	s.Fills = map[string]migrate.Fill{"size": fill}
	return s
}

func size(ctx context.Context, tx migrate.Tx, from, to int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE things SET size = LENGTH(name) WHERE id > $1 AND id <= $2 AND size IS NULL`, from, to)
	return err
}

// engine is a database of a kind, with another connection to it.
type engine struct {
	migrate.Engine
	db *sql.DB
}

func engines(t *testing.T, test func(t *testing.T, e engine)) {
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("pgx", pgtest.Start(t))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		e := migrate.Postgres{DB: db}
		e.Again = func(ctx context.Context, op func(context.Context, migrate.Tx) error) error {
			return migrate.SQLite{DB: db}.Write(ctx, op)
		}
		test(t, engine{e, db})
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "things.db")+"?_txlock=immediate&_pragma=busy_timeout(10000)")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		test(t, engine{migrate.SQLite{DB: db}, db})
	})
}

func (e engine) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	_, err := e.db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

func (e engine) count(t *testing.T, query string) (n int) {
	t.Helper()
	require.NoError(t, e.db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// things adds n rows as the release before does.
func (e engine) things(t *testing.T, n int) {
	t.Helper()
	e.exec(t, fmt.Sprintf(`WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) INSERT INTO things (name) SELECT 'thing' FROM s`, n))
}

func (e engine) filled(t *testing.T) int {
	return e.count(t, `SELECT COUNT(*) FROM things WHERE size = 5 AND name = 'THING'`)
}

func names(steps []migrate.Step) (all []string) {
	for _, s := range steps {
		all = append(all, fmt.Sprint(s.Name, " ", s.Kind))
	}
	return all
}

// What was there is migrated and filled, the release before works on it meanwhile and afterwards, and what that writes is
// filled by the next migration.
func TestMigration(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		ctx := t.Context()
		old, now := before(), after(size)
		require.NoError(t, migrate.Run(ctx, e, old, nil))
		e.things(t, 3000)
		var schema *migrate.SchemaError
		require.ErrorAs(t, now.Check(ctx, e.db), &schema)
		require.Equal(t, migrate.SchemaError{Have: 1, Want: 3}, *schema)
		plan, err := migrate.Plan(ctx, e, now)
		require.NoError(t, err)
		want := []string{"0002_size/1 change", "0002_size/2 index", "0002_size/3 fill", "0003_upper/1 change", "0003_upper/2 fill"}
		require.Equal(t, want, names(plan))
		for _, step := range plan {
			require.NotEmpty(t, step.Locks)
			require.Positive(t, step.About)
			if step.Table == "things" {
				require.EqualValues(t, 3000, step.Rows)
			}
		}
		require.Error(t, now.Check(ctx, e.db), "a plan changes nothing")

		var told []migrate.Step
		require.NoError(t, migrate.Run(ctx, e, now, func(s migrate.Step, _ time.Duration) { told = append(told, s) }))
		require.Equal(t, want, names(told))
		require.NoError(t, now.Check(ctx, e.db))
		require.Equal(t, 3000, e.filled(t))

		// The release before goes on.
		require.NoError(t, old.Check(ctx, e.db))
		require.NoError(t, migrate.Run(ctx, e, old, nil))
		e.things(t, 7)
		require.Equal(t, 3000, e.filled(t))
		plan, err = migrate.Plan(ctx, e, now)
		require.NoError(t, err)
		require.Equal(t, []string{"0002_size/3 fill", "0003_upper/2 fill"}, names(plan))
		require.EqualValues(t, 7, plan[0].Rows)
		require.True(t, plan[0].Again)
		require.NoError(t, migrate.Run(ctx, e, now, nil))
		require.Equal(t, 3007, e.filled(t))
		plan, err = migrate.Plan(ctx, e, now)
		require.NoError(t, err)
		require.Empty(t, plan)
	})
}

// An empty database gets everything at once.
func TestEmptyDatabase(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		plan, err := migrate.Plan(t.Context(), e, after(size))
		require.NoError(t, err)
		require.Equal(t, []string{"base base"}, names(plan))
		var told []migrate.Step
		require.NoError(t, migrate.Run(t.Context(), e, after(size), func(s migrate.Step, _ time.Duration) { told = append(told, s) }))
		require.Equal(t, []string{"base base"}, names(told))
		require.NoError(t, after(size).Check(t.Context(), e.db))
		e.things(t, 3)
		require.NoError(t, migrate.Run(t.Context(), e, after(size), nil))
		require.Equal(t, 3, e.filled(t))
	})
}

// A migration that breaks off goes on where it was.
func TestInterruptedMigration(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		require.NoError(t, migrate.Run(t.Context(), e, before(), nil))
		e.things(t, 5000)
		broken := errors.New("the power is gone")
		seen := int64(0)
		breaks := func(ctx context.Context, tx migrate.Tx, from, to int64) error {
			if err := size(ctx, tx, from, to); err != nil || to > 2000 {
				return errors.Join(broken, err)
			}
			seen = to
			return nil
		}
		err := migrate.Run(t.Context(), e, after(breaks), nil)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "0002_size/3: rows ")
		require.Positive(t, seen)
		require.EqualValues(t, seen, e.count(t, `SELECT COUNT(*) FROM things WHERE size = 5`), "of a batch all or nothing")
		require.Error(t, after(size).Check(t.Context(), e.db))
		first := int64(-1)
		goesOn := func(ctx context.Context, tx migrate.Tx, from, to int64) error {
			if first < 0 {
				first = from
			}
			return size(ctx, tx, from, to)
		}
		require.NoError(t, migrate.Run(t.Context(), e, after(goesOn), nil))
		require.Equal(t, max(0, seen-1000), first)
		require.Equal(t, 5000, e.filled(t))
	})
}

// Several at once do it once.
func TestMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		if e.Online() {
			return // package postgres keeps them apart
		}
		require.NoError(t, migrate.Run(t.Context(), e, before(), nil))
		e.things(t, 1000)
		errs := make(chan error)
		for range 4 {
			go func() { errs <- migrate.Run(t.Context(), e, after(size), nil) }()
		}
		for range 4 {
			require.NoError(t, <-errs)
		}
		require.Equal(t, 1000, e.filled(t))
	})
}

func TestNewerReleaseThatThisOneCannotWorkWith(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		require.NoError(t, migrate.Run(t.Context(), e, after(size), nil))
		e.exec(t, `INSERT INTO verdict_schema (version) VALUES (2)`)
		require.ErrorContains(t, after(size).Check(t.Context(), e.db), "newer release")
		require.ErrorContains(t, migrate.Run(t.Context(), e, after(size), nil), "newer release")
		_, err := migrate.Plan(t.Context(), e, after(size))
		require.ErrorContains(t, err, "newer release")
	})
}
