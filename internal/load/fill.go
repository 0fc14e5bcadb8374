package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver
)

// batch is how many runs one transaction has.
const batch = 5000

// ErrNotEmpty: the store has runs. Ids begin at 1.
var ErrNotEmpty = errors.New("the store has runs already: a load needs an empty one, whose schema exists")

// Postgres fills an empty store by COPY. tell is called for each part with the number of scores so far.
func Postgres(ctx context.Context, dsn string, s Shape, tell func(scores int)) (err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	var n int
	if err := c.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM runs LIMIT 1) AS r`).Scan(&n); err != nil || n > 0 {
		return errors.Join(err, ErrNotEmpty)
	}
	err = fill(s, tell, func(r *rows) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			for _, t := range r.tables() {
				if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, t := range []string{"runs", "assignments", "scores"} {
		if _, err := c.Exec(ctx, `SELECT setval(pg_get_serial_sequence('`+t+`', 'id'), MAX(id)) FROM `+t); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, `ANALYZE`)
	return err
}

// SQLite fills an empty store in a file.
func SQLite(ctx context.Context, path string, s Shape, tell func(scores int)) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=rw&_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var n int
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM runs LIMIT 1) AS r`).Scan(&n); err != nil || n > 0 {
		return errors.Join(err, ErrNotEmpty)
	}
	return fill(s, tell, func(r *rows) (err error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after a commit
		for _, t := range r.tables() {
			insert, err := tx.PrepareContext(ctx, `INSERT INTO `+t.name+` (`+strings.Join(t.columns, ", ")+`) VALUES (?`+strings.Repeat(", ?", len(t.columns)-1)+`)`)
			if err != nil {
				return err
			}
			for _, row := range t.rows {
				if _, err := insert.ExecContext(ctx, row...); err != nil {
					return errors.Join(fmt.Errorf("%s: %w", t.name, err), insert.Close())
				}
			}
			if err := insert.Close(); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

// fill makes the rows of a load, and calls write for each part of them.
func fill(s Shape, tell func(scores int), write func(*rows) error) error {
	runs := (s.Scores + perRun - 1) / perRun
	for from := 0; from < runs; from += batch {
		var r rows
		to := min(from+batch, runs)
		for i := from; i < to; i++ {
			if err := r.add(s, i); err != nil {
				return err
			}
		}
		if err := write(&r); err != nil {
			return err
		}
		if tell != nil {
			tell(min(to*perRun, s.Scores))
		}
	}
	return nil
}
