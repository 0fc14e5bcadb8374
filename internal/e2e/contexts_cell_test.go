package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nexus-rpc/sdk-go/nexus"
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// contexts makes one call in one context, and finds what became of it.
type contexts struct {
	*harness.Bench
	t          *testing.T
	cfg        verdict.Config
	one, other *experiments.Experiment
	endpoint   string

	mu       sync.Mutex
	refusals []error           // of the current cell
	answers  map[string]string // by cell
}

// at says in which place a run makes which call. Its name is in all that the call records.
type at struct{ Place, Call, Cell string }

// decided is a scorer that waits for nothing.
var decided = verdict.NewScorer("decided", "1", func(_ workflow.Context, cell string) (scoring.Score, error) {
	return verdict.Bool(cell, true), nil
})

func newContexts(t *testing.T) *contexts {
	b := harness.New(t, nil)
	b.StoreWorker()
	c := &contexts{
		Bench: b, t: t, answers: map[string]string{},
		one: experiment(t, "contexts-"+b.Queue, 1, ""), other: experiment(t, "contexts-other-"+b.Queue, 1, ""),
	}
	c.cfg = b.Config(decided)
	c.cfg.Store, c.cfg.TokenKey = b.Store, []byte(strings.Repeat("k", 32))
	c.cfg.Attributes = []string{"cell"}
	c.cfg.Judges = []judges.Judge{judges.NewScripted("good", judges.Reply{Verdict: judges.Verdict{State: scoring.Scored, Value: scoring.BoolValue(true)}})}
	c.cfg.Refused = func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refusals = append(c.refusals, err)
	}
	b.Verdict = verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, TokenKeys: [][]byte{c.cfg.TokenKey}})
	service := nexus.NewService("contexts")
	require.NoError(t, service.Register(nexus.NewSyncOperation("make", func(ctx context.Context, a at, _ nexus.StartOperationOptions) (nexus.NoValue, error) {
		return nil, c.makeInActivity(ctx, a)
	})))
	b.Worker(b.Queue, worker.Options{EnableSessionWorker: true, Plugins: []worker.Plugin{verdict.NewPlugin(c.cfg)}}, func(w worker.Worker) {
		c.register(w)
		w.RegisterActivityWithOptions(c.makeInActivity, activity.RegisterOptions{Name: "make"})
		w.RegisterNexusService(service)
	})
	c.endpoint = "contexts-" + uuid.NewString()[:8]
	_, err := b.Client.OperatorService().CreateNexusEndpoint(t.Context(), &operatorservice.CreateNexusEndpointRequest{Spec: &nexuspb.EndpointSpec{
		Name: c.endpoint,
		Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
			Worker: &nexuspb.EndpointTarget_Worker{Namespace: "default", TaskQueue: b.Queue},
		}},
	}})
	require.NoError(t, err)
	return c
}

func (c *contexts) register(r interface {
	RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions)
}) {
	r.RegisterWorkflowWithOptions(c.run, workflow.RegisterOptions{Name: "contexts"})
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, cell string) error {
		verdict.Score(ctx, cell, 1)
		return nil
	}, workflow.RegisterOptions{Name: "shadowed"})
}

