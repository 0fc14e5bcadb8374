package store

import (
	"context"
	"time"
)

// Pruner deletes rows that are not needed for ever. No other call deletes rows. Each method returns how many it
// deleted, also when it fails half-way.
type Pruner interface {
	// PruneUnclaimed deletes the outcomes that were received before the given time and are unclaimed: no expectation has
	// met them, neither in time nor late. A deleted outcome meets no later expectation, and is new if it is delivered
	// again.
	PruneUnclaimed(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRequests forgets the idempotency keys that were used before the given time. A request with one of them is a new
	// one.
	PruneRequests(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRejections deletes the rejections that came before the given time.
	PruneRejections(ctx context.Context, before time.Time) (pruned int, err error)
}
