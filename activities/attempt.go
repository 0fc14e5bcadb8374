package activities

import (
	"context"
	"sync"
	"time"
)

// attemptLimit is how long one attempt of an activity waits for its scores in all, a little less than the second that is
// promised. While all is well the first of each wait is free: it is what recording costs.
const (
	attemptLimit = 800 * time.Millisecond
	free         = 10 * time.Millisecond
)

// attempt is one attempt of an activity: the time that its recording may still take. Once a write of it was not taken,
// it waits no more.
type attempt struct {
	mu      sync.Mutex
	spent   time.Duration
	waiting int       // calls, which may be of several goroutines
	since   time.Time // the first of them has waited
	well    bool      // all of them have been written as they should
	broken  bool
}

type attemptKey struct{}

// await waits until the offer is written, as long as the attempt may wait. ctx must be an activity's.
func (o *Offer) await(ctx context.Context) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		a = &attempt{}
	}
	limit := a.begin()
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*9/10) // the rest is for coming back in time
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-o.refused:
	case <-timer.C:
	case <-ctx.Done():
	}
	a.end(o.outcome())
}

// begin tells how long a call may wait.
func (a *attempt) begin() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if a.waiting++; a.waiting == 1 {
		a.since, a.well = now, true
	}
	if a.broken {
		return 0
	}
	return max(0, attemptLimit-a.spent-now.Sub(a.since))
}

// end says what came of the wait of a call.
func (a *attempt) end(done, well bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = a.broken || !done
	a.well = a.well && well
	if a.waiting--; a.waiting > 0 {
		return
	}
	waited := time.Since(a.since)
	if a.well {
		waited = max(0, waited-free)
	}
	a.spent += waited
}

// outcome tells whether the offer is written, and where it should be.
func (o *Offer) outcome() (done, well bool) {
	o.queue.mu.Lock()
	defer o.queue.mu.Unlock()
	done = o.state == written
	return done, done && !o.detoured
}
