package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// What a carrier knows about the other side, and for how long.
const (
	lookLimit     = 250 * time.Millisecond // of one look at the pollers
	lookTakes     = 30 * time.Second       // until it looks again for a worker that takes bundles
	lookNot       = 5 * time.Second        // the same, while there is none
	lookFailed    = time.Second            // the same, after a look that failed
	polledLately  = 90 * time.Second       // a poll lasts a minute
	leastBundle   = 64 << 10               // bytes: no bundle is made smaller for a server that refuses large ones
	unimplemented = time.Minute            // until standalone activities are tried again on a server that has none
)

// BundleQueue is where a worker polls for bundles that polls taskQueue for all else. A worker of a release that knows no bundles
// does not poll there, and so never gets one, also while workers poll that do.
func BundleQueue(taskQueue string) string {
	return cmp.Or(taskQueue, DefaultTaskQueue) + bundleSuffix
}

// Execution is what carries something: a workflow or a standalone activity.
type Execution interface {
	GetID() string
	Get(ctx context.Context, result any) error
}

// Carrier hands over through Temporal to the worker that opens the store. Where that worker takes bundles, several batches travel
// as one, in a standalone activity if the server has these; else each goes by a workflow that every release knows. It is safe for
// concurrent use.
type Carrier struct {
	Client client.Client
	// TaskQueue is where the worker polls that opens the store. Empty means [DefaultTaskQueue].
	TaskQueue string

	mu      sync.Mutex
	takes   bool      // a worker polls for bundles
	look    time.Time // not before
	looking bool
	plain   time.Time // until then the server is taken for one without standalone activities
	most    int       // bytes of a bundle that the server does not refuse, as far as is known; 0: MaxBundleBytes
}

// Bundles tells whether a worker takes bundles. It asks the server at most every few seconds, and waits for that a moment at most.
func (c *Carrier) Bundles(ctx context.Context) bool {
	takes, look := c.known()
	if !look {
		return takes
	}
	again := lookFailed
	defer func() { c.learn(takes, again) }() // also of a client that panics
	takes, again = c.lookFor(ctx, takes)
	return takes
}

// known returns the last answer, and whether the caller is to look for another.
func (c *Carrier) known() (takes, look bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	look = !c.looking && !time.Now().Before(c.look)
	c.looking = c.looking || look
	return c.takes, look
}

// learn keeps what a look has shown, and when to look again.
func (c *Carrier) learn(takes bool, again time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looking, c.takes, c.look = false, takes, time.Now().Add(again)
}

// lookFor tells whether a worker polls for bundles and when to look again. While no worker polls at all the release
// of the next one is unknown, and the answer stays the same.
func (c *Carrier) lookFor(ctx context.Context, was bool) (takes bool, again time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	polled, err := c.polled(ctx, BundleQueue(c.TaskQueue))
	switch {
	case err != nil:
		return was && !unable(err), lookFailed
	case polled:
		return true, lookTakes
	case !was:
		return false, lookNot
	}
	older, err := c.polled(ctx, cmp.Or(c.TaskQueue, DefaultTaskQueue))
	return err != nil || !older, lookNot
}

