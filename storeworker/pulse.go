package storeworker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/internal/breaker"
	"github.com/verdict-dev/verdict/scoring"
)

// A store is away when it refuses, or when nothing has been committed for a while. One whose queue is merely long is busy, and
// is waited for: the load would come back from Temporal.
const (
	silence   = 500 * time.Millisecond // without a commit, a store is away
	busyLimit = 3 * time.Second        // for one write of a store that commits
	leftAlone = time.Second            // a store that was away is not tried for so long
)

var (
	errStoreAway = errors.New("verdict: the store has committed nothing for half a second")
	errBusy      = errors.New("verdict: the store is busy; send it again")
)

// pulse knows when the store last committed, and leaves it alone when it was away.
type pulse struct {
	breaker breaker.Breaker

	mu   sync.Mutex
	beat time.Time
}

func newPulse() *pulse { return &pulse{breaker: breaker.Breaker{Pause: leftAlone, Longest: leftAlone}} }

// committed notes a commit.
func (p *pulse) committed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat = time.Now()
}

// silentSince tells whether nothing has been committed for a while, since a time at most.
func (p *pulse) silentSince(began time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.beat
	if last.Before(began) {
		last = began
	}
	return time.Since(last) >= silence
}

// commit returns the result of a write to the store once it is committed. It returns errStoreAway, or the store's error, if the
// store does not take it, and errBusy if the store takes other writes and not this one. In the first case the write may still
// be committed.
func commit[T any](ctx context.Context, p *pulse, write func(context.Context) (T, error)) (result T, err error) {
	yes, probe := p.breaker.Enter()
	if !yes {
		return result, errStoreAway
	}
	said := breaker.Unknown
	defer func() { p.breaker.Leave(probe, said) }()
	type answer struct {
		result T
		err    error
	}
	began, answers := time.Now(), make(chan answer, 1)
	writing, cancel := context.WithCancel(ctx)
	defer cancel() // what has not begun is not written any more
	go func() {
		r, err := write(writing)
		answers <- answer{r, err}
	}()
	tick := time.NewTicker(silence / 5)
	defer tick.Stop()
	hungUp := func() error { return fmt.Errorf("%w: %w", errBusy, ctx.Err()) } // which says nothing of the store
	for {
		select {
		case a := <-answers:
			var refused *scoring.InvalidError
			switch {
			case a.err == nil, errors.As(a.err, &refused):
				said = breaker.Answers
				p.committed()
			case ctx.Err() != nil:
				return result, hungUp()
			default:
				said = breaker.Away
			}
			return a.result, a.err
		case <-tick.C:
			if p.silentSince(began) {
				said = breaker.Away
				return result, errStoreAway
			}
			if time.Since(began) >= busyLimit {
				return result, errBusy
			}
		case <-ctx.Done():
			return result, hungUp()
		}
	}
}
