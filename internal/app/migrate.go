package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/store/postgres"
)

// migrateCommand is `starter migrate`.
func (s *starter) migrateCommand() *cobra.Command {
	return s.command(&cobra.Command{
		Use:   "migrate --db postgres://…",
		Short: "Bring the schema of a Postgres database up to date",
		Long: `Bring the schema of a Postgres database up to date. Run it before a new release of the worker is rolled out;
a lock keeps two of them apart. A SQLite file is brought up to date when the worker opens it.`,
	}, settings{{
		flag: "db", env: "VERDICT_DB", kind: "URL", mask: maskDatabase, usage: "postgres:// URL",
		read: func(t string) error {
			if !isPostgres(t) {
				return errors.New("must be a postgres:// URL; a SQLite file needs no migration")
			}
			return databaseOf(&s.db)(t)
		},
	}}, func(ctx context.Context, _ []string) error {
		if err := postgres.Migrate(ctx, s.db); err != nil {
			return fmt.Errorf("migrate %s: %w", maskDatabase(s.db), err)
		}
		return s.printLine(map[string]string{"migrated": maskDatabase(s.db)}, "%s is up to date", maskDatabase(s.db))
	})
}
