package storeworker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// countLimit bounds the counting of a duplicate in the store, which the sender waits for.
const countLimit = time.Second

// takeLimit is how long Temporal may take to hold an outcome before the store is asked to, at most: a sender that is
// impatient leaves less.
const takeLimit = 2 * time.Second

// delivery hands outcomes over to Temporal, which holds them even while the store is down. While Temporal is down, the
// store holds them.
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
	duplicate, err = d.handOver(ctx, o)
	if err != nil {
		return d.keep(ctx, o, err)
	}
	if !duplicate {
		return false, nil
	}
	if err := d.count(ctx, o); err != nil {
		d.log.Warn("a repeated delivery is not counted", "outcome", o.ID, "error", err)
	}
	return true, nil
}

// handOver has Temporal hold an outcome, within half of the time that there is.
func (d delivery) handOver(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	limit := takeLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return activities.StartDelivery(ctx, d.temporal, d.taskQueue, o)
}

// keep has the store hold an outcome that Temporal did not take. Its scorers are signaled once Temporal is back.
func (d delivery) keep(ctx context.Context, o scoring.Outcome, away error) (duplicate bool, err error) {
	var invalid *scoring.InvalidError
	if errors.As(away, &invalid) {
		return false, away
	}
	receipt, err := d.store.ReceiveUntold(ctx, o)
	if err != nil {
		return false, errors.Join(fmt.Errorf("temporal: %w", away), fmt.Errorf("store: %w", err))
	}
	d.log.Debug("Temporal does not take an outcome, the store does", "outcome", o.ID, "error", away)
	return receipt.Duplicate, nil
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

// tellBatch is how many outcomes are signaled in one go.
const tellBatch = 100

// tell signals the waiting scorers about the outcomes that the store has held while Temporal was down.
func (d delivery) tell(ctx context.Context) error {
	for {
		all, err := d.store.Untold(ctx, tellBatch)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, receipt := range all {
			_, err := activities.Tell(ctx, d.temporal, receipt, func(scorer string) {
				d.log.Info("the scorer has closed", "scorer", scorer, "outcome", receipt.Outcome.ID)
			})
			if err != nil {
				return err
			}
			if err := d.store.ToldOf(ctx, receipt.Outcome.ID); err != nil {
				return err
			}
		}
	}
}
