package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// Check says what [Open] would do with a dsn, such as "will be made", and makes and changes nothing. It fails where Open
// would: the directory cannot be written to, the file is locked, is no database, or was migrated by a newer release.
func Check(ctx context.Context, dsn string) (state string, err error) {
	n, err := readName(dsn)
	switch {
	case err != nil:
		return "", err
	case n.path == "":
		return "is in memory", nil
	}
	switch _, err := os.Stat(n.path); {
	case errors.Is(err, fs.ErrNotExist) && !n.existing:
		return "will be made", n.writable()
	case err != nil:
		return "", err
	}
	file, err := n.uri()
	if err != nil {
		return "", err
	}
	// The same as in Open, without the pragmas that write.
	db, err := single(fmt.Sprintf("%s?mode=rw&_txlock=immediate&_pragma=busy_timeout(%d)", file, busyTimeout.Milliseconds()))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil) // one that writes
	if err != nil {
		return "", err
	}
	if err := tx.Rollback(); err != nil {
		return "", err
	}
	return n.behind(ctx, db)
}

// behind tells whether an open would migrate.
func (n name) behind(ctx context.Context, db *sql.DB) (string, error) {
	steps, err := migrate.Plan(ctx, migrate.SQLite{DB: db}, sqlstore.Migrations)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(steps, func(s migrate.Step) bool { return !s.Again }) {
		return "will be brought up to date", nil
	}
	return "is up to date", nil
}

// writable tells whether the file could be made.
func (n name) writable() error {
	path, err := behindLinks(n.path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".verdict-check-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
