package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// migrationResult is what `starter migrate` did, or would do.
type migrationResult struct {
	Migrated string          `json:"migrated"`
	DryRun   bool            `json:"dry_run,omitempty"`
	Steps    []postgres.Step `json:"steps"`
}

// migrateCommand is `starter migrate`.
func (s *starter) migrateCommand() *cobra.Command {
	dry := false
	return s.command(&cobra.Command{
		Use:   "migrate --db postgres://…",
		Short: "Bring the schema of a database up to date",
		Long: `Bring the schema of a database up to date. Run it before you roll out a new release of the worker; workers of the
previous release keep working meanwhile and afterwards. It may be interrupted: run it again and it resumes where it
stopped. In Postgres a lock lets only one run at a time. A worker that opens a SQLite file migrates it too.

With --dry-run it prints the steps that it would run, how long each takes at the present number of rows, and its locks,
and changes nothing. A database that is up to date has only fills as steps; they look again at newer rows, because a
worker of the previous release may have written them.`,
	}, settings{
		{
			flag: "db", env: "VERDICT_DB", kind: "string", mask: maskDatabase, usage: "SQLite file, postgres:// URL, or keywords and values",
			read: func(t string) error {
				if path, err := sqlite.Path(t); !isPostgres(t) && err == nil && path == "" {
					return errors.New("must be the path of a SQLite file or a postgres:// URL: a store in memory is always up to date")
				}
				return databaseOf(&s.db)(t)
			},
		},
		{flag: "dry-run", kind: "bool", fallback: "false", usage: "print the steps, and change nothing", read: boolOf(&dry)},
	}, func(ctx context.Context, _ []string) error {
		r := migrationResult{Migrated: maskDatabase(s.db), DryRun: dry, Steps: []postgres.Step{}}
		err := s.migrate(ctx, &r)
		if errors.Is(err, fs.ErrNotExist) {
			return usage("no database at %s; the worker creates a SQLite file when it starts", s.db)
		}
		if err != nil {
			return fmt.Errorf("migrate %s: %w", r.Migrated, err)
		}
		return s.print(r, r.write)
	})
}

// migrate brings the database up to date, or lists the steps for that.
func (s *starter) migrate(ctx context.Context, r *migrationResult) (err error) {
	told := func(step postgres.Step, took time.Duration) {
		step.About = took
		r.Steps = append(r.Steps, step)
		fmt.Fprintf(s.Stderr, "%s: %s (%s)\n", step.Name, step.What, took.Round(time.Millisecond))
	}
	switch {
	case isPostgres(s.db) && r.DryRun:
		r.Steps, err = postgres.Plan(ctx, s.db)
	case isPostgres(s.db):
		err = postgres.Migrate(ctx, s.db, told)
	case r.DryRun:
		r.Steps, err = sqlite.Plan(ctx, s.db)
	default:
		err = sqlite.Migrate(ctx, s.db, told)
	}
	return err
}

func (r migrationResult) write(w io.Writer) (err error) {
	if !r.DryRun || len(r.Steps) == 0 {
		_, err = fmt.Fprintf(w, "%s is up to date\n", r.Migrated)
		return err
	}
	for _, step := range r.Steps {
		on := ""
		if step.Table != "" {
			on = fmt.Sprintf(" %s, %d rows", step.Table, step.Rows)
		}
		if step.Again {
			on += " that came since"
		}
		fmt.Fprintf(w, "%s  %s%s: %s\n", step.Name, step.Kind, on, step.What)
		_, err = fmt.Fprintf(w, "    takes about %s; locks %s\n", step.About, step.Locks)
	}
	return err
}
