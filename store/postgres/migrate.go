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

// Migrate brings the schema to what this code needs, while stores of this release and of the one before are in use: no
// lock that they wait for is held for longer than two seconds. It may be interrupted, and goes on where it was. It may run
// in several processes at once: one of them works, and the others find it done. A schema that a newer release has made,
// and that this one cannot work with, is refused. tell, if there is one, is told of each step that is done.
func Migrate(ctx context.Context, url string, tell ...func(Step, time.Duration)) (err error) {
	db, closeDB, err := connect(ctx, url, atLeastTwo)
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

// Plan returns the steps that [Migrate] would run on the database as it is now, and changes nothing.
func Plan(ctx context.Context, url string) (steps []Step, err error) {
	db, closeDB, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	return migrate.Plan(ctx, engine(db), sqlstore.Migrations)
}

func engine(db *sql.DB) migrate.Postgres {
	return migrate.Postgres{DB: db, Again: func(ctx context.Context, op func(context.Context, migrate.Tx) error) error {
		return write(ctx, db, func(ctx context.Context, tx sqlstore.Tx) error { return op(ctx, tx) })
	}}
}

// atLeastTwo lets a migration hold a connection and work on another one.
func atLeastTwo(c *pgxpool.Config) { c.MaxConns = max(c.MaxConns, 2) }

// lockOut holds the lock against other migrations until release is called. The transaction that holds it has no snapshot
// and no lock on a table: nothing waits for it, the building of an index neither.
func lockOut(ctx context.Context, db *sql.DB) (release func() error, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
	if err == nil {
		err = lock(ctx, tx, []int64{migrationLock})
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return func() error {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) { // done: ctx is
			return err
		}
		return nil
	}, nil
}
