package storeworker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// countLimit bounds the counting of a duplicate in the store, which the sender waits for.
const countLimit = time.Second

// takeLimit is how long Temporal may take to hold an outcome, at most: a sender that is impatient leaves less.
const takeLimit = 2 * time.Second

// delivery commits outcomes to the store, which decides for declared scorers at once. What the store cannot take, Temporal
// holds until it can.
type delivery struct {
	temporal  client.Client
	store     store.Correlator
	namespace string // the receiver's own
	carrier   *activities.Carrier
	log       *slog.Logger
	pulse     *pulse
	wake      chan struct{} // scorers are to be signaled
}

// Deliver implements webhooks.Sink.
func (d delivery) Deliver(ctx context.Context, o scoring.Outcome) error {
	_, err := d.deliver(ctx, o)
	return err
}

// deliver returns once o is held.
func (d delivery) deliver(ctx context.Context, o scoring.Outcome) (duplicate bool, err error) {
	o.Namespace = d.namespace
	if err := o.Validate(); err != nil {
		return false, err
	}
	receipt, err := commit(ctx, d.pulse, func(ctx context.Context) (store.Receipt, error) { return d.store.ReceiveUntold(ctx, o) })
	var invalid *scoring.InvalidError
	switch {
	case err == nil:
		if len(receipt.Waiting) > 0 {
			d.tellSoon()
		}
		return receipt.Duplicate, nil
	case errors.As(err, &invalid), errors.Is(err, errBusy):
		return false, err
	}
	return d.handOver(ctx, o, err)
}

// handOver has Temporal hold an outcome that the store did not take. A delivery that Temporal has already never reaches the
// store by itself, so it is counted there.
func (d delivery) handOver(ctx context.Context, o scoring.Outcome, away error) (duplicate bool, err error) {
	o.Retried = true // the store may have taken it without saying so
	limited, cancel := context.WithTimeout(ctx, takeLimit)
	defer cancel()
	duplicate, err = d.carrier.StartDelivery(limited, o)
	if err != nil {
		return false, errors.Join(fmt.Errorf("store: %w", away), fmt.Errorf("temporal: %w", err))
	}
	d.log.Debug("the store does not take an outcome, Temporal does", "outcome", o.ID, "error", away)
	if !duplicate {
		return false, nil
	}
	o.Retried = false
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
	return d.carrier.CountDelivery(ctx, o)
}

// tellSoon has waiting scorers signaled without delay.
func (d delivery) tellSoon() {
	select {
	case d.wake <- struct{}{}:
	default: // it will be done
	}
}

// tellBatch is how many outcomes are signaled in one go.
const tellBatch = 100

// tell signals the scorers that wait for outcomes that the store has.
func (d delivery) tell(ctx context.Context) error {
	for {
		all, err := d.store.Untold(ctx, d.namespace, tellBatch)
		if err != nil {
			return err
		}
		done := 0
		for _, receipt := range all {
			whole := len(receipt.Waiting)
			receipt.Waiting = slices.DeleteFunc(receipt.Waiting, func(e scoring.Expectation) bool {
				return e.ScorerRun.Namespace != "" && e.ScorerRun.Namespace != d.namespace
			})
			_, err := activities.Tell(ctx, d.temporal, receipt, func(scorer string) {
				d.log.Info("the scorer has closed", "scorer", scorer, "outcome", receipt.Outcome.ID)
			})
			if err != nil {
				return err
			}
			if len(receipt.Waiting) < whole {
				continue // the worker of another namespace has to signal the others
			}
			if err := d.store.ToldOf(ctx, receipt.Outcome.ID); err != nil {
				return err
			}
			done++
		}
		if done == 0 {
			return nil
		}
	}
}
