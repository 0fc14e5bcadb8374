// Package grouped lets concurrent calls share one transaction.
package grouped

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// Limits of a group.
const (
	maxGroup      = 256
	maxGroupBytes = 1 << 20
	groupLimit    = 10 * time.Second // a database that hangs longer fails the group
)

// ErrClosed is the error of a call after [Calls.Close].
var ErrClosed = errors.New("verdict: the store is closed")

// Calls groups calls: the ones that arrive while a group is written go together next. The calls of a group that fails are made
// one by one, so that none fails for another.
type Calls[In, Out any] struct {
	// Do makes the calls of a group in one transaction.
	Do func(ctx context.Context, in []In) ([]Out, error)
	// Size is about how many bytes a call takes.
	Size func(In) int
	// Most is how many calls a group has at most; 0: 256.
	Most int

	mu      sync.Mutex
	queue   []*call[In, Out]
	writing bool // a goroutine empties the queue
	closed  bool
	idle    sync.WaitGroup
}

// call is one call that waits for its group.
type call[In, Out any] struct {
	ctx  context.Context
	in   In
	out  Out
	err  error
	done chan struct{}
}

// Call returns once in's transaction is over, or ctx is done: then the transaction may still commit.
func (g *Calls[In, Out]) Call(ctx context.Context, in In) (out Out, err error) {
	c := &call[In, Out]{ctx: ctx, in: in, done: make(chan struct{})}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return out, ErrClosed
	}
	g.queue = append(g.queue, c)
	if !g.writing {
		g.writing = true
		g.idle.Go(g.drain)
	}
	g.mu.Unlock()
	select {
	case <-c.done:
		return c.out, c.err
	case <-ctx.Done():
		return out, ctx.Err()
	}
}

// Waiting is how many calls wait for the next group.
func (g *Calls[In, Out]) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue)
}

// drain writes groups until nothing waits.
func (g *Calls[In, Out]) drain() {
	for {
		group := g.next()
		if group == nil {
			return
		}
		if err := g.write(group); err != nil {
			for _, c := range group {
				if c.err = err; len(group) > 1 {
					c.err = g.write([]*call[In, Out]{c})
				}
			}
		}
		for _, c := range group {
			close(c.done)
		}
	}
}

// next takes the next group. Callers that have given up are not in it.
func (g *Calls[In, Out]) next() (group []*call[In, Out]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	bytes := 0
	for most := cmp.Or(g.Most, maxGroup); len(g.queue) > 0 && len(group) < most; {
		c := g.queue[0]
		if bytes += g.Size(c.in); bytes > maxGroupBytes && len(group) > 0 {
			break
		}
		g.queue = g.queue[1:]
		if c.err = c.ctx.Err(); c.err != nil {
			close(c.done)
			continue
		}
		group = append(group, c)
	}
	g.writing = len(group) > 0
	return group
}

// write makes the calls of a group in one transaction. Callers that give up meanwhile do not end it: it is others' as well.
func (g *Calls[In, Out]) write(group []*call[In, Out]) error {
	in := make([]In, len(group))
	for i, c := range group {
		in[i] = c.in
	}
	ctx, cancel := group[0].ctx, context.CancelFunc(func() {})
	if len(group) > 1 {
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), groupLimit)
	}
	defer cancel()
	out, err := g.Do(ctx, in)
	if err != nil {
		return err
	}
	for i, c := range group {
		c.out, c.err = out[i], nil
	}
	return nil
}

// Close refuses further calls and waits for the ones under way.
func (g *Calls[In, Out]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.idle.Wait()
}
