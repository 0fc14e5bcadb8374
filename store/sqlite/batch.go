package sqlite

import (
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/store/internal/grouped"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// batcher gives concurrent writes one transaction, and so one flush of the disk: SQLite has one writer at a time, and
// writes that arrive while it is busy go together next. Each write has a savepoint of its own, so a failed one rolls
// back alone.
type batcher struct {
	db    *sql.DB
	plan  plans
	calls grouped.Calls[pending, error]
}

func newBatcher(db *sql.DB) *batcher {
	b := &batcher{db: db, plan: plans{prepared: make(map[string]*sql.Stmt)}}
	b.calls.Do, b.calls.Size = b.commit, func(pending) int { return 0 }
	return b
}

// pending is a write that waits to be over.
type pending struct {
	ctx context.Context
	op  sqlstore.Op
}

// write runs op in a transaction and returns when it is committed, when it has failed, or when ctx is done. In the last
// case the write may still be kept.
func (b *batcher) write(ctx context.Context, op sqlstore.Op) error {
	failed, err := b.calls.Call(ctx, pending{ctx, op})
	if err != nil {
		return err
	}
	return failed
}

// commit runs a batch in one transaction. It fails for the whole batch, or returns the error of each write that failed.
func (b *batcher) commit(_ context.Context, batch []pending) ([]error, error) {
	// The callers' contexts end their waiting, not the transaction, which is others' as well.
	ctx := context.Background()
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // does nothing after a commit
	failed := make([]error, len(batch))
	if len(batch) == 1 { // the transaction is its savepoint
		if failed[0] = batch[0].op(context.WithoutCancel(batch[0].ctx), planned{tx, &b.plan}); failed[0] != nil {
			return failed, nil
		}
		batch = nil
	}
	for i, p := range batch {
		if failed[i] = p.ctx.Err(); failed[i] != nil {
			continue
		}
		if failed[i], err = savepoint(context.WithoutCancel(p.ctx), planned{tx, &b.plan}, p.op); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	b.plan.prepare(ctx, b.db)
	return failed, nil
}

// savepoint runs one write such that nothing of it is left when it fails. The second error is for when the transaction itself
// is broken.
func savepoint(ctx context.Context, tx sqlstore.Tx, op sqlstore.Op) (failed, broken error) {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT op`); err != nil {
		return nil, err
	}
	if failed = op(ctx, tx); failed != nil {
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO op`); err != nil {
			return failed, err
		}
	}
	_, broken = tx.ExecContext(ctx, `RELEASE op`)
	return failed, broken
}

// close refuses further writes and waits for the ones in progress.
func (b *batcher) close() { b.calls.Close() }