// run makes a call in a place, and ends once it may.
func (c *contexts) run(ctx workflow.Context, a at) error {
	verdict.Score(ctx, "own", 1)
	var pick verdict.Pick
	if a.Call == "Shadow" {
		pick = verdict.Experiment(ctx, c.other, verdict.ThisRun)
	}
	made := false
	call := func(ctx workflow.Context) {
		c.makeInWorkflow(ctx, a, pick)
		made = true
	}
	await := func() error { return workflow.Await(ctx, func() bool { return made }) }
	options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute}
	err := errors.New("no such place")
	switch a.Place {
	case "workflow function":
		call(ctx)
		err = nil
	case "coroutine":
		workflow.Go(ctx, call)
		err = await()
	case "update handler":
		err = workflow.SetUpdateHandler(ctx, "make", func(ctx workflow.Context) error { call(ctx); return nil })
	case "validator":
		err = workflow.SetUpdateHandlerWithOptions(ctx, "make", func(workflow.Context) error { return nil },
			workflow.UpdateHandlerOptions{Validator: func(ctx workflow.Context) error { call(ctx); return nil }})
	case "signal handler":
		workflow.Go(ctx, func(ctx workflow.Context) {
			workflow.GetSignalChannel(ctx, "make").Receive(ctx, nil)
			call(ctx)
		})
		err = await()
	case "query handler":
		err = workflow.SetQueryHandler(ctx, "make", func() (bool, error) { call(ctx); return true, nil })
	case "side effect":
		err = workflow.SideEffect(ctx, func(ctx workflow.Context) any { call(ctx); return true }).Get(&made)
	case "local activity":
		ctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
		err = workflow.ExecuteLocalActivity(ctx, "make", a).Get(ctx, nil)
	case "activity":
		ctx := workflow.WithActivityOptions(ctx, options)
		err = workflow.ExecuteActivity(ctx, "make", a).Get(ctx, nil)
	case "session":
		var inSession workflow.Context
		inSession, err = workflow.CreateSession(workflow.WithActivityOptions(ctx, options), &workflow.SessionOptions{
			CreationTimeout: time.Minute, ExecutionTimeout: time.Minute,
		})
		if err == nil {
			err = workflow.ExecuteActivity(inSession, "make", a).Get(inSession, nil)
			workflow.CompleteSession(inSession)
		}
	case "nexus operation":
		err = workflow.NewNexusClient(c.endpoint, "contexts").ExecuteOperation(ctx, "make", a,
			workflow.NexusOperationOptions{ScheduleToCloseTimeout: time.Minute}).Get(ctx, nil)
	}
	workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
	return errors.Join(err, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }))
}

func (c *contexts) makeInWorkflow(ctx workflow.Context, a at, pick verdict.Pick) {
	switch a.Call {
	case "Score":
		verdict.Score(ctx, a.Cell, 1)
	case "Session":
		verdict.Session(ctx, "cell", a.Cell)
	case "Attribute":
		verdict.Attribute(ctx, "cell", a.Cell)
	case "DeclareKey":
		verdict.DeclareKey(ctx, a.Cell)
	case "TokenFor":
		c.answered(a, verdict.TokenFor(ctx))
	case "Flush":
		verdict.Flush(ctx, "made")
	case "Defer":
		verdict.Defer(ctx, decided, a.Cell)
	case "Experiment":
		verdict.Experiment(ctx, c.one, verdict.ThisRun)
	case "Shadow":
		shadow := map[string]string{"a": "b", "b": "a"}[pick.Variant]
		verdict.Shadow(ctx, pick, shadow, "shadowed", a.Cell)
	case "Judge":
		c.answered(a, string(verdict.Judge(ctx, "good", judges.Sample{Output: "x"}).State))
	}
}

func (c *contexts) makeInActivity(ctx context.Context, a at) error {
	if a.Call != "Score" {
		return fmt.Errorf("%s has an activity form now: make it here", a.Call)
	}
	verdict.Score(ctx, a.Cell, 1)
	return nil
}

func (c *contexts) answered(a at, answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[a.Cell] = answer
}

// cell returns what became of a call in a place.
func (c *contexts) cell(place, call string) string {
	a := at{place, call, place + "/" + call}
	c.mu.Lock()
	c.refusals = nil
	c.mu.Unlock()
	run := c.make(a)
	c.mu.Lock()
	refusals := slices.Clone(c.refusals)
	c.mu.Unlock()
	if len(refusals) == 0 {
		c.Eventually(func() error {
			if c.happened(a, run) {
				return nil
			}
			return fmt.Errorf("%s was neither recorded nor refused", a.Cell)
		})
		return wasRecorded
	}
	for _, err := range refusals {
		var invalid *scoring.InvalidError
		require.ErrorAs(c.t, err, &invalid)
		require.ErrorContains(c.t, err, call+": ")
	}
	require.False(c.t, c.happened(a, run), "%s was refused, and recorded all the same: %v", a.Cell, refusals)
	return wasRefused
}

