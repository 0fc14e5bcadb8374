package activities

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// link is the way to one namespace, with the offers that wait to go there.
type link struct {
	namespace string
	client    client.Client   // of the worker, once an activity has shown it or the configuration has it
	options   *client.Options // of the client that the plugin is on; nil if it is on none
	dialed    *Carrier        // by a client from the options
	// start hands batches over, and returns for each why it is not held; nil while no client is known.
	start func(context.Context, []Batch) []error
	// bundles tells whether several batches travel as one; nil: they do not.
	bundles func(context.Context) bool

	metrics client.MetricsHandler // without the tags of an activity; nil until known
	logs    log.Logger

	lines map[string]*line
	ready []*line // with something that waits, and nothing under way
	lanes int     // goroutines that write
	down  bool    // the last try was not taken
	wake  chan struct{}

	gathering bool          // a lane waits for company for the next write
	began     time.Time     // the last write
	full      chan struct{} // closed: there is no room for more in the next one; nil unless a lane gathers
	flying    int           // bundles under way
	landed    chan struct{} // closed once one of them has ended
}

// line has the waiting offers about one run. A later statement does not overtake an earlier one.
type line struct {
	key     string
	waiting []*Offer
	busy    bool // something of it is under way
	listed  bool // in ready
}

func (q *queue) add(l *link) *link {
	l.lines, l.wake, l.landed = map[string]*line{}, make(chan struct{}), make(chan struct{})
	q.links = append(q.links, l)
	return l
}

// linkOf returns the way that b goes. The queue is locked.
func (r *Recorder) linkOf(ctx context.Context, b Batch) *link {
	run, _ := b.run()
	q := &r.queue
	if !activity.IsActivity(ctx) {
		return q.named(run.Namespace)
	}
	c, namespace := clientOf(ctx), activity.GetInfo(ctx).Namespace
	if c == nil {
		return q.named(namespace)
	}
	for _, l := range q.links {
		if l.client == c {
			return l
		}
	}
	l := q.named(namespace)
	if l.client != nil {
		l = q.add(&link{namespace: namespace}) // another server's
	}
	l.use(c, r.TaskQueue)
	l.wakeAll()
	l.metrics = activity.GetMetricsHandler(ctx)
	l.logs = activity.GetLogger(ctx)
	return l
}

// meet takes the client of the worker that runs an activity. ctx must be an activity's.
func (r *Recorder) meet(ctx context.Context) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	r.linkOf(ctx, Batch{})
}

// named returns the way to a namespace. q is locked.
func (q *queue) named(namespace string) *link {
	for _, l := range q.links {
		if l.namespace == namespace {
			return l
		}
	}
	for _, l := range q.links {
		if l.namespace == "" { // of a client that does not know its namespace
			return l
		}
	}
	return q.add(&link{namespace: namespace})
}

// use makes the link use c.
func (l *link) use(c client.Client, taskQueue string) {
	l.client = c
	carrier := &Carrier{Client: c, TaskQueue: taskQueue}
	l.goBy(func() (*Carrier, error) { return carrier, nil })
}

// goBy makes the link go by a carrier. The SDK's test environment has a client that panics.
func (l *link) goBy(carrier func() (*Carrier, error)) {
	l.bundles = func(ctx context.Context) (yes bool) {
		defer func() {
			if recover() != nil {
				yes = false
			}
		}()
		c, err := carrier()
		return err == nil && c.Bundles(ctx)
	}
	l.start = func(ctx context.Context, batches []Batch) (errs []error) {
		all := func(err error) []error { return slices.Repeat([]error{err}, len(batches)) }
		defer func() {
			if p := recover(); p != nil {
				errs = all(fmt.Errorf("%w: %v", errNoClient, p))
			}
		}()
		c, err := carrier()
		if err != nil {
			return all(err)
		}
		return errsOf(c.HandOver(ctx, batches))
	}
}

// DialsLike records that the plugin is on a client with these options, which other plugins may still change. Until an
// activity shows that client, the recorder hands over through a client of its own, made with the same options.
func (r *Recorder) DialsLike(o *client.Options) {
	q := &r.queue
	namespace := o.Namespace
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.named(namespace)
	if l.namespace != namespace {
		l = q.add(&link{namespace: namespace})
	}
	if l.client != nil {
		return
	}
	l.options = o
	l.goBy(func() (*Carrier, error) { return q.carrierLike(l, r.TaskQueue) })
}

// carrierLike returns the link's own carrier.
func (q *queue) carrierLike(l *link, taskQueue string) (*Carrier, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.dialed != nil {
		return l.dialed, nil
	}
	o := *l.options // as all plugins have left them
	o.Plugins = nil
	c, err := client.NewLazyClient(o)
	if err != nil {
		return nil, err
	}
	l.dialed = &Carrier{Client: c, TaskQueue: taskQueue}
	return l.dialed, nil
}

// Tags of the SDK's metrics. All metrics of one name must have the same tags.
const (
	tagNamespace    = "namespace"
	tagClient       = "client_name"
	tagWorkerType   = "worker_type"
	tagWorkflowType = "workflow_type"
	tagActivityType = "activity_type"
	tagTaskQueue    = "task_queue"
	tagNone         = "none"
)

// meterOf returns where to count b.
func (l *link) meterOf(ctx context.Context, b Batch) client.MetricsHandler {
	if activity.IsActivity(ctx) {
		return activity.GetMetricsHandler(ctx)
	}
	_, workflowType := b.run()
	if workflowType == "" {
		workflowType = tagNone
	}
	tags := map[string]string{tagWorkflowType: workflowType, tagActivityType: tagNone}
	switch {
	case l.metrics != nil:
		return l.metrics.WithTags(tags)
	case l.options != nil && l.options.MetricsHandler != nil:
		tags[tagNamespace], tags[tagClient] = l.namespace, "temporal_go"
		tags[tagWorkerType], tags[tagTaskQueue] = tagNone, tagNone
		return l.options.MetricsHandler.WithTags(tags)
	}
	return client.MetricsNopHandler
}

// logger returns where to log.
func (l *link) logger(ctx context.Context) log.Logger {
	switch {
	case activity.IsActivity(ctx):
		return activity.GetLogger(ctx)
	case l.logs != nil:
		return l.logs
	case l.options != nil && l.options.Logger != nil:
		return l.options.Logger
	}
	return log.NewStructuredLogger(slog.Default())
}
