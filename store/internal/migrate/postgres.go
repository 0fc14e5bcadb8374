package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres changes a schema in Postgres.
type Postgres struct {
	DB *sql.DB
	// Again runs one transaction, and again if the database aborts it in favour of another one.
	Again func(ctx context.Context, op func(context.Context, Tx) error) error
}

// lockWait is how long a change or a batch waits for a lock: later transactions wait behind it for as long. A change is
// tried again after a pause of up to changePause.
const (
	lockWait    = 500 * time.Millisecond
	changePause = 3 * time.Second
)

// SQLSTATE codes, from appendix A of the Postgres manual.
const (
	lockNotAvailable = "55P03"
	queryCanceled    = "57014"
	idleForTooLong   = "25P03"
)

// Name implements [Engine].
func (Postgres) Name() string { return "postgres" }

// Serial implements [Engine].
func (Postgres) Serial() string { return "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY" }

// Read implements [Engine].
func (p Postgres) Read() Tx { return p.DB }

// Online implements [Engine].
func (Postgres) Online() bool { return true }

// Write implements [Engine].
func (p Postgres) Write(ctx context.Context, op func(context.Context, Tx) error) error {
	return p.Again(ctx, op)
}

// Change implements [Engine].
func (p Postgres) Change(ctx context.Context, op func(context.Context, Tx) error) error {
	for try := 1; ; try++ {
		gaveUp, err := p.brief(ctx, LockLimit, op)
		switch {
		case gaveUp && try == maxTries:
			return fmt.Errorf("others held the lock each of %d times, or the change takes longer than %s: %w", maxTries, LockLimit, err)
		case !gaveUp:
			return err
		}
		if paused := pause(ctx, changePause); paused != nil {
			return errors.Join(paused, err)
		}
	}
}

// Batch implements [Engine]. Its statements have a part of the time each, since there are several.
func (p Postgres) Batch(ctx context.Context, op func(context.Context, Tx) error) (gaveUp bool, err error) {
	return p.brief(ctx, LockLimit/4, op)
}

// brief runs a transaction that waits for no lock for long, none of whose statements takes longer than limit, and that
// ends when its client falls silent.
func (p Postgres) brief(ctx context.Context, limit time.Duration, op func(context.Context, Tx) error) (gaveUp bool, err error) {
	limits := fmt.Sprintf(`SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d`,
		lockWait.Milliseconds(), limit.Milliseconds(), (LockLimit / 2).Milliseconds())
	whole, cancel := context.WithTimeout(ctx, LockLimit)
	defer cancel()
	err = p.Again(whole, func(ctx context.Context, tx Tx) error {
		if _, err := tx.ExecContext(ctx, limits); err != nil {
			return err
		}
		return op(ctx, tx)
	})
	var pg *pgconn.PgError
	told := errors.As(err, &pg) && (pg.Code == lockNotAvailable || pg.Code == queryCanceled || pg.Code == idleForTooLong)
	return err != nil && ctx.Err() == nil && (told || whole.Err() != nil), err
}

// Index implements [Engine].
func (p Postgres) Index(ctx context.Context, name, statement string) error {
	// An interrupted build leaves an invalid index.
	valid, err := number(ctx, p.DB, `SELECT COALESCE(MAX(CASE WHEN i.indisvalid THEN 2 ELSE 1 END), 0)
		FROM pg_index i WHERE i.indexrelid = to_regclass($1)`, name)
	switch {
	case err != nil:
		return err
	case valid == 2:
		return nil
	case valid == 1:
		if _, err := p.DB.ExecContext(ctx, `DROP INDEX CONCURRENTLY `+name); err != nil {
			return err
		}
	}
	_, err = p.DB.ExecContext(ctx, statement)
	return err
}

// Tables implements [Engine]. The numbers come from the last ANALYZE, where there was one.
func (p Postgres) Tables(ctx context.Context) (map[string]int64, error) {
	rows, err := p.DB.QueryContext(ctx, `SELECT c.relname, c.reltuples::bigint FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		tables[name] = n
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for name, n := range tables {
		if n > 0 {
			continue
		}
		// Never analysed, or so small that counting is quick. An id is at least the number of rows.
		if n, err = number(ctx, p.DB, fmt.Sprintf(`SELECT COUNT(*) FROM (SELECT 1 FROM %q LIMIT 100000) AS sample`, name)); err != nil {
			return nil, err
		}
		tables[name] = n
	}
	return tables, nil
}