// polled tells whether a worker polls a task queue that gets its tasks: one of a worker deployment has to be of its current version.
func (c *Carrier) polled(ctx context.Context, taskQueue string) (bool, error) {
	d, err := c.Client.DescribeTaskQueue(ctx, taskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	current := d.GetVersioningInfo().GetCurrentDeploymentVersion()
	for _, p := range d.GetPollers() {
		of := p.GetDeploymentOptions()
		versioned := of.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED
		if versioned && (of.GetDeploymentName() != current.GetDeploymentName() || of.GetBuildId() != current.GetBuildId()) {
			continue
		}
		if time.Since(p.GetLastAccessTime().AsTime()) < polledLately {
			return true, nil
		}
	}
	return false, err
}

// unable tells whether a server cannot do what it was asked for, or may not for this caller.
func unable(err error) bool {
	var not *serviceerror.Unimplemented
	var denied *serviceerror.PermissionDenied
	return errors.As(err, &not) || errors.As(err, &denied)
}

// HandOver hands batches over and says what became of each. A batch that is held will be recorded, even if the store is down now.
func (c *Carrier) HandOver(ctx context.Context, batches []Batch) []Sent {
	sent := make([]Sent, len(batches))
	if !c.Bundles(ctx) {
		_ = together(ctx, len(batches), func(_ context.Context, i int) error {
			run, err := StartRecording(ctx, c.Client, c.TaskQueue, batches[i])
			sent[i] = Sent{Err: err, judged: batches[i].judged(), plain: true, result: &result{of: run}}
			return nil
		})
		return sent
	}
	c.mu.Lock()
	most := cmp.Or(c.most, MaxBundleBytes)
	c.mu.Unlock()
	for _, p := range pack(batches, most) {
		c.carry(ctx, p, sent)
	}
	return sent
}

// parcel is a bundle with the number of the caller's batch that each of its batches is, or is a part of.
type parcel struct {
	Bundle
	of []int
}

// pack returns parcels of so many bytes at most, and splits the batches that are too large.
func pack(batches []Batch, most int) (all []parcel) {
	var in load
	for i, b := range batches {
		parts := b.Split()
		if most < MaxBundleBytes {
			parts = b.split(most)
		}
		for _, part := range parts {
			size := Size(part)
			if len(all) == 0 || !in.hasRoom(size, most) {
				all, in = append(all, parcel{}), load{}
			}
			in.add(size)
			last := &all[len(all)-1]
			last.Batches, last.of = append(last.Batches, part), append(last.of, i)
		}
	}
	return all
}

// carry starts the execution that carries p, or two if the server takes less than others do, or a codec makes more of it than
// others do; and if it refuses something else, for one must not fail the others.
func (c *Carrier) carry(ctx context.Context, p parcel, sent []Sent) {
	id, err := p.ID()
	var e Execution
	if err == nil {
		e, err = c.alone(ctx, id, BundleName, enumspb.ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING, p.Bundle)
	}
	if tooLarge(err) && c.halve(ctx, p, sent, err) {
		return
	}
	if err != nil {
		e, err = c.startOr(ctx, id, BundleWorkflow, p.Bundle, err)
	}
	if refused(err) && c.halve(ctx, p, sent, err) {
		return
	}
	all := &result{of: e}
	for at, i := range p.of {
		if sent[i].Err == nil { // of a batch in parts each must be held
			sent[i] = Sent{Err: err, judged: p.Batches[at].judged(), index: at, result: all}
		}
	}
}

// halve carries p in smaller parcels, if it can be made smaller. After a refusal for size later bundles are made small at once: a
// hand-over that took all its time for finding the size out would find it out again and again.
func (c *Carrier) halve(ctx context.Context, p parcel, sent []Sent, err error) bool {
	halves := p.halves()
	if len(halves) < 2 || len(p.of) == 1 && !tooLarge(err) {
		return false
	}
	if tooLarge(err) {
		c.mu.Lock()
		c.most = max(min(cmp.Or(c.most, MaxBundleBytes), Size(p.Bundle)/2), leastBundle)
		c.mu.Unlock()
	}
	for _, half := range halves {
		c.carry(ctx, half, sent)
	}
	return true
}

// halves returns p in two or more smaller parcels; one if it cannot be made smaller.
func (p parcel) halves() (all []parcel) {
	if n := len(p.of); n > 1 {
		return []parcel{{Bundle{p.Batches[:n/2]}, p.of[:n/2]}, {Bundle{p.Batches[n/2:]}, p.of[n/2:]}}
	}
	for i, batch := range p.Batches {
		for _, part := range batch.split(Size(batch) / 2) {
			all = append(all, parcel{Bundle{[]Batch{part}}, p.of[i : i+1]})
		}
	}
	return all
}

// startOr returns another execution than a standalone activity that could not be started, for err: one of the same id that is under way or
// has ended well is as good, and on a server that has no standalone activities it is a workflow. One that has failed is started again.
func (c *Carrier) startOr(ctx context.Context, id, workflow string, in any, err error) (Execution, error) {
	var done *serviceerror.ActivityExecutionAlreadyStarted
	switch {
	case errors.As(err, &done):
		return c.Client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: id}), nil
	case !errors.Is(err, errNotAlone):
		return nil, err
	}
	run, startErr := c.Client.ExecuteWorkflow(ctx, startOptions(id, BundleQueue(c.TaskQueue), enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY), workflow, in)
	if startErr != nil {
		return nil, startErr
	}
	c.goPlain(err)
	return run, nil
}

// errNotAlone says that a standalone activity cannot be started and that something else may be. errPlain says so without a try.
var (
	errNotAlone = errors.New("verdict: there are no standalone activities")
	errPlain    = fmt.Errorf("%w since a moment ago", errNotAlone)
)

// alone starts a standalone activity.
func (c *Carrier) alone(ctx context.Context, id, activity string, conflict enumspb.ActivityIdConflictPolicy, in any) (Execution, error) {
	c.mu.Lock()
	plain := time.Now().Before(c.plain)
	c.mu.Unlock()
	if plain {
		return nil, errPlain
	}
	h, err := c.Client.ExecuteActivity(ctx, client.StartActivityOptions{
		ID: id, TaskQueue: BundleQueue(c.TaskQueue),
		StartToCloseTimeout: 10 * time.Minute, // the heartbeat notices a lost worker
		HeartbeatTimeout:    10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second},
		Priority:            temporal.Priority{PriorityKey: 5},

		ActivityIDReusePolicy:    enumspb.ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ActivityIDConflictPolicy: conflict,
	}, activity, in)
	if unable(err) || refused(err) {
		return nil, fmt.Errorf("%w: %w", errNotAlone, err)
	}
	return h, err
}

// goPlain notes that a workflow could be started where a standalone activity could not.
func (c *Carrier) goPlain(err error) {
	if errors.Is(err, errPlain) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plain = time.Now().Add(unimplemented)
}
