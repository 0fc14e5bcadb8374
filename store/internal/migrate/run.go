package migrate

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"
)

// LockLimit is how long a step may hold a lock that others wait for.
const LockLimit = 2 * time.Second

// How many rows a batch of a fill has, and how long it is to take: the rows that it changes are locked for so long.
const (
	firstBatch = 500
	maxBatch   = 20_000
	batchTime  = 200 * time.Millisecond
)

// maxTries is how often a step that gives up is tried.
const maxTries = 100

// behind is how many rows before the last filled one are looked at again: a row may have got its id before that one and
// have been committed after it.
const behind = 1000

// Engine is where the databases part.
type Engine interface {
	// Name is the name that steps have for it.
	Name() string
	// Serial is the type of a table's growing row id.
	Serial() string
	// Read is for what only reads.
	Read() Tx
	// Write runs one transaction, and again if the database asks for that.
	Write(ctx context.Context, op func(context.Context, Tx) error) error
	// Batch runs one transaction whose locks are held for less than [LockLimit], or gives up and reports that.
	Batch(ctx context.Context, op func(context.Context, Tx) error) (gaveUp bool, err error)
	// Change runs one transaction that never makes others wait for longer than [LockLimit]: it gives up and is tried again.
	Change(ctx context.Context, op func(context.Context, Tx) error) error
	// Online tells whether Index builds indexes without blocking writes. Otherwise they are a change like any other.
	Online() bool
	// Index builds an index, or finds it built.
	Index(ctx context.Context, name, statement string) error
	// Tables returns the number of rows of each table, about.
	Tables(ctx context.Context) (map[string]int64, error)
}

// Run brings a schema up to date. It may be interrupted, and resumes where it stopped. tell, if not nil, is called for
// each finished step. Several at once do no harm, except for an [Engine.Index].
func Run(ctx context.Context, e Engine, s Set, tell func(Step, time.Duration)) error {
	if tell == nil {
		tell = func(Step, time.Duration) {}
	}
	if s.Check(ctx, e.Read()) != nil {
		begun, fresh := time.Now(), false
		err := e.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
			fresh, err = s.base(ctx, e, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("verdict: migrate: %w", err)
		}
		if fresh {
			tell(Step{Name: baseStep, Kind: Base, What: baseWhat}, time.Since(begun))
		}
	}
	st, err := s.read(ctx, e.Read())
	if err != nil {
		return err
	}
	steps, err := s.steps()
	if err != nil {
		return err
	}
	for _, x := range steps {
		if _, done := st.done[x.name]; done && x.kind != Filled {
			continue
		}
		begun := time.Now()
		rows, err := s.run(ctx, e, x)
		if err != nil {
			return fmt.Errorf("verdict: migrate: %s: %w", x.name, err)
		}
		if rows != 0 && x.isFor(e) {
			tell(Step{Name: x.name, Kind: x.kind, Table: x.table, What: x.what, Rows: max(0, rows)}, time.Since(begun))
		}
	}
	return nil
}

// unknown is the number of rows of a step that was run and did not count them.
const unknown = -1

