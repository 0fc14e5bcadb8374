package service

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// countLimit bounds the counting of a duplicate, which the sender waits for.
const countLimit = time.Second

// delivery hands outcomes over to Temporal, which holds them even while the store is away.
type delivery struct {
	temporal  client.Client
	store     store.Correlator
	taskQueue string
	log       *slog.Logger
}

// Deliver implements webhooks.Sink.
func (d delivery) Deliver(ctx context.Context, o scoring.Outcome) error {
	_, err := d.deliver(ctx, o)
	return err
}

// deliver returns once o is held. A delivery that Temporal has already never reaches the store by itself, so it is counted
// there.
func (d delivery) deliver(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	if err := o.Validate(); err != nil {
		return false, err
	}
	duplicate, err = activities.StartDelivery(ctx, d.temporal, d.taskQueue, o)
	if err != nil || !duplicate {
		return duplicate, err
	}
	if err := d.count(ctx, o); err != nil {
		d.log.Warn("a repeated delivery is not counted", "outcome", o.ID, "error", err)
	}
	return true, nil
}

// count counts a repetition in the store, or has it counted there.
func (d delivery) count(ctx context.Context, o scoring.Outcome) error {
	direct, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	if known, err := d.store.CountDelivery(direct, o.ID); err == nil && known {
		return nil
	}
	return activities.CountDelivery(ctx, d.temporal, d.taskQueue, o)
}
