package promises

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// environment is where cells run that differ in what they do only.
type environment struct {
	*harness.Bench
	user    user
	cfg     verdict.Config
	options client.Options
	away    atomic.Bool // the store that the user's worker has
}

// another is a namespace besides the default one.
var another struct {
	sync.Once
	name string
}

func newEnvironment(t *testing.T, c cell) *environment {
	e := &environment{Bench: harness.New(t, nil)}
	dialed := e.Dial(func(o *client.Options) {
		if c.codec() == "encrypting" {
			o.DataConverter = harness.Encrypting("key")
		}
		if c.namespace() == "another namespace" {
			another.Do(func() { another.name = devservertest.ForTest(t).NewNamespace(t) })
			o.Namespace = another.name
		}
		e.options = *o
	})
	e.Bench = e.By(dialed)
	e.Verdict = verdict.NewClient(e.Client, verdict.ClientOptions{StoreTaskQueue: e.VerdictQueue})
	e.user = newUser(e.Queue)
	e.cfg = e.Config(e.user.definitions()...)
	if c.store() != "no store" {
		e.cfg.Store = &troubled{Store: e.Store, away: &e.away, slow: c.store() == "slow store"}
		e.away.Store(c.store() == "store away and back")
	}
	e.StoreWorker()
	e.work(c)
	return e
}

// work starts the user's worker.
func (e *environment) work(c cell) {
	o := worker.Options{}
	switch c.worker() {
	case "one slot":
		o.MaxConcurrentLocalActivityExecutionSize = 1
	case "rate":
		o.WorkerLocalActivitiesPerSecond = 0.2
	case "tuner":
		tuner, err := worker.NewFixedSizeTuner(worker.FixedSizeTunerOptions{
			NumWorkflowSlots: 100, NumActivitySlots: 100, NumLocalActivitySlots: 1, NumNexusSlots: 1,
		})
		require.NoError(e.T, err)
		o.Tuner = tuner
	case "lives for 3 s":
		e.workInTurns()
		return
	}
	held, release := make(chan struct{}, 1), make(chan struct{})
	o.Plugins = []worker.Plugin{verdict.NewPlugin(e.cfg)}
	e.Worker(e.Queue, o, func(w worker.Worker) {
		e.user.register(w)
		w.RegisterWorkflowWithOptions(hog(held, release), workflow.RegisterOptions{Name: "hog"})
	})
	switch c.worker() {
	case "one slot", "rate", "tuner": // what there is is taken
		run := e.Start("hog")
		<-held
		e.T.Cleanup(func() { close(release); _ = run.Get(context.Background(), nil) })
	}
}

// workInTurns has one worker after the other, each for 3 s.
func (e *environment) workInTurns() {
	over, ended := make(chan struct{}), make(chan struct{})
	e.T.Cleanup(func() { close(over); <-ended })
	go func() {
		defer close(ended)
		turn := time.NewTicker(3 * time.Second)
		defer turn.Stop()
		for {
			w := worker.New(e.Client, e.Queue, worker.Options{
				Plugins: []worker.Plugin{verdict.NewPlugin(e.cfg)}, DeadlockDetectionTimeout: patient.Deadlock,
			})
			e.user.register(w)
			if err := w.Start(); err != nil {
				e.T.Error(err)
				return
			}
			select {
			case <-turn.C:
				w.Stop()
			case <-over:
				w.Stop()
				return
			}
		}
	}()
}

// hog holds a local-activity slot until it is released.
func hog(held chan<- struct{}, release <-chan struct{}) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Hour})
		return workflow.ExecuteLocalActivity(ctx, func(ctx context.Context) error {
			select {
			case held <- struct{}{}:
			default:
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		}).Get(ctx, nil)
	}
}

// troubled is a store that is slow, or away.
type troubled struct {
	store.Store
	away *atomic.Bool
	slow bool
}

func (s *troubled) wait(ctx context.Context) error {
	if s.away.Load() {
		return errors.New("the store is away")
	}
	if s.slow {
		timer := time.NewTimer(200 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *troubled) Record(ctx context.Context, records []scoring.Record) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Record(ctx, records)
}

func (s *troubled) Flush(ctx context.Context, f scoring.Flush) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Flush(ctx, f)
}

func (s *troubled) Assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	if err := s.wait(ctx); err != nil {
		return a, err
	}
	return s.Store.Assign(ctx, a)
}

// start starts the run of a cell and returns it once it has ended, with what it was served.
func (e *environment) start(ctx context.Context, c cell) (played, error) {
	j := job{Names: c.names(), Where: c.where(), Does: c.does(), Key: uuid.NewString() + suffixes[c.names()]}
	o := client.StartWorkflowOptions{ID: "run-" + uuid.NewString()[:8], TaskQueue: e.Queue}
	if c.does() == "retry" {
		o.RetryPolicy = retryOnce
	}
	p := played{cell: c, job: j}
	run, err := e.Client.ExecuteWorkflow(ctx, o, "promised", j, false)
	if err != nil {
		return p, err
	}
	p.first, p.last = run.GetRunID(), run
	if c.where() == "update handler" {
		if err := e.update(ctx, run); err != nil {
			return p, err
		}
	}
	if err := run.Get(ctx, &p.served); err != nil {
		return p, err
	}
	if c.does() == "reset" {
		return p, e.reset(ctx, &p)
	}
	p.last = e.Client.GetWorkflow(ctx, run.GetID(), "")
	return p, nil
}

// update sends the run its update. A worker that lives for three seconds may not answer within the SDK's time for a call,
// so the same update is sent until it is accepted.
func (e *environment) update(ctx context.Context, run client.WorkflowRun) error {
	for first := true; ; first = false {
		_, err := e.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			UpdateID: "do", WorkflowID: run.GetID(), RunID: run.GetRunID(), UpdateName: "do", WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		var closed *serviceerror.NotFound
		switch {
		case !first && errors.As(err, &closed):
			return nil // it was accepted, and the run has ended
		case ctx.Err() != nil:
			return err
		case errors.As(err, new(*client.WorkflowUpdateServiceTimeoutOrCanceledError)):
		case errors.As(err, new(*serviceerror.WorkflowNotReady)): // the worker stopped in the middle of a task, which failed
		default:
			return err
		}
	}
}
