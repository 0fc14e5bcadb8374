package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/verdict-dev/verdict/internal/breaker"
	"github.com/verdict-dev/verdict/scoring"
)

// How long one try may take, and after what time waiting callers learn that it is slow.
const (
	storeLimit    = 500 * time.Millisecond
	handOverLimit = 10 * time.Second
	slow          = 500 * time.Millisecond
)

var errSlow = errors.New("verdict: it takes long")

// group is one write: an offer, the records or the waits of several, or a bundle.
type group struct {
	link   *link
	offers []*Offer
	lines  []*line
	bundle bool // each offer is a batch of its own
	flies  bool // it counts as a bundle under way
}

// batches are the content of the group.
func (g *group) batches() []Batch {
	if !g.bundle && len(g.offers) > 1 {
		return []Batch{g.merged()}
	}
	all := make([]Batch, len(g.offers))
	for i, o := range g.offers {
		all[i] = o.batch
	}
	return all
}

// merged is the content of the group as one batch.
func (g *group) merged() Batch {
	var b Batch
	for _, o := range g.offers {
		b.Records = append(b.Records, o.batch.Records...)
		b.Waits = append(b.Waits, o.batch.Waits...)
	}
	return b
}

// write tries until the group is taken or given up.
func (g *group) write(ctx context.Context, r *Recorder) {
	q, batches := &r.queue, g.batches()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		metric, kept, err := g.try(ctx, r, batches)
		switch {
		case err == nil:
			g.end(r, func(i int, o *Offer) { q.finish(o, metric, kept[i], r.Store != nil && metric == MetricHandedOver) })
			return
		case refused(err) && len(g.offers) > 1: // the others must not suffer for one
			half := len(g.offers) / 2
			for _, part := range [][]*Offer{g.offers[:half], g.offers[half:]} {
				(&group{link: g.link, offers: part, bundle: g.bundle}).write(ctx, r)
			}
			g.offers = nil
			g.end(r, nil)
			return
		case g.hopeless(r, err):
			g.end(r, func(_ int, o *Offer) { q.lose(err, o) })
			return
		}
		q.mu.Lock()
		g.fail(q, err)
		if q.draining {
			pause = firstPause
		}
		wake := g.link.wake
		q.mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// try tries the store and then the hand-over, and tells which took the batches, and of each offer with an assignment which one is kept.
func (g *group) try(ctx context.Context, r *Recorder, batches []Batch) (metric string, kept []*scoring.Assignment, err error) {
	kept = make([]*scoring.Assignment, len(g.offers))
	var storeErr error
	if r.Store != nil {
		if yes, probe := r.breaker.Enter(); yes {
			var direct []*scoring.Assignment
			if direct, storeErr = r.apply(ctx, batches, probe); storeErr == nil {
				r.queue.mu.Lock()
				g.up(r)
				r.queue.mu.Unlock()
				copy(kept, direct)
				return MetricRecorded, kept, nil
			}
			if refused(storeErr) && len(g.offers) > 1 {
				return "", nil, storeErr
			}
		}
	}
	if err := g.handOver(ctx, r, batches); err != nil {
		return "", nil, errors.Join(storeErr, err)
	}
	return MetricHandedOver, kept, nil
}

// apply writes batches to the store and notes whether it answers. A probe is the first batch alone: how long many take says
// nothing of that. If it fails some of them may be written, which does no harm to a further try.
func (r *Recorder) apply(ctx context.Context, batches []Batch, probe bool) ([]*scoring.Assignment, error) {
	kept, first := make([]*scoring.Assignment, len(batches)), 0
	one := func(ctx context.Context, i int) (err error) {
		kept[i], err = within(ctx, storeLimit, func(ctx context.Context) (*scoring.Assignment, error) { return batches[i].Apply(ctx, r.Store) })
		return err
	}
	if probe {
		err := one(ctx, 0)
		if r.breaker.Leave(true, resultOf(err)); err != nil || len(batches) == 1 {
			return kept, err
		}
		first = 1
	}
	err := together(ctx, len(batches)-first, func(ctx context.Context, i int) error { return one(ctx, first+i) })
	r.breaker.Leave(false, resultOf(err))
	return kept, err
}

// handOver has Temporal hold the batches. If that takes long, waiting callers are released; it may still succeed.
func (g *group) handOver(ctx context.Context, r *Recorder, batches []Batch) error {
	q := &r.queue
	q.mu.Lock()
	start, over := g.link.start, false
	q.mu.Unlock()
	if start == nil {
		return errNoClient
	}
	ctx, cancel := context.WithTimeout(ctx, handOverLimit)
	defer cancel()
	tell := time.AfterFunc(slow, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if !over {
			g.fail(q, errSlow)
		}
	})
	defer tell.Stop()
	err := start(ctx, batches)
	q.mu.Lock()
	defer q.mu.Unlock()
	if over = true; err == nil {
		g.up(r)
	}
	return err
}

// resultOf is what a write says of the store: one that refuses a write is there.
func resultOf(err error) breaker.Result {
	if err == nil || refused(err) {
		return breaker.Answers
	}
	return breaker.Away
}

// refused tells whether the content of the write is at fault, and not its receiver.
func refused(err error) bool {
	var ours *scoring.InvalidError
	var theirs *serviceerror.InvalidArgument
	return errors.As(err, &ours) || errors.As(err, &theirs) || isMessageTooLarge(err)
}

// hopeless tells whether no further try can help.
func (g *group) hopeless(r *Recorder, err error) bool {
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case refused(err), q.stopping:
		return true
	case errors.Is(err, errNoClient) && (g.link.start != nil || (q.draining && len(q.workers) == 0)):
		return true // no client will come any more
	case len(q.workers) == 0:
		return time.Since(g.offers[0].at) > drain // offered after the last worker has stopped
	}
	return false
}

// fail marks the link as down. q is locked.
func (g *group) fail(q *queue, err error) {
	if l := g.link; !l.down {
		l.down = true
		g.offers[0].log.Warn("Verdict cannot reach the store or Temporal; recording waits", "Waiting", q.count, "Bytes", q.bytes, "Error", err)
	}
	for _, o := range g.offers {
		q.refuse(o)
	}
}

// up marks the link as working again. The queue is locked.
func (g *group) up(r *Recorder) {
	q, l := &r.queue, g.link
	if !l.down {
		return
	}
	l.down = false
	g.offers[0].log.Info("Verdict reaches the store or Temporal again; recording continues", "Waiting", q.count, "Bytes", q.bytes)
	l.wakeAll()
	for range l.ready {
		q.lane(r, l)
	}
}

// end ends every offer of the group and lets the offers behind them continue.
func (g *group) end(r *Recorder, each func(int, *Offer)) {
	q, l := &r.queue, g.link
	q.mu.Lock()
	defer q.mu.Unlock()
	if g.flies {
		l.flying--
		close(l.landed)
		l.landed = make(chan struct{})
	}
	for i, o := range g.offers {
		each(i, o)
	}
	for _, in := range g.lines {
		in.busy = false
		if l.enlist(in) {
			q.lane(r, l)
		}
	}
}

// within returns what fn returns, or the context's error if fn has not returned within limit: a driver that does not
// heed its context must not hold up what can be handed over.
func within[T any](ctx context.Context, limit time.Duration, fn func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		v, err := fn(ctx)
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // it had just returned
		return a.value, a.err
	default:
		var none T
		return none, ctx.Err()
	}
}
