package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// storeShare is the part of the time that a recording may take that is given to the store; the rest is for handing
// over. A second is the most that a call of the user's ever waits.
const (
	storeShare  = 0.5
	recordLimit = time.Second
)

// Metrics that a [Recorder] counts, on the metrics handler of the worker.
const (
	MetricRecorded   = "verdict_recorded"    // writes that reached the store
	MetricHandedOver = "verdict_handed_over" // writes that a recording workflow has taken over
	MetricLate       = "verdict_late"        // writes that neither took in time and that are tried again off the path
	MetricLost       = "verdict_lost"        // writes that were given up; they are missing
)

// Recorder records what a user's worker produces. It never returns an error to the user's code: when the store is away
// it hands over to a recording workflow; when that fails too it goes on trying off the path, and counts and logs what it
// gives up.
type Recorder struct {
	// Store is where to write. Nil: hand over.
	Store store.Recorder
	// TaskQueue is where the worker polls that opens the store. Empty means [DefaultTaskQueue].
	TaskQueue string
	// Off is the kill switch, read at every write. Nil means on.
	Off func() bool
	// Live are the experiments under live control. Nil: none.
	Live *Live

	late sync.WaitGroup
	n    atomic.Int64 // writes that are tried again
}

// Limits of what is tried again off the path: how many writes, for how long, and how long a worker's stop waits.
const (
	maxLate   = 1000
	lateLimit = 2 * time.Minute
	drain     = 5 * time.Second
)

// errNoClient: there is nobody to hand over to, and there will not be.
var errNoClient = errors.New("verdict: no Temporal client")

type recorderKey struct{}

// WithRecorder returns a context that carries r, unless it carries a recorder already: the outermost plugin owns.
func WithRecorder(ctx context.Context, r *Recorder) context.Context {
	if _, ok := RecorderFrom(ctx); ok {
		return ctx
	}
	return context.WithValue(ctx, recorderKey{}, r)
}

// RecorderFrom returns the recorder that ctx carries.
func RecorderFrom(ctx context.Context) (*Recorder, bool) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	return r, ok
}

// off tells whether the kill switch is thrown.
func (r *Recorder) off() bool { return r.Off != nil && r.Off() }

// write tries the store and then the hand-over. ctx must be an activity's.
func (r *Recorder) write(ctx context.Context, b Batch, direct func(context.Context, store.Recorder) error) {
	limit := recordLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*9/10) // the rest is for coming back in time
	}
	metrics := activity.GetMetricsHandler(ctx)
	how, err := r.try(ctx, b, direct, limit)
	if err == nil {
		metrics.Counter(how).Inc(1)
		return
	}
	logger := activity.GetLogger(ctx)
	if r.n.Add(1) > maxLate || errors.Is(err, errNoClient) {
		r.n.Add(-1)
		metrics.Counter(MetricLost).Inc(1)
		logger.Error("Verdict could not record; the row is missing", "Error", err)
		return
	}
	// Neither answered in time. The user's run goes on; the write is tried again while this process lives.
	metrics.Counter(MetricLate).Inc(1)
	r.late.Add(1)
	go func() {
		defer r.late.Done()
		defer r.n.Add(-1)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateLimit)
		defer cancel()
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			how, err := r.try(ctx, b, direct, 2*time.Second)
			if err == nil {
				metrics.Counter(how).Inc(1)
				return
			}
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				metrics.Counter(MetricLost).Inc(1)
				logger.Error("Verdict could not record; the row is missing", "Error", err)
				return
			}
		}
	}()
}

// Drain waits, for a few seconds at most, for the writes that are being tried again.
func (r *Recorder) Drain() {
	done := make(chan struct{})
	go func() { r.late.Wait(); close(done) }()
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// try tries the store and then the hand-over, and tells which took b.
func (r *Recorder) try(ctx context.Context, b Batch, direct func(context.Context, store.Recorder) error, limit time.Duration) (metric string, err error) {
	var storeErr error
	if r.Store != nil {
		storeCtx, cancel := context.WithTimeout(ctx, time.Duration(float64(limit)*storeShare))
		storeErr = direct(storeCtx, r.Store)
		cancel()
		if storeErr == nil {
			return MetricRecorded, nil
		}
	}
	if err := r.handOver(ctx, b, limit/2); err != nil {
		return "", errors.Join(storeErr, err)
	}
	return MetricHandedOver, nil
}

// handOver starts a workflow that records b. Once it has started, b is held durably.
func (r *Recorder) handOver(ctx context.Context, b Batch, limit time.Duration) (err error) {
	// The SDK's test environment has no client and panics when asked for one.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errNoClient, p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = StartRecording(ctx, activity.GetClient(ctx), r.TaskQueue, b)
	return err
}

// StartRecording starts the workflow that records b on the given task queue ([DefaultTaskQueue] if empty). When it
// returns without an error, b is held durably and will be recorded, whatever is down now.
func StartRecording(ctx context.Context, c client.Client, taskQueue string, b Batch) (client.WorkflowRun, error) {
	id, err := b.WorkflowID()
	if err != nil {
		return nil, err
	}
	return c.ExecuteWorkflow(ctx, startOptions(id, taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE), RecordWorkflow, b)
}

// startOptions are those of every workflow that hands over: low priority, one per id at a time.
func startOptions(id, taskQueue string, reuse enumspb.WorkflowIdReusePolicy) client.StartWorkflowOptions {
	if taskQueue == "" {
		taskQueue = DefaultTaskQueue
	}
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: taskQueue,
		WorkflowIDReusePolicy:    reuse,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		Priority:                 temporal.Priority{PriorityKey: 5},
	}
}

// Record writes records. ctx must be an activity's.
func (r *Recorder) Record(ctx context.Context, records ...scoring.Record) {
	if r.off() || len(records) == 0 {
		return
	}
	r.write(ctx, Batch{Records: records}, func(ctx context.Context, s store.Recorder) error { return s.Record(ctx, records) })
}

// VerdictFlush is the local activity that keeps a run's complete set of scores. Its name is in histories.
func VerdictFlush(ctx context.Context, f scoring.Flush) error {
	r, ok := RecorderFrom(ctx)
	if !ok || r.off() {
		return nil
	}
	r.write(ctx, Batch{Flush: &f}, func(ctx context.Context, s store.Recorder) error { return s.Flush(ctx, f) })
	return nil
}

// VerdictAssign is the local activity that keeps an assignment and returns the one that is kept. Its name is in
// histories. What it is given was picked with the definition's own weights; of an experiment under live control it picks
// again, as the experiment is now. That happens here because a replay must not: history has what came of it. With the
// kill switch thrown nothing is kept, and the unit gets control, out of the statistics.
func VerdictAssign(ctx context.Context, a scoring.Assignment, control string) (scoring.Assignment, error) {
	r, ok := RecorderFrom(ctx)
	if !ok {
		return a, nil
	}
	if r.off() {
		a.Variant, a.By = control, scoring.ByPause
		return a, nil
	}
	if a.By != scoring.ByShadow { // it follows the run that is served, whatever the experiment is now
		a = r.Live.assign(ctx, a)
	}
	var kept atomic.Pointer[scoring.Assignment]
	r.write(ctx, Batch{Assignment: &a}, func(ctx context.Context, s store.Recorder) error {
		k, err := s.Assign(ctx, a)
		if err == nil {
			kept.Store(&k)
		}
		return err
	})
	if k := kept.Load(); k != nil {
		return *k, nil
	}
	return a, nil
}
