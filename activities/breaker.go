package activities

import (
	"sync"
	"time"
)

// breaker keeps writes from a store that does not answer: after a refusal they are handed over at once, and from time to
// time one of them tries the store again.
type breaker struct {
	mu      sync.Mutex
	until   time.Time // not before; zero: the store answers
	pause   time.Duration
	probing bool
}

// open tells whether the store is not asked now.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}

// enter tells whether to try the store now, and whether that is a probe of a store that was down. Call leave after each
// enter.
func (b *breaker) enter() (yes, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return true, false
	case b.probing || time.Now().Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// leave reports the result of the try. A store that refuses a write is not down.
func (b *breaker) leave(probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch {
	case err == nil || refused(err):
		b.until, b.pause = time.Time{}, 0
	case probe || b.until.IsZero(): // else others have found that out
		b.pause = min(max(2*b.pause, firstPause), longestPause)
		b.until = time.Now().Add(b.pause)
	}
}
