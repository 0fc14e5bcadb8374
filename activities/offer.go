package activities

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/scoring"
)

// Offer is a write that a [Recorder] has taken into its queue. Its methods are safe for concurrent use.
type Offer struct {
	queue *queue
	link  *link
	line  *line
	batch Batch
	size  int64
	at    time.Time
	meter client.MetricsHandler
	log   log.Logger

	done, refused chan struct{}

	// Guarded by the queue's lock.
	state    offerState
	late     bool // refused is closed
	detoured bool // there is a store, and it did not take the offer
	kept     *scoring.Assignment
}

type offerState int

const (
	waiting offerState = iota
	underWay
	withdrawn
	written
	lost
)

// Done is closed once the write is in the store or handed over.
func (o *Offer) Done() <-chan struct{} { return o.done }

// Refused is closed once neither the store nor Temporal has taken the write when it was tried, once no try is due soon,
// and when it is given up. Callers need not wait longer; unless it is given up it is tried again, and Done may still be
// closed later.
func (o *Offer) Refused() <-chan struct{} { return o.refused }

// Strays tells whether a write that is not done is not about to be: it was refused, or the store is not the one that takes it.
func (r *Recorder) Strays(o *Offer) bool {
	o.queue.mu.Lock()
	done, refused := o.state == written, o.late
	o.queue.mu.Unlock()
	return !done && (refused || r.Store == nil || r.breaker.Open())
}

// Withdraw takes the write back. True means that nothing of it has begun, and that it will never be written; false, that
// it is under way or over.
func (o *Offer) Withdraw() bool {
	q := o.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if o.state != waiting {
		return o.state == withdrawn
	}
	o.state = withdrawn
	o.line.waiting = slices.DeleteFunc(o.line.waiting, func(other *Offer) bool { return other == o })
	q.release(o)
	return true
}

// Kept returns the assignment that the store keeps, after a write with an assignment that went directly to the store.
func (o *Offer) Kept() (scoring.Assignment, bool) {
	o.queue.mu.Lock()
	defer o.queue.mu.Unlock()
	if o.kept == nil {
		return scoring.Assignment{}, false
	}
	return *o.kept, true
}

// Offer takes b into the queue and returns at once. It is written to the store or, if there is none or it does not answer,
// handed over, and tried again until one of them has it, while a worker lives.
//
// If the context is an activity's, b is handed over through the client of the worker that runs it. Otherwise it goes
// through the client known for the namespace of b's run; see [Recorder.Ready].
func (r *Recorder) Offer(ctx context.Context, b Batch) *Offer {
	o := &Offer{queue: &r.queue, batch: b, at: time.Now(), done: make(chan struct{}), refused: make(chan struct{})}
	encoded, err := json.Marshal(b)
	o.size = int64(len(encoded)) + offerOverhead
	q := &r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	o.link = r.linkOf(ctx, b)
	o.meter, o.log = o.link.meterOf(ctx, b), o.link.logger(ctx)
	switch {
	case err != nil: // a number that JSON cannot hold; offers are validated, so this is a bug
		q.lose(err, o)
		return o
	case q.bytes+o.size > r.maxPending():
		q.lose(errFull, o)
		return o
	case o.link.start == nil && activity.IsActivity(ctx) && r.Store == nil:
		q.lose(errNoClient, o)
		return o
	}
	q.push(r, o)
	return o
}

// encoded is how many bytes of JSON o has.
func (o *Offer) encoded() int { return int(o.size - offerOverhead) }

// Ready tells whether an offer outside an activity can be written: there is a store, or a client for the namespace is
// known. The client is known from the start if the plugin is on it or has one in its configuration, else from the
// worker's first activity or local activity.
func (r *Recorder) Ready(namespace string) bool {
	if r.Store != nil {
		return true
	}
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	return r.queue.named(namespace).start != nil
}

// run is the run that b is about; of several, the first.
func (b Batch) run() (run scoring.Run, workflowType string) {
	switch {
	case b.Flush != nil:
		return b.Flush.Facts.Run, b.Flush.Facts.WorkflowType
	case b.Assignment != nil:
		return b.Assignment.Run, b.Assignment.WorkflowType
	case len(b.Records) > 0:
		return b.Records[0].Run, ""
	case len(b.Waits) > 0:
		return b.Waits[0].Run, ""
	case b.Part != nil:
		return b.Part.Facts.Run, ""
	case b.Registration != nil:
		return scoring.Run{Namespace: b.Registration.Namespace}, ""
	}
	return run, ""
}

// merges tells whether b and c may travel as one: both have only records, or only declared expectations. Workers of every
// release understand records.
func (b Batch) merges(c Batch) bool {
	return b.mergeable() && c.mergeable() && b.waits() == c.waits()
}

func (b Batch) mergeable() bool {
	return b.Flush == nil && b.Assignment == nil && b.RunKey == "" && b.Part == nil && b.Registration == nil && !b.MustKnow &&
		(len(b.Records) == 0 || len(b.Waits) == 0)
}

// clientOf returns the client of the worker that runs an activity. That of the SDK's test environment is none: it is nil in
// an interface, panics when asked for, or ends the process when it is used.
func clientOf(ctx context.Context) (c client.Client) {
	defer func() {
		if recover() != nil {
			c = nil
		}
	}()
	if InTestEnvironment(activity.GetInfo(ctx).WorkflowExecution.RunID) {
		return nil
	}
	c = activity.GetClient(ctx)
	if v := reflect.ValueOf(c); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return c
}
