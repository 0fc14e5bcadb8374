// Package harness puts a test's own workers, task queues and store on a real Temporal server.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/workflows"
)

// Bench is a place to run things: a client of a real server, a store with its worker, and a task queue for the user's.
type Bench struct {
	T testing.TB
	// Client has no plugin.
	Client client.Client
	Store  store.Store
	// Verdict is the client of a service.
	Verdict *verdict.Client
	// Queue is the user's task queue, VerdictQueue the queue of the worker that opens the store.
	Queue, VerdictQueue string
	Log                 *Log
}

// New returns a bench on the shared server. Its store is an in-memory SQLite unless wrap returns another one.
func New(t testing.TB, wrap func(store.Store) store.Store) *Bench {
	t.Helper()
	server := devservertest.ForTest(t)
	b := &Bench{T: t, Log: &Log{}}
	id := uuid.NewString()[:8]
	b.Queue, b.VerdictQueue = "user-"+id, "verdict-"+id
	var err error
	b.Client, err = client.Dial(client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger()})
	require.NoError(t, err)
	t.Cleanup(b.Client.Close)
	s, err := sqlite.Open(t.Context(), ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	b.Store = s
	if wrap != nil {
		b.Store = wrap(s)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", b.Log)
		}
	})
	b.Verdict = verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue})
	return b
}

// In returns the bench for a subtest.
func (b *Bench) In(t testing.TB) *Bench {
	sub := *b
	sub.T = t
	return &sub
}

// Logger writes to the bench's log.
func (b *Bench) Logger() log.Logger {
	return log.NewStructuredLogger(slog.New(slog.NewTextHandler(b.Log, &slog.HandlerOptions{Level: slog.LevelInfo})))
}

// StoreWorker starts the worker that opens the store, until the test ends or the returned function is called.
func (b *Bench) StoreWorker() (stop func()) {
	stopBundles := b.storeWorker(activities.BundleQueue(b.VerdictQueue))
	stopAll := b.storeWorker(b.VerdictQueue)
	return func() { stopBundles(); stopAll() }
}

// PlainStoreWorker is StoreWorker for one that knows no bundles.
func (b *Bench) PlainStoreWorker() (stop func()) { return b.storeWorker(b.VerdictQueue) }

func (b *Bench) storeWorker(queue string) (stop func()) {
	return b.Worker(queue, worker.Options{}, func(w worker.Worker) {
		(&activities.Set{Store: b.Store, Client: b.Client, Find: fold.Find(b.Store)}).Register(w)
		workflows.Register(w)
	})
}

// Carried waits until what carries the first delivery of an outcome through Temporal has ended, a workflow or a standalone activity.
func (b *Bench) Carried(ctx context.Context, outcomeID string) error {
	id := "verdict/outcome/" + outcomeID
	err := b.Client.GetWorkflow(ctx, id, "").Get(ctx, nil)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return b.Client.GetActivityHandle(client.GetActivityHandleOptions{ActivityID: id}).Get(ctx, nil)
	}
	return err
}

// Worker starts a worker, until the test ends or the returned function is called.
func (b *Bench) Worker(queue string, o worker.Options, register func(worker.Worker)) (stop func()) {
	b.T.Helper()
	w := worker.New(b.Client, queue, patient.Worker(o))
	register(w)
	require.NoError(b.T, w.Start())
	var once sync.Once
	stop = func() { once.Do(w.Stop) }
	b.T.Cleanup(stop)
	return stop
}

// Config is a plugin configuration for the user's worker, without a store of its own.
func (b *Bench) Config(scorers ...verdict.ScorerDefinition) verdict.Config {
	return verdict.Config{StoreTaskQueue: b.VerdictQueue, Scorers: scorers}
}

// UserWorker starts a user's worker with a plugin.
func (b *Bench) UserWorker(cfg verdict.Config, register func(worker.Worker)) (stop func()) {
	b.T.Helper()
	return b.Worker(b.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}}, register)
}

// Start starts a workflow on the user's queue.
func (b *Bench) Start(workflow any, args ...any) client.WorkflowRun {
	b.T.Helper()
	return b.StartWith(client.StartWorkflowOptions{}, workflow, args...)
}

// StartWith is Start with options; the task queue and an id are filled in.
func (b *Bench) StartWith(o client.StartWorkflowOptions, workflow any, args ...any) client.WorkflowRun {
	b.T.Helper()
	if o.TaskQueue == "" {
		o.TaskQueue = b.Queue
	}
	if o.ID == "" {
		o.ID = "run-" + uuid.NewString()[:8]
	}
	run, err := b.Client.ExecuteWorkflow(b.T.Context(), o, workflow, args...)
	require.NoError(b.T, err)
	return run
}

