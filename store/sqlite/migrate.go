package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// Step is a step of a migration.
type Step = migrate.Step

// Migrate brings the schema of a file to the version that this code needs, as [Open] does, while other processes have
// the file open. A step that builds an index makes their writes wait. tell is called for each finished step. A missing
// file is [fs.ErrNotExist].
func Migrate(ctx context.Context, dsn string, tell func(Step, time.Duration)) error {
	n, err := readName(dsn)
	if err != nil {
		return err
	}
	n.existing = true
	writer, reader, err := connect(n)
	if err != nil {
		return fmt.Errorf("verdict: open %s: %w", dsn, err)
	}
	return errors.Join(migrate.Run(ctx, migrate.SQLite{DB: writer}, sqlstore.Migrations, tell), writer.Close(), reader.Close())
}

// Plan returns the steps that [Migrate] or [Open] would run on a file now, and changes nothing.
func Plan(ctx context.Context, dsn string) ([]Step, error) {
	n, err := readName(dsn)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(n.path); errors.Is(err, fs.ErrNotExist) {
		n = name{} // in memory: as empty as a file that is not there
	}
	writer, reader, err := connect(n)
	if err != nil {
		return nil, fmt.Errorf("verdict: open %s: %w", dsn, err)
	}
	steps, err := migrate.Plan(ctx, migrate.SQLite{DB: reader}, sqlstore.Migrations)
	return steps, errors.Join(err, writer.Close(), reader.Close())
}
