// Package breaker leaves alone, for a while, what does not answer.
package breaker

import (
	"cmp"
	"sync"
	"time"
)

// The pauses of the zero Breaker.
const (
	first   = 50 * time.Millisecond
	longest = 5 * time.Second
)

// Breaker keeps calls from a receiver that does not answer: after one that it did not take they are not made, and from time to
// time one of them tries again. It is safe for concurrent use.
type Breaker struct {
	// Pause is how long the receiver is left alone at first, and Longest how long at most: each failed try doubles the pause.
	// Defaults: 50 ms and 5 s.
	Pause, Longest time.Duration

	mu      sync.Mutex
	until   time.Time // not before; zero: the receiver answers
	pause   time.Duration
	probing bool
}

// Result is what a call says of its receiver.
type Result int

// The results. Unknown is one of a caller that gave up.
const (
	Unknown Result = iota
	Answers
	Away
)

// Open tells whether the receiver is left alone.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}

// Enter tells whether to call now, and whether that is a probe of a receiver that was away. Call Leave after each call that is
// made.
func (b *Breaker) Enter() (yes, probe bool) {
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

// Leave reports the result of a call.
func (b *Breaker) Leave(probe bool, r Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch {
	case r == Answers:
		b.until, b.pause = time.Time{}, 0
	case r == Away && (probe || b.until.IsZero()): // else others have found that out
		b.pause = min(max(2*b.pause, cmp.Or(b.Pause, first)), cmp.Or(b.Longest, longest))
		b.until = time.Now().Add(b.pause)
	}
}
