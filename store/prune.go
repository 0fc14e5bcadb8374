package store

import (
	"context"
	"time"
)

// Pruner deletes what is not needed for ever. Nothing else is ever deleted. Each returns how many there were, also when it
// fails half-way.
type Pruner interface {
	// PruneUnclaimed deletes the outcomes that were received before the given time and that nobody has claimed: no
	// expectation has met them, neither in time nor late. What is deleted meets nobody who begins to wait later, and is new
	// if it is delivered again.
	PruneUnclaimed(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRequests forgets the idempotency keys that were used before the given time. A request with one of them is a new
	// one.
	PruneRequests(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRejections deletes the rejections that came before the given time.
	PruneRejections(ctx context.Context, before time.Time) (pruned int, err error)
}
