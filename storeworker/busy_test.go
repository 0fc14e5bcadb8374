package storeworker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// crowded is a store that commits, and never the outcome that waits.
type crowded struct{ store.Correlator }

func (crowded) ReceiveUntold(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	takes := 100 * time.Millisecond
	if o.ID == "waits" {
		takes = time.Hour
	}
	_, err := write(takes, nil)(ctx)
	return store.Receipt{Outcome: o}, err
}

// A busy store is never answered by sending the load to Temporal and back: the sender is told to send it again.
func TestABusyStoresOutcomesAreNotHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := delivery{store: crowded{}, pulse: newPulse(), carrier: &activities.Carrier{}} // which has no client
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				_ = d.Deliver(ctx, scoring.Outcome{ID: "comes", Name: "paid", Key: "k", ReceivedAt: time.Now()})
			}
		}()
		err := d.Deliver(t.Context(), scoring.Outcome{ID: "waits", Name: "paid", Key: "k", ReceivedAt: time.Now()})
		require.ErrorIs(t, err, errBusy)
	})
}
