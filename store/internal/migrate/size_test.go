package migrate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/internal/migrate"
)

var rows = flag.Int("rows", 20_000, "rows of the table that is migrated while it is used")

// While a table is migrated others write to it, and a reader comes again and again that takes its time. A writer that has
// to wait for a lock for longer than LockLimit fails. In a large table:
//
//	go test ./store/internal/migrate -run TestNobodyWaits -v -rows 10000000 -timeout 2h
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	e := database(t, 1)
	const part = 1_000_000
	for n := 0; n < *rows; n += part {
		// A name as long as what a row of the store's largest table says.
		e.exec(t, `INSERT INTO things (name) SELECT rpad('thing ' || i, 300, 'x') FROM generate_series(1, $1::bigint) AS i`, min(part, *rows-n))
	}
	e.exec(t, `ANALYZE things`)
	plan, err := migrate.Plan(t.Context(), e, after(size))
	require.NoError(t, err)
	for _, s := range plan {
		t.Logf("plan: %s %s, %d rows: about %s, locks %s", s.Name, s.Kind, s.Rows, s.About, s.Locks)
	}

	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var mu sync.Mutex
	var longest time.Duration
	var failed error
	writes := 0
	const users = 4
	for w := range users {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i += 7919 {
				begun := time.Now()
				err := write(ctx, e, 1+(users*i+w)%*rows) // no two write the same row
				mu.Lock()
				if took := time.Since(begun); took > longest {
					longest = took
				}
				if writes++; err != nil && ctx.Err() == nil {
					failed = errors.Join(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	all.Go(func() { // a report
		for ctx.Err() == nil {
			_ = migrate.SQLite{DB: e.db}.Write(ctx, func(ctx context.Context, tx migrate.Tx) error {
				_, err := tx.ExecContext(ctx, `SELECT name FROM things WHERE id < 1000; SELECT pg_sleep(0.7)`)
				return err
			})
		}
	})
	begun := time.Now()
	err = migrate.Run(t.Context(), e, after(size), func(s migrate.Step, took time.Duration) {
		t.Logf("%s %s took %s", s.Name, s.Kind, took.Round(time.Millisecond))
	})
	cancel()
	all.Wait()
	require.NoError(t, err)
	require.NoError(t, failed)
	require.Positive(t, writes)
	t.Logf("%d rows in %s; %d writes beside it, the longest of them took %s", *rows, time.Since(begun).Round(time.Millisecond), writes, longest.Round(time.Millisecond))
	require.Zero(t, e.count(t, fmt.Sprintf(`SELECT COUNT(*) FROM things WHERE id <= %d AND (size IS NULL OR name <> UPPER(name))`, *rows)))
}

// write is a user's write: a new row and a changed one, in a transaction that gives up when it has to wait.
func write(ctx context.Context, e engine, id int) error {
	return migrate.SQLite{DB: e.db}.Write(ctx, func(ctx context.Context, tx migrate.Tx) error {
		for _, statement := range []string{
			fmt.Sprintf(`SET LOCAL lock_timeout = %d`, migrate.LockLimit.Milliseconds()),
			`INSERT INTO things (name) VALUES ('thing')`,
			fmt.Sprintf(`UPDATE things SET name = name WHERE id = %d`, id),
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
