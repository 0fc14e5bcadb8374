package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/verdict-dev/verdict/store/internal/migrate"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// migrationLock is the advisory lock that one migration holds against another: "verdict" in ASCII.
const migrationLock = 0x76657264696374

// Step is a step of a migration.
type Step = migrate.Step

// Migrate brings the schema to the version that this code needs, while stores of this release and the previous one are
// in use: no lock that they wait for is held for longer than two seconds. It may be interrupted, and resumes where it
// stopped. It may run in several processes at once: one of them works, and the others find it done. It refuses the
// schema of an incompatible newer release. tell, if there is one, is called for each finished step.
func Migrate(ctx context.Context, dsn string, tell ...func(Step, time.Duration)) (err error) {
	db, closeDB, err := connect(ctx, dsn, atLeastTwo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	release, err := lockOut(ctx, db)
	if err != nil {
		return fmt.Errorf("verdict: migrate: wait for another migration: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	return migrate.Run(ctx, engine(db), sqlstore.Migrations, func(s Step, took time.Duration) {
		for _, t := range tell {
			t(s, took)
		}
	})
}

// Plan returns the steps that [Migrate] would run on the database now, and changes nothing.
func Plan(ctx context.Context, dsn string) (steps []Step, err error) {
	db, closeDB, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	return migrate.Plan(ctx, engine(db), sqlstore.Migrations)
}

func engine(db *sql.DB) migrate.Postgres {
	return migrate.Postgres{DB: db, Again: func(ctx context.Context, op func(context.Context, migrate.Tx) error) error {
		return write(ctx, db, func(ctx context.Context, tx sqlstore.Tx) error { return op(ctx, lockingTx{tx}) })
	}}
}

// lockingTx is a transaction that locks tables itself, since others may write meanwhile.
type lockingTx struct{ sqlstore.Tx }

// Lock implements sqlstore.Locker.
func (t lockingTx) Lock(ctx context.Context, keys []int64) error { return lock(ctx, t.Tx, keys) }

// atLeastTwo lets a migration hold a connection and work on another one.
func atLeastTwo(c *pgxpool.Config) { c.MaxConns = max(c.MaxConns, 2) }

// lockPause is how long a migration waits before it looks again whether another one is done.
const lockPause = 50 * time.Millisecond

// lockOut holds the lock against other migrations until release is called. The transaction that holds it has no
// snapshot and no lock on a table: nothing waits for it, not even the build of an index. A waiting migration holds no
// connection: a pooler may have few, and the working migration needs another.
func lockOut(ctx context.Context, db *sql.DB) (release func() error, err error) {
	pause := time.NewTicker(lockPause)
	defer pause.Stop()
	for {
		release, got, err := tryLock(ctx, db)
		switch {
		case err != nil:
			return nil, err
		case got:
			return release, nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock takes the lock if it is free.
func tryLock(ctx context.Context, db *sql.DB) (release func() error, got bool, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, false, err
	}
	release = func() error {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) { // done: ctx is
			return err
		}
		return nil
	}
	err = tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, int64(migrationLock)).Scan(&got)
	if err == nil {
		// It comes last: the portal of a SELECT keeps its snapshot until the next statement.
		_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	}
	if err != nil || !got {
		return nil, false, errors.Join(err, release())
	}
	return release, true, nil
}
