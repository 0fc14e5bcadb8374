package e2e

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// gate holds whoever comes until it is opened.
type gate struct {
	arrived, open   chan struct{}
	arrive, release sync.Once
}

func newGate() *gate { return &gate{arrived: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) pass(ctx context.Context) {
	if g == nil {
		return
	}
	g.arrive.Do(func() { close(g.arrived) })
	select {
	case <-g.open:
	case <-ctx.Done():
	}
}

func (g *gate) opened() { g.release.Do(func() { close(g.open) }) }

// gates are those of one interleaving. A scorer's are for one of its incarnations: a reset to before Defer makes another.
type gates struct {
	mu          sync.Mutex
	incarnation int
	expect      [3]*gate // after the commit of its expectation
	settle      [3]*gate // before its settlement
	settled     [3]*gate // arrived: it is committed
	receive     map[string]*gate
	before      *gate // in the parent, before Defer
	last        *gate // in the parent's last task
	window      scoring.Window
	reports     chan report
	lost        map[string]bool // replies to lose, by call
}

var errLost = errors.New("the reply was lost")

// loses tells, once, that the reply to a call is lost.
func (g *gates) loses(call string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.lost[call] {
		return nil
	}
	delete(g.lost, call)
	return errLost
}

// incarnationOf returns which scorer of its run an id names, from 1.
func incarnationOf(scorerID string) int {
	if strings.HasSuffix(scorerID, "/1/2") {
		return 2
	}
	return 1
}

// mutation takes a promise of the correlation away.
type mutation struct {
	expectReadsFirst  bool // an expectation is committed after the outcomes are read
	receiveReadsFirst bool // an outcome is committed after the expectations are read
	forgetsSeen       bool // an outcome that comes from the store has not the id of the one that is signalled
	settlesBlindly    bool // a settlement ignores what its scorer has not seen
}

// gated is a store whose calls pass the gates of the interleaving that they belong to.
type gated struct {
	store.Store
	mutation mutation
	byKey    sync.Map // key → *gates
	byScorer sync.Map // workflow id of a scorer → *gates
}

func (s *gated) of(m *sync.Map, key string) *gates {
	g, ok := m.Load(key)
	if !ok {
		return &gates{}
	}
	return g.(*gates)
}

const again = "#again"

func (s *gated) relabel(outcomes []scoring.Outcome) []scoring.Outcome {
	if s.mutation.forgetsSeen {
		for i := range outcomes {
			outcomes[i].ID += again
		}
	}
	return outcomes
}

func (s *gated) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	g := s.of(&s.byKey, e.Events[0].Key)
	n := incarnationOf(e.ScorerRun.WorkflowID)
	s.byScorer.Store(e.ScorerRun.WorkflowID, g)
	g.mu.Lock()
	if n >= g.incarnation {
		g.window = e.Window
	}
	g.mu.Unlock()
	if s.mutation.expectReadsFirst {
		found, err := s.read(ctx, e)
		if err != nil {
			return nil, err
		}
		g.expect[n].pass(ctx)
		_, err = s.Store.Expect(ctx, e)
		return found, err
	}
	found, err := s.Store.Expect(ctx, e)
	if err != nil {
		return nil, err
	}
	g.expect[n].pass(ctx)
	return s.relabel(found), g.loses("expect")
}

// read returns the outcomes that are there for an expectation.
func (s *gated) read(ctx context.Context, e scoring.Expectation) (found []scoring.Outcome, err error) {
	entries, err := s.Ledger(ctx, store.LedgerFilter{})
	for _, x := range entries {
		if x.Outcome.Key == e.Events[0].Key && e.Window.Place(x.Outcome.When()) == scoring.Inside {
			found = append(found, x.Outcome)
		}
	}
	return found, err
}

func (s *gated) Receive(ctx context.Context, o scoring.Outcome) (store.Receipt, error) {
	g := s.of(&s.byKey, o.Key)
	if s.mutation.receiveReadsFirst {
		open, err := s.Waiting(ctx, o.ReceivedAt.AddDate(1, 0, 0))
		if err != nil {
			return store.Receipt{}, err
		}
		g.receive[o.ID].pass(ctx)
		receipt, err := s.Store.Receive(ctx, o)
		receipt.Waiting = nil
		for _, e := range open {
			if e.Events[0].Key == o.Key {
				receipt.Waiting = append(receipt.Waiting, e)
			}
		}
		return receipt, err
	}
	receipt, err := s.Store.Receive(ctx, o)
	if err != nil {
		return receipt, err
	}
	g.receive[o.ID].pass(ctx)
	return receipt, g.loses("receive")
}

func (s *gated) Settle(ctx context.Context, settlement store.Settlement) ([]scoring.Outcome, error) {
	scorer := settlement.ScorerRun.WorkflowID
	g := s.of(&s.byScorer, scorer)
	n := incarnationOf(scorer)
	if len(settlement.Records) > 0 {
		g.settle[n].pass(ctx)
	}
	if s.mutation.forgetsSeen {
		for i, id := range settlement.Seen {
			settlement.Seen[i] = strings.TrimSuffix(id, again)
		}
	}
	unseen, err := s.Store.Settle(ctx, settlement)
	if s.mutation.settlesBlindly {
		for len(unseen) > 0 && err == nil {
			for _, o := range unseen {
				settlement.Seen = append(settlement.Seen, o.ID)
			}
			unseen, err = s.Store.Settle(ctx, settlement)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(unseen) > 0 {
		return s.relabel(unseen), nil
	}
	if done := g.settled[n]; done != nil && len(settlement.Records) > 0 {
		done.arrive.Do(func() { close(done.arrived) })
	}
	return nil, g.loses("settle")
}
