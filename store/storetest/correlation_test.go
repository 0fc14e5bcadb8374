package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// blindExpect does not read the outcomes that are there.
type blindExpect struct{ store.Store }

func (s blindExpect) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	_, err := s.Store.Expect(ctx, e)
	return nil, err
}

// deafReceive does not read who waits.
type deafReceive struct{ store.Store }

func (s deafReceive) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	r, err := s.Store.Receive(ctx, o)
	r.Waiting = nil
	return r, err
}

// rashSettle settles whatever is unseen.
type rashSettle struct{ store.Store }

func (s rashSettle) Settle(ctx context.Context, settlement store.Settlement) ([]scoring.Outcome, error) {
	unseen, err := s.Store.Settle(ctx, settlement)
	if err != nil || len(unseen) == 0 {
		return nil, err
	}
	settlement.Seen = append(settlement.Seen, ids(unseen)...)
	return s.Store.Settle(ctx, settlement)
}

func TestCorrelationMissesEachPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mutate   func(store.Store) store.Store
		mutation mutation
	}{
		"Expect that does not read":      {mutate: func(s store.Store) store.Store { return blindExpect{s} }},
		"Receive that does not read":     {mutate: func(s store.Store) store.Store { return deafReceive{s} }},
		"Settle that is not conditional": {mutate: func(s store.Store) store.Store { return rashSettle{s} }},
		"a scorer that keeps no ids":     {mutate: func(s store.Store) store.Store { return s }, mutation: mutation{forgetsSeen: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sqlite.Open(t.Context(), sqlite.Memory)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			_, violation := explore(t.Context(), c.mutate(s), 1, 1000, c.mutation)
			require.Error(t, violation)
			t.Log(violation)
		})
	}
}
