// Package postgres is the store in Postgres (12 or later), for several hosts. Give it a database, or a schema (search_path in the
// dsn), of its own. PgBouncer may be in between. The schema is made and brought up to date by [Migrate], which `starter migrate` runs, and never by
// [Open].
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// maxTries is how often a transaction is run that the database gives up in favour of another one.
const maxTries = 10

// SQLSTATE codes, from appendix A of the Postgres manual.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
)

// Store implements store.Store. Writes that concern the same (event name, key), or the same workflow id, go one after
// another, under advisory locks that end with their transaction; all others go at once. A write that fails because the
// connection was lost may or may not have been kept, and may be repeated.
type Store struct{ *sqlstore.Store }

// Open connects to the database of a dsn, in either form that pgx takes: a postgres:// URL, or keywords and values. It
// may have the pool_… parameters of pgxpool and default_query_exec_mode of pgx; without the latter it finds out whether
// a pooler such as PgBouncer sits in between, and then keeps no prepared statements. It refuses a database with another
// schema than this code needs; the error says how to migrate it.
func Open(ctx context.Context, dsn string) (*Store, error) {
	db, closeDB, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	if err := sqlstore.Migrations.Check(ctx, db); err != nil {
		if hasCode(err, undefinedTable) {
			err = sqlstore.Migrations.Empty()
		}
		return nil, errors.Join(err, closeDB())
	}
	return newStore(db, closeDB), nil
}

func newStore(db *sql.DB, closeDB func() error) *Store {
	return &Store{sqlstore.New(db, sqlstore.Dialect{
		Lock:  lock,
		Write: func(ctx context.Context, op sqlstore.Op) error { return write(ctx, db, op) },
		Close: closeDB,

		Lists:       sqlstore.Lists{In: isOneOf, Rows: unnested},
		Now:         `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`,
		ForUpdate:   ` FOR UPDATE OF e`,
		Group:       true,
		Snapshot:    &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		AwaitWrites: awaitWrites,

		Numbered: ` OVERRIDING SYSTEM VALUE`,
		Renumber: renumber,
	})}
}

// renumber makes the ids of new rows follow the ids of the rows that were copied into a table.
func renumber(ctx context.Context, tx sqlstore.Tx, table string) error {
	_, err := tx.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence('`+table+`', 'id'), COALESCE(MAX(id), 1), MAX(id) IS NOT NULL) FROM `+table)
	return err
}

// lock takes advisory locks until the end of the transaction, one after another. Later reads of the transaction see the
// state after that: at read committed each statement sees everything that was committed before it. The transaction compiles no
// statement to machine code: that takes Postgres up to seconds, each time, for triggers that run milliseconds.
func lock(ctx context.Context, tx sqlstore.Tx, keys []int64) error {
	_, err := tx.ExecContext(ctx, `SELECT set_config('jit', 'off', TRUE), (SELECT COUNT(pg_advisory_xact_lock(k)) FROM unnest($1::bigint[]) AS k)`, keys)
	return err
}

// write runs op in a transaction, again if Postgres chose it as the victim of a conflict.
func write(ctx context.Context, db *sql.DB, op sqlstore.Op) error {
	for try := 1; ; try++ {
		err := once(ctx, db, op)
		if err == nil || try == maxTries || !hasCode(err, serializationFailure, deadlockDetected) {
			return err
		}
		// Not all at the same time again.
		wait := time.NewTimer(time.Duration(rand.Int64N(int64(try) * int64(10*time.Millisecond))))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

func once(ctx context.Context, db *sql.DB, op sqlstore.Op) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := op(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

func hasCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}