// base runs the files of [Set.Base]; in an empty database it runs all steps too, because no other process uses it yet.
func (s Set) base(ctx context.Context, e Engine, tx Tx) (fresh bool, err error) {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS verdict_schema (version BIGINT NOT NULL)`); err != nil {
		return false, err
	}
	have, err := number(ctx, tx, `SELECT COALESCE(MAX(version), 0) FROM verdict_schema`)
	if err != nil {
		return false, err
	}
	if int(have) > len(s.Base) {
		return false, &SchemaError{int(have) + len(s.Steps), len(s.Base) + len(s.Steps)}
	}
	exec := func(file, text string, args ...any) {
		if err == nil {
			if _, err = tx.ExecContext(ctx, strings.ReplaceAll(text, "{{serial}}", e.Serial()), args...); err != nil {
				err = fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	for i, file := range s.Base[have:] {
		text, err := fs.ReadFile(s.Files, file)
		if err != nil {
			return false, err
		}
		exec(file, string(text))
		exec(file, `INSERT INTO verdict_schema (version) VALUES ($1)`, int(have)+i+1)
	}
	if len(s.Steps) == 0 || err != nil {
		return have == 0, err
	}
	there, err := number(ctx, tx, `SELECT COUNT(*) FROM verdict_schema WHERE version = 0`)
	if err != nil || there > 0 {
		return false, err
	}
	exec("verdict_steps", `CREATE TABLE verdict_steps (
		name     TEXT   NOT NULL PRIMARY KEY,
		position BIGINT NOT NULL -- of a fill, the last id that is filled
	)`)
	exec("verdict_steps", `INSERT INTO verdict_schema (version) VALUES (0)`)
	if have > 0 || err != nil {
		return false, err
	}
	steps, err := s.steps()
	if err != nil {
		return false, err
	}
	for _, x := range steps {
		if x.kind != Filled && x.isFor(e) { // there is nothing to fill
			exec(x.name, x.sql)
		}
		exec(x.name, `INSERT INTO verdict_steps (name, position) VALUES ($1, 0)`, x.name)
	}
	return true, err
}

// run runs a step. It returns the number of rows that it has looked at, unknown, or 0 if there was nothing to do.
func (s Set) run(ctx context.Context, e Engine, x step) (rows int64, err error) {
	switch {
	case x.kind == Filled:
		return fill(ctx, e, x)
	case x.kind == Index && e.Online():
		if err := e.Index(ctx, x.index, x.concurrently()); err != nil {
			return 0, err
		}
		return unknown, e.Write(ctx, func(ctx context.Context, tx Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO verdict_steps (name, position) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING`, x.name)
			return err
		})
	}
	return unknown, e.Change(ctx, func(ctx context.Context, tx Tx) error {
		// Another process may have been faster.
		done, err := number(ctx, tx, `SELECT COUNT(*) FROM verdict_steps WHERE name = $1`, x.name)
		if err != nil || done > 0 {
			return err
		}
		if x.isFor(e) {
			if _, err := tx.ExecContext(ctx, strings.ReplaceAll(x.sql, "{{serial}}", e.Serial())); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO verdict_steps (name, position) VALUES ($1, 0)`, x.name)
		return err
	})
}

// fill brings the existing rows up to date, from where it stopped.
func fill(ctx context.Context, e Engine, x step) (rows int64, err error) {
	last, err := number(ctx, e.Read(), `SELECT COALESCE(MAX(id), 0) FROM `+x.table)
	if err != nil {
		return 0, err
	}
	from, err := number(ctx, e.Read(), `SELECT COALESCE(MAX(position), 0) FROM verdict_steps WHERE name = $1`, x.name)
	if err != nil || from >= last {
		return 0, err
	}
	from = max(0, from-behind)
	rows = last - from
	tries := 0
	for size := int64(firstBatch); from < last; {
		to := min(from+size, last)
		begun := time.Now()
		gaveUp, err := e.Batch(ctx, func(ctx context.Context, tx Tx) error {
			if err := x.fillRows(ctx, tx, from, to); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO verdict_steps (name, position) VALUES ($1, $2)
				ON CONFLICT (name) DO UPDATE SET position = excluded.position WHERE verdict_steps.position < excluded.position`, x.name, to)
			return err
		})
		if gaveUp && tries < maxTries {
			tries++
			size = max(1, (to-from)/4)
			if err := pause(ctx, time.Duration(tries)*batchTime); err != nil {
				return 0, err
			}
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("rows %d to %d: %w", from+1, to, err)
		}
		from, tries = to, 0
		switch took := time.Since(begun); {
		case took > batchTime:
			size = max(1, size/2)
		case took < batchTime/2:
			size = min(maxBatch, 2*size)
		}
	}
	return rows, nil
}

// pause waits, at random, for at most limit.
func pause(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(limit))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x step) fillRows(ctx context.Context, tx Tx, from, to int64) error {
	if x.fill != nil {
		return x.fill(ctx, tx, from, to)
	}
	_, err := tx.ExecContext(ctx, x.sql, from, to)
	return err
}