// TimesOut starts runs with ever longer run timeouts until one has timed out late enough, by the types of its events: on a busy machine
// a run may time out before its first workflow task.
func (b *Bench) TimesOut(o client.StartWorkflowOptions, enough func(shape []string) bool, workflow any, args ...any) client.WorkflowRun {
	b.T.Helper()
	for o.WorkflowRunTimeout = 2 * time.Second; ; o.WorkflowRunTimeout *= 2 {
		run := b.StartWith(o, workflow, args...)
		var timeout *temporal.TimeoutError
		require.ErrorAs(b.T, b.Client.GetWorkflow(b.T.Context(), run.GetID(), run.GetRunID()).Get(b.T.Context(), nil), &timeout)
		if enough(Shape(b.History(run))) {
			return run
		}
	}
}

// History returns the events of a run.
func (b *Bench) History(run client.WorkflowRun) *historypb.History {
	b.T.Helper()
	h := &historypb.History{}
	iter := b.Client.GetWorkflowHistory(b.T.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		e, err := iter.Next()
		require.NoError(b.T, err)
		h.Events = append(h.Events, e)
	}
	return h
}

// Reset resets a run to a workflow task, by the event that ended the task, and returns the run that continues from there.
func (b *Bench) Reset(run client.WorkflowRun, event int64) client.WorkflowRun {
	b.T.Helper()
	reset, err := b.Client.ResetWorkflowExecution(b.T.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: devservertest.ForTest(b.T).Namespace, Reason: "test", WorkflowTaskFinishEventId: event, RequestId: uuid.NewString(),
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
	})
	require.NoError(b.T, err)
	return b.Client.GetWorkflow(b.T.Context(), run.GetID(), reset.RunId)
}

// Shape returns the event types of a history, without their common prefix.
func Shape(h *historypb.History) []string {
	var shape []string
	for _, e := range h.Events {
		shape = append(shape, e.EventType.String())
	}
	return shape
}

// Eventually waits until check returns nil, and fails with its last error otherwise.
func (b *Bench) Eventually(check func() error) {
	b.T.Helper()
	Eventually(b.T, Patience, check)
}

// Patience is how long a test waits for a condition on a busy machine: only a condition that never comes true takes so
// long.
const Patience = 5 * time.Minute

// Eventually waits until check returns nil, and fails with its last error after the limit.
func Eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(t, errors.Join(errors.New("it never came true"), err))
		case <-tick.C:
		}
	}
}

// Waiting waits until n scorers wait for outcomes about key.
func (b *Bench) Waiting(key string, n int) {
	b.T.Helper()
	b.Eventually(func() error {
		open, err := b.Store.Waiting(b.T.Context(), time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		got := 0
		for _, e := range open {
			for _, ev := range e.Events {
				if ev.Key == key {
					got++
					break
				}
			}
		}
		if got != n {
			return fmt.Errorf("%d scorers wait for %s", got, key)
		}
		return nil
	})
}

// Scores returns the current scores of a run, once there are n in a final state.
func (b *Bench) Scores(run client.WorkflowRun, n int) []string {
	b.T.Helper()
	var got []string
	b.Eventually(func() error {
		scores, err := b.Store.Scores(b.T.Context(), store.Filter{Run: verdictRun(run)})
		if err != nil {
			return err
		}
		got = nil
		pending := 0
		for _, s := range scores {
			text := s.Name + "=" + s.ValueText()
			if s.ValueText() == "" {
				text = s.Name + ":" + string(s.State)
			}
			if s.State == "pending" {
				pending++
			}
			got = append(got, text)
		}
		if len(got) != n || pending > 0 {
			return fmt.Errorf("%d scores, %d of them pending: %v", len(got), pending, got)
		}
		return nil
	})
	return got
}

// Log collects log lines.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// Contains tells whether a line contains text.
func (l *Log) Contains(text string) bool { return strings.Contains(l.String(), text) }

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func verdictRun(run client.WorkflowRun) scoring.Run {
	return scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
}

// Recorded returns the variant that is in the statistics of an experiment for a run, once it is known how the run ended;
// empty if the run is out of them.
func (b *Bench) Recorded(experiment string, run client.WorkflowRun) string {
	b.T.Helper()
	variant := ""
	b.Eventually(func() error {
		runs, err := b.Store.Runs(b.T.Context(), store.RunFilter{Run: verdictRun(run)})
		if err != nil || len(runs) != 1 || runs[0].Status == "" {
			return errors.Join(errors.New("the run's end is not known"), err)
		}
		served := slices.ContainsFunc(runs[0].Assigned, func(ref scoring.Ref) bool { return ref.Experiment == experiment && ref.Probability > 0 })
		all, err := b.Store.Assignments(b.T.Context(), experiment, "")
		for _, a := range all {
			if a.FirstRunID != runs[0].FirstRunID {
				continue
			}
			if variant = a.Variant; a.Unserved || !experiments.Counted(a.By) {
				variant = ""
			}
			return err
		}
		if served {
			return errors.Join(errors.New("the assignment is not recorded yet"), err)
		}
		return err
	})
	return variant
}
