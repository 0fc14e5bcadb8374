package e2e

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// call are the gates of one call of Defer, and of the flush that names it. A reset and a refused task make another call.
type call struct{ keep, kept, flush, flushed *gate }

func newCall() *call { return &call{newGate(), newGate(), newGate(), newGate()} }

func (c *call) opened() {
	for _, g := range []*gate{c.keep, c.kept, c.flush, c.flushed} {
		g.opened()
	}
}

// livingStore is a store whose writes pass the gates of the life that they belong to.
type livingStore struct {
	store.Store
	byKey sync.Map // of the life → *living
}

var errGone = errors.New("the store is away")

// phantomOf is the key for which a refused task waits.
func phantomOf(key string) string { return key + "/phantom" }

// lifePrefix begins the workflow ids of runs whose writes pass gates.
const lifePrefix = "life-"

// of returns the life that an expectation of a run belongs to; nil: none that is gated.
func (s *livingStore) of(e scoring.Expectation) *living {
	if !e.Declared() || !strings.HasPrefix(e.Run.WorkflowID, lifePrefix) {
		return nil
	}
	y, ok := s.byKey.Load(strings.TrimSuffix(e.Events[0].Key, phantomOf("")))
	if !ok {
		return nil
	}
	return y.(*living)
}

func (s *livingStore) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	y := s.of(e)
	if y == nil {
		return s.Store.Expect(ctx, e)
	}
	if y.isAway() {
		y.refused.pass(ctx)
		return nil, errGone
	}
	c := y.callOf(e)
	c.keep.pass(ctx)
	outcomes, err := s.Store.Expect(ctx, e)
	if err != nil {
		return nil, err
	}
	c.kept.pass(ctx)
	return outcomes, y.loses("expect")
}

func (s *livingStore) Flush(ctx context.Context, f scoring.Flush) error {
	if len(f.Waits) == 0 {
		return s.Store.Flush(ctx, f)
	}
	y := s.of(f.Waits[0])
	if y == nil {
		return s.Store.Flush(ctx, f)
	}
	if y.isAway() {
		y.refused.pass(ctx)
		return errGone
	}
	c := y.callOf(f.Waits[0])
	c.flush.pass(ctx)
	if err := s.Store.Flush(ctx, f); err != nil {
		return err
	}
	c.flushed.pass(ctx)
	return y.loses("flush")
}

func (s *livingStore) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	v, ok := s.byKey.Load(strings.TrimSuffix(o.Key, phantomOf("")))
	if !ok {
		return s.Store.Receive(ctx, o)
	}
	y := v.(*living)
	if y.refuses(o.ID) {
		return store.Receipt{}, errGone
	}
	receipt, err := s.Store.Receive(ctx, o)
	if err != nil {
		return receipt, err
	}
	return receipt, y.loses("receive")
}

// callOf returns the gates of a call. What a life's first run, and a refused task, says is the first call.
func (y *living) callOf(e scoring.Expectation) *call {
	y.mu.Lock()
	defer y.mu.Unlock()
	phantom := strings.HasSuffix(e.Events[0].Key, phantomOf(""))
	if y.fate == isRefused && !phantom || e.Run.RunID != y.firstRun {
		return y.calls[1]
	}
	return y.calls[0]
}

func (y *living) isAway() bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.isGone
}

func (y *living) goes(away bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.isGone = away
}

// refuses tells, a few times an outcome, that the store does not take it.
func (y *living) refuses(outcome string) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.refusals[outcome] == 0 {
		return false
	}
	y.refusals[outcome]--
	return true
}

// loses tells, once, that the reply to a call is lost.
func (y *living) loses(call string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.toLose != call {
		return nil
	}
	y.toLose = ""
	return errLost
}
