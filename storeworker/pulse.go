package storeworker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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

// pulse knows when the store last committed and when it was last away.
type pulse struct {
	mu     sync.Mutex
	beat   time.Time
	failed time.Time
	probe  bool // one write tries a store that is left alone
}

// enter tells whether to try the store.
func (p *pulse) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed.IsZero() {
		return true
	}
	if p.probe || time.Since(p.failed) < leftAlone {
		return false
	}
	p.probe = true
	return true
}

// committed notes a commit.
func (p *pulse) committed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beat, p.failed, p.probe = time.Now(), time.Time{}, false
}

// away notes that the store does not take writes.
func (p *pulse) away() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed, p.probe = time.Now(), false
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
	if !p.enter() {
		return result, errStoreAway
	}
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
	for {
		select {
		case a := <-answers:
			if a.err != nil && ctx.Err() != nil { // the sender has hung up, which says nothing of the store
				return result, fmt.Errorf("%w: %w", errBusy, ctx.Err())
			}
			return a.result, p.ended(a.err)
		case <-tick.C:
			if p.silentSince(began) {
				p.away()
				return result, errStoreAway
			}
			if time.Since(began) >= busyLimit {
				return result, errBusy
			}
		case <-ctx.Done():
			return result, fmt.Errorf("%w: %w", errBusy, ctx.Err())
		}
	}
}

// ended notes how a write ended, and returns its error.
func (p *pulse) ended(err error) error {
	var refused *scoring.InvalidError
	switch {
	case err == nil, errors.As(err, &refused): // it answers
		p.committed()
	default:
		p.away()
	}
	return err
}
