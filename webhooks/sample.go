package webhooks

import (
	"context"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// How many refusals of one reason are reported in full within a minute. Anyone can send unauthentic requests, so a few
// of those are enough; the others are counted.
const (
	samplePeriod   = time.Minute
	sampleForged   = 10
	sampleVerified = 1000
	sampleReasons  = 32 // how many reasons are counted separately
	sampleLimit    = 5 * time.Second
)

// otherReasons stands for all reasons after the first of them.
const otherReasons = "other reasons"

// sample reports refusals: the first ones of each reason one by one, and the others as a number once a minute.
type sample struct {
	one  func(ctx context.Context, deliveryID, reason string)
	more func(ctx context.Context, reason string, n int)

	mu    sync.Mutex
	seen  map[string]*reasons
	timer *time.Timer
}

// reasons counts the refusals of one reason within a period.
type reasons struct{ told, more int }

// refused takes a refusal.
func (s *sample) refused(ctx context.Context, deliveryID, reason string, verified bool) {
	if s.take(reason, verified) {
		s.one(ctx, deliveryID, reason)
	}
}

// take tells whether a refusal is reported by itself, and counts it otherwise.
func (s *sample) take(reason string, verified bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]*reasons{}
		s.timer = time.AfterFunc(samplePeriod, s.flush)
	}
	limit := sampleForged
	if verified {
		limit = sampleVerified
	}
	if s.seen[reason] == nil && len(s.seen) >= sampleReasons {
		reason, limit = otherReasons, 0
	}
	r := s.seen[reason]
	if r == nil {
		r = &reasons{}
		s.seen[reason] = r
	}
	if r.told < limit {
		r.told++
		return true
	}
	r.more++
	return false
}

// flush reports the numbers and resets them.
func (s *sample) flush() {
	s.mu.Lock()
	seen := s.seen
	s.seen = nil
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), sampleLimit)
	defer cancel()
	for reason, r := range seen {
		if r.more > 0 {
			s.more(ctx, clip(reason, scoring.MaxReason), r.more)
		}
	}
}
