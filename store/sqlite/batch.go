package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// maxBatch bounds how long the first of a batch waits for the last.
const maxBatch = 256

// errClosed is the error of writes after Close.
var errClosed = errors.New("the store is closed")

// batcher gives concurrent writes one transaction, and so one flush of the disk: SQLite has one writer at a time, and
// writes that arrive while it is busy go together next. Each write has a savepoint of its own, so a failed one rolls
// back alone.
type batcher struct {
	db   *sql.DB
	plan plans

	mu      sync.Mutex
	queue   []*pending
	writing bool // whether a goroutine empties the queue
	closed  bool
	idle    sync.WaitGroup
}

func newBatcher(db *sql.DB) *batcher {
	return &batcher{db: db, plan: plans{prepared: make(map[string]*sql.Stmt)}}
}

// pending is a write that waits to be over.
type pending struct {
	ctx  context.Context
	op   sqlstore.Op
	err  error
	done chan struct{}
}

// write runs op in a transaction and returns when it is committed, when it has failed, or when ctx is done. In the last
// case the write may still be kept.
func (b *batcher) write(ctx context.Context, op sqlstore.Op) error {
	p := &pending{ctx: ctx, op: op, done: make(chan struct{})}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return errClosed
	}
	b.queue = append(b.queue, p)
	if !b.writing {
		b.writing = true
		b.idle.Go(b.drain)
	}
	b.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain writes batches until nothing waits.
func (b *batcher) drain() {
	for {
		b.mu.Lock()
		batch := b.queue[:min(len(b.queue), maxBatch)]
		b.queue = b.queue[len(batch):]
		b.writing = len(batch) > 0
		b.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		if err := b.commit(batch); err != nil {
			for _, p := range batch {
				p.err = errors.Join(p.err, err)
			}
		}
		for _, p := range batch {
			close(p.done)
		}
	}
}

// commit runs a batch in one transaction. It fails for the whole batch or leaves an error with each write that failed.
func (b *batcher) commit(batch []*pending) error {
	// The callers' contexts end their waiting, not the transaction, which is others' as well.
	ctx := context.Background()
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	for _, p := range batch {
		if p.err = p.ctx.Err(); p.err != nil {
			continue
		}
		if err := savepoint(context.WithoutCancel(p.ctx), planned{tx, &b.plan}, p); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	b.plan.prepare(ctx, b.db)
	return nil
}

// savepoint runs one write such that nothing of it is left when it fails. It returns an error only when the
// transaction itself is broken.
func savepoint(ctx context.Context, tx sqlstore.Tx, p *pending) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT op`); err != nil {
		return err
	}
	if p.err = p.op(ctx, tx); p.err != nil {
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO op`); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `RELEASE op`)
	return err
}

// close refuses further writes and waits for the ones in progress.
func (b *batcher) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.idle.Wait()
}
