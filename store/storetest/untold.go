package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

func (b bench) untold(t *testing.T) []store.Receipt {
	t.Helper()
	all, err := b.Untold(t.Context(), "default", 100)
	require.NoError(t, err)
	return all
}

func (b bench) receiveUntold(t *testing.T, o scoring.Outcome) bool {
	t.Helper()
	receipt, err := b.ReceiveUntold(t.Context(), o)
	require.NoError(t, err)
	return receipt.Duplicate
}

var untoldTests = []namedTest{
	{"an untold outcome lists its waiting scorers", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		require.False(t, b.receiveUntold(t, outcome("o1", "k", 5)))
		require.False(t, b.receiveUntold(t, outcome("o2", "nobody", 5)))
		require.Equal(t, []store.Receipt{{Outcome: outcome("o1", "k", 5), Waiting: []scoring.Expectation{e}}}, b.untold(t))
		require.Equal(t, []string{"o2"}, b.expect(t, expectation(freshRun(), "nobody")), "a scorer that comes later asks for it")
		for range 2 {
			require.NoError(t, b.ToldOf(t.Context(), "o1"))
		}
		require.Empty(t, b.untold(t))
		require.Equal(t, 1, b.ledger(t)["o1"].Deliveries)
		require.Equal(t, store.Matched, b.ledger(t)["o1"].State)
	}},
	{"a settled scorer gets no outcome", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		b.receiveUntold(t, outcome("o", "k", 5))
		require.Equal(t, []string{"o"}, b.settle(t, settlement(e, nil)), "it has not seen the outcome, so it may not settle")
		require.Empty(t, b.settle(t, settlement(e, []string{"o"})))
		require.Empty(t, b.untold(t)[0].Waiting)
	}},
	{"a delivery that Temporal has taken after all is one delivery", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		o := outcome("o", "k", 5)
		require.False(t, b.receiveUntold(t, o))
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.receive(t, o))
		require.Equal(t, 1, b.ledger(t)["o"].Deliveries)
		again := o
		again.ReceivedAt = at(6)
		require.True(t, b.receiveUntold(t, again))
		require.Equal(t, 2, b.ledger(t)["o"].Deliveries)
		require.NoError(t, b.ToldOf(t.Context(), "o"))
		again.ReceivedAt = at(7)
		b.receive(t, again)
		require.Equal(t, 3, b.ledger(t)["o"].Deliveries)
		require.True(t, b.receiveUntold(t, again))
		require.Empty(t, b.untold(t), "the waiting scorers are signaled")
	}},
	{"a delivery that is tried on another way is one delivery", func(t *testing.T, b bench) {
		o := outcome("o", "nobody", 5)
		require.False(t, b.receiveUntold(t, o))
		o.Retried = true
		b.receive(t, o)
		require.Equal(t, 1, b.ledger(t)["o"].Deliveries)
		require.False(t, b.ledger(t)["o"].Outcome.Retried)
		o.ReceivedAt = at(6)
		b.receive(t, o)
		require.Equal(t, 2, b.ledger(t)["o"].Deliveries)
	}},
	{"a repetition is only counted", func(t *testing.T, b bench) {
		known, err := b.CountDelivery(t.Context(), "o")
		require.NoError(t, err)
		require.False(t, known)
		b.receive(t, outcome("o", "k", 5))
		known, err = b.CountDelivery(t.Context(), "o")
		require.NoError(t, err)
		require.True(t, known)
		require.Equal(t, 2, b.ledger(t)["o"].Deliveries)
		require.Equal(t, outcome("o", "k", 5), b.ledger(t)["o"].Outcome)
	}},
	{"old requests are forgotten, in more than one batch", func(t *testing.T, b bench) {
		const n = 505
		var together sync.WaitGroup
		errs := make([]error, 2*n)
		for i := range n {
			together.Go(func() { _, errs[i] = b.RecordOnce(t.Context(), fmt.Sprint("r", i), "d", nil) })
			together.Go(func() {
				errs[n+i] = b.Reject(t.Context(), store.Rejection{Source: "s", DeliveryID: fmt.Sprint(i), Reason: "r", At: at(i % 2)})
			})
		}
		together.Wait()
		require.NoError(t, errors.Join(errs...))
		pruned, err := b.PruneRequests(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, pruned)
		pruned, err = b.PruneRequests(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, n, pruned)
		first, err := b.RecordOnce(t.Context(), "r1", "another", nil)
		require.NoError(t, err)
		require.True(t, first)
		pruned, err = b.PruneRejections(t.Context(), at(1))
		require.NoError(t, err)
		require.Equal(t, (n+1)/2, pruned)
		rejected, err := b.Ledger(t.Context(), store.LedgerFilter{State: store.Rejected})
		require.NoError(t, err)
		require.Len(t, rejected, n/2)
	}},
	{"it can be written to", func(t *testing.T, b bench) {
		for range 3 {
			require.NoError(t, b.TryWrite(t.Context()))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, b.TryWrite(gone))
	}},
}
