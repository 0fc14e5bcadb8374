package activities

import (
	"context"
	"errors"
	"slices"
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

// isMerged tells whether the offers of the group are written as one batch.
func (g *group) isMerged() bool { return !g.bundle && len(g.offers) > 1 }

// batches are the content of the group.
func (g *group) batches() []Batch {
	if g.isMerged() {
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

// write tries until each offer of the group is taken or given up.
func (g *group) write(ctx context.Context, r *Recorder) {
	q := &r.queue
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := g.try(ctx, r)
		if err == nil || g.hopeless(r, err) {
			g.end(r, err)
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

// try tries the store, and the hand-over for what that does not take. Of the offers it leaves in the group the ones that neither took,
// and returns why; nil if none is left.
func (g *group) try(ctx context.Context, r *Recorder) error {
	var said []error // by the store, of each offer that is left
	if r.Store != nil {
		if yes, probe := r.breaker.Enter(); yes {
			kept, errs := r.apply(ctx, g.batches(), probe)
			if g.isMerged() && refused(errs[0]) {
				g.halve(ctx, r)
				return nil
			}
			if said = g.took(r, MetricRecorded, kept, errs, nil); len(g.offers) == 0 {
				return nil
			}
		}
	}
	errs := g.handOver(ctx, r, g.batches())
	if g.isMerged() && refused(errs[0]) {
		g.halve(ctx, r)
		return nil
	}
	if errs = g.took(r, MetricHandedOver, nil, errs, said); len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// halve writes the halves of a batch that was refused: the others must not suffer for one.
func (g *group) halve(ctx context.Context, r *Recorder) {
	half := len(g.offers) / 2
	for _, part := range [][]*Offer{g.offers[:half], g.offers[half:]} {
		(&group{link: g.link, offers: part}).write(ctx, r)
	}
	g.offers = nil
}

// took finishes the offers whose batches were taken and gives up the ones that are refused, also by the store before. What the store alone
// refuses is handed over, so that it is in the ledger. It leaves the others in the group, and returns why.
func (g *group) took(r *Recorder, metric string, kept []*scoring.Assignment, errs, before []error) (said []error) {
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.Contains(errs, nil) && !slices.ContainsFunc(errs, fails) {
		g.up(r)
	}
	var left []*Offer
	for i, o := range g.offers {
		at := i
		if g.isMerged() {
			at = 0
		}
		err := errs[at]
		if err != nil && before != nil {
			err = errors.Join(before[i], err)
		}
		switch {
		case err == nil && kept != nil:
			q.finish(o, metric, kept[at], false)
		case err == nil:
			q.finish(o, metric, nil, r.Store != nil)
		case refused(err) && metric == MetricHandedOver:
			q.lose(err, o)
		default:
			left, said = append(left, o), append(said, err)
		}
	}
	g.offers = left
	return said
}

// fails tells whether err says of a receiver that it did not answer.
func fails(err error) bool { return err != nil && !refused(err) }

// apply writes batches to the store and notes whether it answers. A probe is the first batch alone: how long many take says
// nothing of that. If it fails some of them may be written, which does no harm to a further try.
func (r *Recorder) apply(ctx context.Context, batches []Batch, probe bool) (kept []*scoring.Assignment, errs []error) {
	kept, errs = make([]*scoring.Assignment, len(batches)), make([]error, len(batches))
	one := func(ctx context.Context, i int) error {
		kept[i], errs[i] = within(ctx, storeLimit, func(ctx context.Context) (*scoring.Assignment, error) { return batches[i].Apply(ctx, r.Store) })
		if refused(errs[i]) {
			return nil // the store is there, and the others are to be written
		}
		return errs[i]
	}
	first := 0
	if probe {
		err := one(ctx, 0)
		if r.breaker.Leave(true, resultOf(err)); err != nil {
			return kept, slices.Repeat([]error{err}, len(batches))
		}
		first = 1
	}
	err := together(ctx, len(batches)-first, func(ctx context.Context, i int) error { return one(ctx, first+i) })
	r.breaker.Leave(false, resultOf(err))
	return kept, errs
}

// handOver has Temporal hold the batches, and returns for each why it does not. If that takes long, waiting callers are released; it may
// still succeed.
func (g *group) handOver(ctx context.Context, r *Recorder, batches []Batch) []error {
	q := &r.queue
	q.mu.Lock()
	start, over := g.link.start, false
	q.mu.Unlock()
	if start == nil {
		return slices.Repeat([]error{errNoClient}, len(batches))
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
	errs := start(ctx, batches)
	q.mu.Lock()
	defer q.mu.Unlock()
	over = true
	return errs
}

// resultOf is what a write says of the store.
func resultOf(err error) breaker.Result {
	if err == nil {
		return breaker.Answers
	}
	return breaker.Away
}

// refused tells whether the content of the write is at fault, and not its receiver.
func refused(err error) bool {
	var ours *scoring.InvalidError
	var theirs *serviceerror.InvalidArgument
	return errors.As(err, &ours) || errors.As(err, &theirs) || tooLarge(err)
}

// hopeless tells whether no further try can help.
func (g *group) hopeless(r *Recorder, err error) bool {
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.stopping:
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

// end gives up the offers that are left, for err, and lets the offers behind the group continue.
func (g *group) end(r *Recorder, err error) {
	q, l := &r.queue, g.link
	q.mu.Lock()
	defer q.mu.Unlock()
	if g.flies {
		l.flying--
		close(l.landed)
		l.landed = make(chan struct{})
	}
	for _, o := range g.offers {
		q.lose(err, o)
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
