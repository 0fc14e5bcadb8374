package activities

import (
	"context"
	"errors"
	"sync/atomic"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/store"
)

// carriers is how many scorers are signaled at a time: thousands may wait for one key.
const carriers = 16

// Tell tells every scorer that waits for an outcome, and returns how many it told. closed is called, from any goroutine,
// with the workflow id of each that has closed since the store looked: its Settle has decided about this outcome; or it was
// terminated, and the outcome stays in the ledger as matched by a scorer that never settled.
func Tell(ctx context.Context, c client.Client, receipt store.Receipt, closed func(scorer string)) (int, error) {
	var told atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(carriers)
	for _, e := range receipt.Waiting {
		all.Go(func() error {
			scorer := e.ScorerRun.WorkflowID
			err := c.SignalWorkflow(wire.About(ctx, scorer), scorer, "", OutcomeSignal, e.Told(receipt.Outcome))
			var notFound *serviceerror.NotFound
			switch {
			case errors.As(err, &notFound):
				closed(scorer)
				return nil
			case err == nil:
				told.Add(1)
			}
			return err
		})
	}
	err := all.Wait()
	return int(told.Load()), err
}
