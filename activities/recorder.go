package activities

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/internal/breaker"
	"github.com/verdict-dev/verdict/scoring"
)

// Metrics that a [Recorder] counts, on the metrics handler of the worker.
const (
	MetricRecorded   = "verdict_recorded"    // writes that reached the store
	MetricHandedOver = "verdict_handed_over" // writes that Temporal has taken over
	MetricLate       = "verdict_late"        // writes that neither took in time and that are tried again off the path
	MetricLost       = "verdict_lost"        // writes that were given up; they are missing

	// MetricUndecodable counts what came and could not be decoded, each time that it was tried: it waits for a worker with
	// the payload codec and the key.
	MetricUndecodable = "verdict_undecodable"
)

// Recorder records the scores and assignments of a user's worker. It never returns an error to the user's code: when
// the store is down it hands over to Temporal; when that fails too it keeps trying in the background while
// a worker lives, and counts and logs the writes that it gives up.
type Recorder struct {
	// Store is where to write. Nil: hand over.
	Store Taker
	// TaskQueue is where the worker polls that opens the store. Empty means [DefaultTaskQueue].
	TaskQueue string
	// Off is the kill switch, read at every write. Nil means on.
	Off func() bool
	// Managed are the experiments that can be started and changed while they run. Nil: none.
	Managed *Managed
	// MaxPending is how many bytes may wait while neither the store nor Temporal takes them; anything beyond is lost. 0
	// means the constant of that name.
	MaxPending int64
	// Gather is how long after a bundle the next one is begun that is not full. 0 means 25 ms.
	Gather time.Duration
	// Refused, if not nil, is called for each refused call in an activity.
	Refused func(error)

	queue   queue
	breaker breaker.Breaker // of the store

	definitions definitions
	carried     carriage
}

func (r *Recorder) maxPending() int64 {
	if r.MaxPending == 0 {
		return MaxPending
	}
	return r.MaxPending
}

type recorderKey struct{}

// WithRecorder returns the context of an attempt of an activity that carries r, unless it carries a recorder already: the
// outermost plugin owns.
func WithRecorder(ctx context.Context, r *Recorder) context.Context {
	if _, ok := RecorderFrom(ctx); ok {
		return ctx
	}
	r.meet(ctx)
	return context.WithValue(context.WithValue(ctx, recorderKey{}, r), attemptKey{}, &attempt{})
}

// RecorderFrom returns the recorder that ctx carries.
func RecorderFrom(ctx context.Context) (*Recorder, bool) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	return r, ok
}

// IsOff tells whether the kill switch is thrown.
func (r *Recorder) IsOff() bool { return r.Off != nil && r.Off() }

// write offers b and waits for it, as long as the activity's attempt may.
func (r *Recorder) write(ctx context.Context, b Batch) *Offer {
	if r.Store == nil && InTestEnvironment(activity.GetInfo(ctx).WorkflowExecution.RunID) {
		return nowhere(&r.queue)
	}
	o := r.Offer(ctx, b)
	o.await(ctx)
	return o
}

// StartRecording starts the workflow that records b on the given task queue ([DefaultTaskQueue] if empty), or several
// if it is too large for one: see [Batch.Split]. When it returns without an error, b is held durably and will be
// recorded, even if the store is down now. Of several workflows it returns the last.
func StartRecording(ctx context.Context, c client.Client, taskQueue string, b Batch) (run client.WorkflowRun, err error) {
	for _, part := range b.Split() {
		if run, err = startPart(ctx, c, taskQueue, part); err != nil {
			return nil, err
		}
	}
	return run, nil
}

// startPart starts the workflow that records b, or several if the server takes less than others do, or a codec makes more of
// it than others do.
func startPart(ctx context.Context, c client.Client, taskQueue string, b Batch) (run client.WorkflowRun, err error) {
	id, err := b.WorkflowID()
	if err != nil {
		return nil, err
	}
	options := startOptions(id, taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE)
	run, err = c.ExecuteWorkflow(ctx, options, b.recordWorkflow(), b)
	if err == nil || !tooLarge(err) {
		return run, err
	}
	parts := b.split(Size(b) / 2)
	if len(parts) < 2 {
		return nil, err
	}
	for _, part := range parts {
		if run, err = startPart(ctx, c, taskQueue, part); err != nil {
			return nil, err
		}
	}
	return run, nil
}

// startOptions are the options of every workflow that hands over: low priority, one per id at a time.
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
	if r.IsOff() || len(records) == 0 {
		return
	}
	r.write(ctx, Batch{Records: records})
}

// Flushed is what a run's history keeps of a flush.
type Flushed struct {
	// Untaken is in how many parts the run has to carry it, because neither the store nor Temporal had taken it in time: the worker
	// keeps trying, and may be killed.
	Untaken int `json:"untaken,omitempty"`
}

// VerdictFlush is the local activity that keeps a run's complete set of scores, and what its code says of other runs. Its name is
// in histories.
func VerdictFlush(ctx context.Context, f scoring.Flush, others []scoring.Record) (flushed Flushed, err error) {
	r, ok := RecorderFrom(ctx)
	if !ok || r.IsOff() {
		return flushed, nil
	}
	if r.Store == nil && InTestEnvironment(activity.GetInfo(ctx).WorkflowExecution.RunID) {
		return flushed, nil
	}
	var offers []*Offer
	for _, b := range Batches(f, others) {
		offers = append(offers, r.Offer(ctx, b))
	}
	taken := true
	for _, o := range offers {
		o.await(ctx)
		done, _ := o.outcome()
		taken = taken && done
	}
	if !taken {
		flushed.Untaken = r.Carried(f, others, offers)
	}
	return flushed, nil
}

// Batches are what a flush writes: the run's own set, and then what its code says of other runs, by run.
func Batches(f scoring.Flush, others []scoring.Record) []Batch {
	return append([]Batch{{Flush: &f}}, ByRun(others)...)
}

// ByRun returns a batch for each run that records are about. Records of one run keep their order.
func ByRun(records []scoring.Record) (batches []Batch) {
	at := map[scoring.Run]int{}
	for _, rec := range records {
		i, ok := at[rec.Run]
		if !ok {
			i = len(batches)
			at[rec.Run], batches = i, append(batches, Batch{})
		}
		batches[i].Records = append(batches[i].Records, rec)
	}
	return batches
}
