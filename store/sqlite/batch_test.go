package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/internal/grouped"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// newTestBatcher returns a batcher over a table of numbers, and a way to read them.
func newTestBatcher(t *testing.T) (b *batcher, numbers func() []int) {
	t.Helper()
	db, _, err := connect(name{})
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE t (n INTEGER PRIMARY KEY)`)
	require.NoError(t, err)
	b = newBatcher(db)
	t.Cleanup(func() {
		b.close()
		require.NoError(t, db.Close())
	})
	return b, func() (all []int) {
		rows, err := db.QueryContext(t.Context(), `SELECT n FROM t ORDER BY n`)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var n int
			require.NoError(t, rows.Scan(&n))
			all = append(all, n)
		}
		require.NoError(t, rows.Err())
		return all
	}
}

func put(n int, then error) sqlstore.Op {
	return func(ctx context.Context, tx sqlstore.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO t (n) VALUES ($1)`, n)
		return errors.Join(err, then)
	}
}

// together runs ops as one batch, and returns their errors.
func together(t *testing.T, b *batcher, ctx func(i int) context.Context, ops ...sqlstore.Op) []error {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(ops))
	var all sync.WaitGroup
	all.Go(func() {
		_ = b.write(t.Context(), func(context.Context, sqlstore.Tx) error {
			close(entered)
			<-release
			return nil
		})
	})
	<-entered
	for i, op := range ops {
		all.Go(func() { errs[i] = b.write(ctx(i), op) })
	}
	require.Eventually(t, func() bool { return b.calls.Waiting() == len(ops) }, time.Minute, time.Millisecond)
	close(release)
	all.Wait()
	return errs
}

func TestBatchKeepsOthersWhenOneFails(t *testing.T) {
	t.Parallel()
	b, numbers := newTestBatcher(t)
	broken := errors.New("broken")
	errs := together(t, b, func(int) context.Context { return t.Context() }, put(1, nil), put(2, broken), put(3, nil))
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], broken)
	require.NoError(t, errs[2])
	require.Equal(t, []int{1, 3}, numbers())
}

func TestBatchLeavesOutWhoHasGivenUp(t *testing.T) {
	t.Parallel()
	b, numbers := newTestBatcher(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	errs := together(t, b, func(i int) context.Context {
		if i == 1 {
			return gone
		}
		return t.Context()
	}, put(1, nil), put(2, nil), put(3, nil))
	require.ErrorIs(t, errs[1], context.Canceled)
	require.Equal(t, []int{1, 3}, numbers())
}

func TestBatchAfterClose(t *testing.T) {
	t.Parallel()
	b, numbers := newTestBatcher(t)
	b.close()
	require.ErrorIs(t, b.write(t.Context(), put(1, nil)), grouped.ErrClosed)
	require.Empty(t, numbers())
}
