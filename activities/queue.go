package activities

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/scoring"
)

// Limits of the queue.
const (
	// MaxPending is how many bytes of writes wait in a [Recorder]'s queue unless it says otherwise.
	MaxPending = 64 << 20

	offerOverhead = 512       // bytes that an offer takes in addition to its content
	maxGroup      = 256 << 10 // bytes that are handed over as one; the server takes 2 MB
	maxLanes      = 64        // writes at a time, of one namespace

	firstPause, longestPause = 50 * time.Millisecond, 5 * time.Second // between two tries

	gather   = 25 * time.Millisecond // between the beginnings of two bundles, unless one is full
	patience = 4                     // times as long at most while one is under way: a server that is slow gets fewer and larger ones

	drain = 5 * time.Second // how long a worker's stop waits for the queue
)

// errNoClient: there is no client to hand over through, and there will be none.
var errNoClient = errors.New("verdict: no Temporal client")

var (
	errFull    = errors.New("verdict: the queue of pending writes is full")
	errStopped = errors.New("verdict: the worker has stopped")
)

// queue has the writes that a recorder still has to make. Its goroutines live only while something waits.
type queue struct {
	mu      sync.Mutex
	links   []*link
	workers map[string]bool // that run
	bytes   int64           // of offers that are neither written nor given up
	count   int
	empty   chan struct{} // closed once count is 0; nil unless a caller waits for that

	draining bool // pauses are short
	stopping bool // an offer that is not taken now is given up
	ctx      context.Context
	cancel   context.CancelFunc
	lanes    sync.WaitGroup

	losses
}

// Began is called when a worker is about to poll. The client is the worker's if that is known, else nil.
func (r *Recorder) Began(worker string, use client.Client) {
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.workers == nil {
		q.workers = map[string]bool{}
	}
	q.workers[worker] = true
	if use != nil {
		if l := q.named(""); l.client == nil {
			l.use(use, r.TaskQueue)
		}
	}
}

// Ended is called when a worker that had begun has stopped. It waits, for a few seconds at most, for the queue. After
// the last worker it gives up the rest, and leaves no goroutine behind.
func (r *Recorder) Ended(worker string) {
	q := &r.queue
	q.mu.Lock()
	known := q.workers[worker]
	delete(q.workers, worker)
	q.mu.Unlock()
	if !known {
		return
	}
	r.Drain()
	q.mu.Lock()
	if len(q.workers) > 0 {
		q.mu.Unlock()
		return
	}
	q.stopping = true
	if q.cancel != nil {
		q.cancel()
	}
	for _, l := range q.links {
		for _, line := range l.lines {
			for len(line.waiting) > 0 {
				q.lose(errStopped, line.waiting[0])
			}
		}
		l.wakeAll()
	}
	q.mu.Unlock()
	q.lanes.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopping, q.ctx, q.cancel = false, nil, nil
	for _, l := range q.links {
		if l.dialed != nil {
			l.dialed.Client.Close()
			l.dialed = nil
		}
	}
}

// Drain waits, for a few seconds at most, until nothing is in the queue.
func (r *Recorder) Drain() {
	q := &r.queue
	q.mu.Lock()
	if q.count == 0 {
		q.mu.Unlock()
		return
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	empty := q.empty
	q.draining = true
	for _, l := range q.links {
		l.wakeAll()
	}
	q.mu.Unlock()
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-empty:
	case <-timer.C:
	}
	q.mu.Lock()
	q.draining = false
	q.mu.Unlock()
}

// push puts o in line. q is locked.
func (q *queue) push(r *Recorder, o *Offer) {
	if q.stopping {
		q.lose(errStopped, o)
		return
	}
	run, _ := o.batch.run()
	key := run.WorkflowID + "\x00" + run.RunID
	l := o.link
	in, ok := l.lines[key]
	if !ok {
		in = &line{key: key}
		l.lines[key] = in
	}
	o.line = in
	in.waiting = append(in.waiting, o)
	q.bytes += o.size
	q.count++
	l.enlist(in)
	if l.full != nil && l.isFull() {
		close(l.full)
		l.full = nil
	}
	if l.down && (r.Store == nil || r.breaker.Open()) {
		q.refuse(o) // it is not tried before the link is up
	}
	q.lane(r, l)
}

// lane lets a further goroutine write; while the link is down one is enough, and the rest may be withdrawn. q is locked.
func (q *queue) lane(r *Recorder, l *link) {
	if l.gathering || l.lanes >= maxLanes || len(l.ready) == 0 || l.down && l.lanes > 0 {
		return
	}
	if q.ctx == nil {
		q.ctx, q.cancel = context.WithCancel(context.Background())
	}
	ctx := q.ctx
	l.lanes++
	q.lanes.Add(1)
	go func() {
		defer q.lanes.Done()
		for {
			g := q.next(ctx, r, l)
			if g == nil {
				return
			}
			g.write(ctx, r)
		}
	}()
}

