// Package sqlite is the store in a SQLite file, for one host. It needs no set-up: the schema is made, and brought up to
// date, when the file is opened. Several processes of the host may open the same file. It is written in Go alone.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// busyTimeout is how long a write waits for another process's.
const busyTimeout = 10 * time.Second

// writerCache is the cache of the connection that writes, up to 32 MiB. A group's rows are all over the indexes; pages that have no
// room are written before the commit, and again at it.
const writerCache = "cache_size(-32768)"

// readers is how many reads run at a time, in addition to the one writer.
const readers = 4

// Store implements store.Store. Concurrent writes share a transaction, and so one flush of the disk; each returns when
// it is on the disk.
type Store struct{ *sqlstore.Store }

// Open opens the database in a file, which is made, for its owner alone, if it is not there, or [Memory]. A dsn is a path or
// a file: URI, with the parameter mode if any. The file's directory must exist. A file that a newer release has migrated is
// refused.
func Open(ctx context.Context, dsn string) (*Store, error) {
	n, err := readName(dsn)
	if err != nil {
		return nil, err
	}
	return open(ctx, dsn, n)
}

// OpenExisting is [Open] for a file that must exist: a missing file is [fs.ErrNotExist], and so is [Memory].
func OpenExisting(ctx context.Context, dsn string) (*Store, error) {
	n, err := readName(dsn)
	if err != nil {
		return nil, err
	}
	if n.existing = true; n.path == "" {
		return nil, fmt.Errorf("verdict: open %s: a database in memory is its process's own: %w", dsn, fs.ErrNotExist)
	}
	return open(ctx, dsn, n)
}

// OpenUnchanged is [OpenExisting] for a file whose schema is up to date: it refuses another schema instead of migrating
// it.
func OpenUnchanged(ctx context.Context, dsn string) (*Store, error) {
	n, err := readName(dsn)
	if err != nil {
		return nil, err
	}
	n.existing, n.unchanged = true, true
	return open(ctx, dsn, n)
}

func open(ctx context.Context, dsn string, n name) (*Store, error) {
	var closers []func() error
	closeAll := func() error {
		var errs []error
		for _, c := range closers {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	writer, reader, err := connect(n)
	if err != nil {
		return nil, fmt.Errorf("verdict: open %s: %w", dsn, err)
	}
	b := newBatcher(writer)
	closers = append(closers, func() error { b.close(); return nil }, writer.Close)
	if reader != writer {
		closers = append(closers, reader.Close)
	}
	ready := func() error { return migrate.Run(ctx, migrate.SQLite{DB: writer}, sqlstore.Migrations, nil) }
	if n.unchanged {
		ready = func() error { return sqlstore.Migrations.Exactly(ctx, writer) }
	}
	if err := ready(); err != nil {
		return nil, errors.Join(fmt.Errorf("verdict: open %s: %w", dsn, err), closeAll())
	}
	return &Store{sqlstore.New(reader, sqlstore.Dialect{
		Write: b.write, Close: closeAll,
		Lists: sqlstore.Lists{In: isOneOf, Rows: unnested}, Single: true,
		Now: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`,
	})}, nil
}

// connect returns the pool of the one writing connection and the pool of the reading ones.
func connect(n name) (writer, reader *sql.DB, err error) {
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)",
		"journal_mode(WAL)", "synchronous(FULL)", // a commit is on the disk: only then is an outcome acknowledged
	}}
	if n.path == "" {
		// One connection is the database, for reading as well.
		writer, err = single("file::memory:?" + pragmas.Encode())
		return writer, writer, err
	}
	if err := n.create(); err != nil {
		return nil, nil, err
	}
	file, err := n.uri()
	if err != nil {
		return nil, nil, err
	}
	// Never made here: it would be everybody's to read.
	file += "?mode=rw&"
	writing := url.Values{"_txlock": pragmas["_txlock"], "_pragma": append(slices.Clone(pragmas["_pragma"]),
		writerCache, "temp_store(MEMORY)", // or every statement with a trigger writes its own undo to a file
	)}
	if writer, err = single(file + writing.Encode()); err != nil {
		return nil, nil, err
	}
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(1)")
	if reader, err = sql.Open("sqlite", file+pragmas.Encode()); err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return writer, reader, nil
}

// single opens a pool of one connection that stays.
func single(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	db.SetConnMaxIdleTime(0)
	db.SetConnMaxLifetime(0)
	return db, nil
}