// make lets a run, or a standalone activity, make the call, and returns the run once it has ended. Its replay makes no
// other commands and sees the same scores.
func (c *contexts) make(a at) client.WorkflowRun {
	ctx, cancel := context.WithTimeout(c.t.Context(), harness.Patience)
	defer cancel()
	if a.Place == "standalone activity" {
		h, err := c.Client.ExecuteActivity(ctx, client.StartActivityOptions{
			ID: "alone-" + uuid.NewString(), TaskQueue: c.Queue, StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: time.Minute,
		}, "make", a)
		require.NoError(c.t, err)
		require.NoError(c.t, h.Get(ctx, nil))
		return nil
	}
	run := c.Start("contexts", a)
	switch a.Place {
	case "update handler", "validator":
		c.Eventually(func() error { // the server rejects it until the run has a handler
			h, err := c.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
				WorkflowID: run.GetID(), RunID: run.GetRunID(), UpdateName: "make", WaitForStage: client.WorkflowUpdateStageCompleted,
			})
			if err != nil {
				return err
			}
			return h.Get(ctx, nil)
		})
	case "query handler":
		c.Eventually(func() error {
			_, err := c.Client.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), "make")
			return err
		})
	case "signal handler":
		require.NoError(c.t, c.Client.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), "make", nil))
	}
	require.NoError(c.t, c.Client.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), "end", nil))
	require.NoError(c.t, run.Get(ctx, nil), a.Cell)
	require.Contains(c.t, c.told(run), "own", a.Cell)
	replay(c.t, c.Bench, run, func(r worker.WorkflowReplayer) { c.register(r) }, verdict.NewPlugin(c.cfg))
	answer, err := c.Client.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), workflows.ScoresQuery)
	require.NoError(c.t, err)
	var replayed []scoring.Record
	require.NoError(c.t, answer.Get(&replayed))
	var names []string
	for _, r := range replayed {
		names = append(names, r.Name)
	}
	require.ElementsMatch(c.t, names, c.told(run), "%s: a replay sees other scores", a.Cell)
	return run
}

// told returns the names of the scores that the run's own code has made, once it is known how the run ended.
func (c *contexts) told(run client.WorkflowRun) (names []string) {
	c.Eventually(func() error {
		runs, err := c.Store.Runs(c.t.Context(), store.RunFilter{Run: of(run)})
		if err != nil || len(runs) != 1 || runs[0].Status != scoring.RunCompleted {
			return fmt.Errorf("the run's end is not known: %v, %w", runs, err)
		}
		return nil
	})
	for _, r := range c.scores(store.Filter{Run: of(run)}) {
		if r.Source == scoring.FromWorkflow {
			names = append(names, r.Name)
		}
	}
	return names
}

func (c *contexts) scores(f store.Filter) []scoring.Record {
	all, err := c.Store.Scores(c.t.Context(), f)
	require.NoError(c.t, err)
	return all
}

// happened tells whether the call did its work.
func (c *contexts) happened(a at, run client.WorkflowRun) bool {
	c.mu.Lock()
	answer := c.answers[a.Cell]
	c.mu.Unlock()
	switch a.Call {
	case "Session":
		return len(c.scores(store.Filter{Run: of(run), Session: scoring.Session{Key: "cell", ID: a.Cell}})) > 0
	case "Attribute":
		known, err := c.Store.Runs(c.t.Context(), store.RunFilter{Run: of(run)})
		require.NoError(c.t, err)
		return len(known) == 1 && slices.ContainsFunc(known[0].Attributes, func(x scoring.Attribute) bool { return x.Value == a.Cell })
	case "DeclareKey":
		declared, err := c.Store.RunOfKey(c.t.Context(), a.Cell)
		return err == nil && declared.RunID == run.GetRunID()
	case "TokenFor":
		if answer == "" {
			return false
		}
		require.NoError(c.t, c.Verdict.Score(c.t.Context(), verdict.Token(answer), "by_token", true))
		return len(c.scores(store.Filter{Run: of(run), Name: "by_token"})) == 1
	case "Flush":
		return slices.Contains(changesIn(c.History(run)), "verdict/f/made")
	case "Experiment":
		all, err := c.Store.Assignments(c.t.Context(), c.one.Definition().Name, "")
		require.NoError(c.t, err)
		return slices.ContainsFunc(all, func(x scoring.Assignment) bool { return x.Run.RunID == run.GetRunID() })
	case "Judge":
		asked := slices.ContainsFunc(c.History(run).Events, func(e *historypb.HistoryEvent) bool {
			return e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "verdict.Judge"
		})
		return asked && answer == string(scoring.Scored)
	}
	scored := c.scores(store.Filter{Name: a.Cell, States: []scoring.State{scoring.Scored}}) // Score, Defer, Shadow
	return len(scored) == 1
}

// changesIn returns the change ids of a history.
func changesIn(h *historypb.History) (ids []string) {
	for _, e := range h.Events {
		for _, id := range e.GetMarkerRecordedEventAttributes().GetDetails()["change-id"].GetPayloads() {
			ids = append(ids, strings.Trim(string(id.Data), `"`))
		}
	}
	return ids
}