// next returns the next write for a lane, and nil once the lane has ended.
func (q *queue) next(ctx context.Context, r *Recorder, l *link) *group {
	bundling := r.bundles(ctx, l)
	q.mu.Lock()
	defer q.mu.Unlock()
	if bundling && l.gathering {
		l.lanes--
		return nil
	}
	if bundling {
		q.gather(ctx, r, l)
	}
	var g *group
	if !l.down || l.lanes == 1 { // else another tries
		g = l.take(bundling)
	}
	if g == nil {
		l.lanes--
		return nil
	}
	if l.began = time.Now(); bundling {
		g.flies = true
		l.flying++
		q.lane(r, l) // gathers the next
	}
	return g
}

// bundles tells whether what waits goes as bundles: not to a store that answers.
func (r *Recorder) bundles(ctx context.Context, l *link) bool {
	r.queue.mu.Lock()
	ask := l.bundles
	r.queue.mu.Unlock()
	return (r.Store == nil || r.breaker.Open()) && ask != nil && ask(ctx)
}

// gather waits for company for the next write. The first after a pause goes at once: company may never come.
// q is locked, but not meanwhile.
func (q *queue) gather(ctx context.Context, r *Recorder, l *link) {
	for !q.draining && !q.stopping && ctx.Err() == nil && len(l.ready) > 0 && !l.isFull() {
		pause, landed := cmp.Or(r.Gather, gather), chan struct{}(nil)
		left := time.Until(l.began.Add(pause))
		if left <= 0 && l.flying > 0 {
			left, landed = time.Until(l.began.Add(patience*pause)), l.landed
		}
		if left <= 0 {
			return
		}
		full, wake := make(chan struct{}), l.wake
		l.gathering, l.full = true, full
		q.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-full:
		case <-landed:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
		q.mu.Lock()
		l.gathering, l.full = false, nil
	}
}

// isFull tells whether what waits fills a bundle. q is locked.
func (l *link) isFull() bool {
	var content load
	for _, in := range l.ready {
		for _, o := range in.waiting {
			if content.add(o.encoded()); content.full() {
				return true
			}
		}
	}
	return false
}

// take returns the next write: one offer, or several that travel together. q is locked.
func (l *link) take(bundling bool) *group {
	g := &group{link: l, bundle: bundling}
	var content load
	for len(l.ready) > 0 {
		in := l.ready[0]
		if len(in.waiting) == 0 { // all of it was withdrawn or given up
			l.strike()
			delete(l.lines, in.key)
			continue
		}
		for len(in.waiting) > 0 {
			o := in.waiting[0]
			if !g.hasRoom(o, content) {
				break
			}
			content.add(o.encoded())
			o.state = underWay
			in.waiting = in.waiting[1:]
			g.offers = append(g.offers, o)
			in.busy = true
		}
		if !in.busy {
			return g // the next offer does not fit
		}
		l.strike()
		g.lines = append(g.lines, in)
	}
	if len(g.offers) == 0 {
		return nil
	}
	return g
}

// hasRoom tells whether o may travel with the group, in addition to its content.
func (g *group) hasRoom(o *Offer, content load) bool {
	if g.bundle || content.items == 0 {
		return content.hasRoom(o.encoded(), MaxBundleBytes)
	}
	return g.offers[0].batch.merges(o.batch) && content.bytes+o.encoded() <= maxGroup
}

// enlist makes a line ready if something waits in it and nothing is under way, and forgets one that has neither.
func (l *link) enlist(in *line) bool {
	switch {
	case in.busy || in.listed:
		return false
	case len(in.waiting) == 0:
		delete(l.lines, in.key)
		return false
	}
	in.listed = true
	l.ready = append(l.ready, in)
	return true
}

// strike takes the first line from the list of ready ones.
func (l *link) strike() {
	l.ready[0].listed = false
	l.ready = l.ready[1:]
}

// wakeAll ends every pause. q is locked.
func (l *link) wakeAll() {
	close(l.wake)
	l.wake = make(chan struct{})
}

// refuse releases the caller that waits for o: it takes longer. q is locked.
func (q *queue) refuse(o *Offer) {
	if !o.late {
		o.late = true
		o.meter.Counter(MetricLate).Inc(1)
		close(o.refused)
	}
}

// release takes o out of the pending offers. q is locked.
func (q *queue) release(o *Offer) {
	q.bytes -= o.size
	q.count--
	if q.count == 0 && q.empty != nil {
		close(q.empty)
		q.empty = nil
	}
}

// finish marks o as written. q is locked.
func (q *queue) finish(o *Offer, metric string, kept *scoring.Assignment, detoured bool) {
	o.state, o.kept, o.detoured = written, kept, detoured
	o.meter.Counter(metric).Inc(1)
	close(o.done)
	q.release(o)
}
