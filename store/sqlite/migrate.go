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

// Migrate brings the schema of a file to what this code needs, as [Open] does, while other processes have the file open.
// A step that builds an index makes their writes wait. tell is told of each step that is done.
func Migrate(ctx context.Context, file string, tell func(Step, time.Duration)) error {
	writer, reader, err := connect(file)
	if err != nil {
		return fmt.Errorf("verdict: open %s: %w", file, err)
	}
	return errors.Join(migrate.Run(ctx, migrate.SQLite{DB: writer}, sqlstore.Migrations, tell), writer.Close(), reader.Close())
}

// Plan returns the steps that [Migrate] or [Open] would run on a file as it is now, and changes nothing.
func Plan(ctx context.Context, file string) ([]Step, error) {
	if _, err := os.Stat(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if err != nil {
		file = Memory // as empty as a file that is not there
	}
	writer, reader, err := connect(file)
	if err != nil {
		return nil, fmt.Errorf("verdict: open %s: %w", file, err)
	}
	steps, err := migrate.Plan(ctx, migrate.SQLite{DB: reader}, sqlstore.Migrations)
	return steps, errors.Join(err, writer.Close(), reader.Close())
}
