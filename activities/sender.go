package activities

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Sender hands over the batches of concurrent callers together. Each caller waits for its own and gets its own answer. It has a
// goroutine only while somebody waits, and is safe for concurrent use.
type Sender struct {
	// Send hands over batches, at most as many as a bundle takes, and says what became of each.
	Send func(context.Context, []Batch) []Sent
	// Gather is how long after a hand-over the next one is begun that is not full. 0 means 25 ms.
	Gather time.Duration

	mu     sync.Mutex
	queue  []*sending
	waits  load
	began  time.Time
	runs   bool          // a goroutine empties the queue
	filled chan struct{} // closed: there is no room for more in the next one
}

// sending is a batch whose caller waits.
type sending struct {
	ctx   context.Context
	batch Batch
	size  int
	sent  Sent
	done  chan struct{}
}

// One returns once b is handed over, or could not be, or ctx is done: then b may still be taken.
func (s *Sender) One(ctx context.Context, b Batch) Sent {
	x := &sending{ctx: ctx, batch: b, size: Size(b), done: make(chan struct{})}
	s.mu.Lock()
	s.queue = append(s.queue, x)
	s.waits.add(x.size)
	if s.waits.full() && s.filled != nil {
		close(s.filled)
		s.filled = nil
	}
	if !s.runs {
		s.runs = true
		go s.run()
	}
	s.mu.Unlock()
	select {
	case <-x.done:
		return x.sent
	case <-ctx.Done():
		s.leave(x)
		return Sent{Err: ctx.Err()}
	}
}

// leave takes x out of what waits.
func (s *Sender) leave(x *sending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, x); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		s.waits.remove(x.size)
	}
}

// run begins hand-overs until nothing waits. One does not wait for the one before it.
func (s *Sender) run() {
	for {
		group := s.next()
		if group == nil {
			return
		}
		go s.send(group)
	}
}

// next returns the next group, after others have had the time to join it.
func (s *Sender) next() (group []*sending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := time.Until(s.began.Add(cmp.Or(s.Gather, gather))); left > 0 && len(s.queue) > 0 && !s.waits.full() {
		filled := make(chan struct{})
		s.filled = filled
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-filled:
		}
		timer.Stop()
		s.mu.Lock()
		s.filled = nil
	}
	var in load
	for len(s.queue) > 0 && in.hasRoom(s.queue[0].size, MaxBundleBytes) {
		x := s.queue[0]
		in.add(x.size)
		s.waits.remove(x.size)
		s.queue, group = s.queue[1:], append(group, x)
	}
	s.runs = len(group) > 0
	s.began = time.Now()
	return group
}

// send hands over a group. A caller that gives up meanwhile does not end that for the others.
func (s *Sender) send(group []*sending) {
	batches := make([]Batch, len(group))
	for i, x := range group {
		batches[i] = x.batch
	}
	ctx, cancel := group[0].ctx, context.CancelFunc(func() {})
	if len(group) > 1 {
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), handOverLimit)
	}
	defer cancel()
	for i, sent := range s.Send(ctx, batches) {
		group[i].sent = sent
		close(group[i].done)
	}
}
