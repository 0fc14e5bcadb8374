package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
)

// living is a life as it happens.
type living struct {
	life
	ctx     context.Context
	lane    *lifeLane
	key, id string
	timeout time.Duration // of a run that times out

	called  *gate // in the run, before Defer
	held    *gate // in the run's only task, if that is to be refused
	refused *gate // of a write that the store refuses
	calls   [2]*call
	runs    chan report

	mu       sync.Mutex
	isGone   bool
	firstRun string
	refusals map[string]int
	toLose   string    // the call whose first reply is lost
	input    lifeInput // known once the call is to be made

	run      report // that the score is about
	rivalRun client.WorkflowRun
	outcomes []scoring.Outcome
	phantom  string // the outcome of the key that a refused task waited for
	senders  errgroup.Group
}

// Times of a life. Outcomes happen at once when the run has begun and say that they arrived then, whenever they are committed,
// unless they are to be late.
const (
	shortLife  = 100 * time.Millisecond // a window that ends
	longLife   = time.Hour
	allowance  = 50 * time.Millisecond
	graceOfOne = time.Hour
)

func newLiving(ctx context.Context, l *lifeLane, p life, timeout time.Duration) *living {
	key := uuid.NewString()[:13]
	y := &living{
		life: p, ctx: ctx, lane: l, key: key, id: lifePrefix + key, timeout: timeout, called: newGate(), held: newGate(), refused: newGate(),
		calls: [2]*call{newCall(), newCall()}, runs: make(chan report, 16), refusals: map[string]int{}, toLose: p.lost,
	}
	y.refused.opened()
	for i, t := range p.told {
		v, _ := scoring.NumberValue(float64(int(1) << i)) // finite
		o := scoring.Outcome{ID: fmt.Sprintf("%s-%d", key, i), Name: "paid", Key: key, Value: v}
		if t.shipped {
			o.Name = "shipped"
		}
		y.outcomes = append(y.outcomes, o)
		if t.moment == storeAway {
			y.refusals[o.ID] = 2
		}
	}
	return y
}

// lives plays a life from the start to where nothing of it is under way.
func (y *living) lives() error {
	defer func() {
		y.goes(false)
		for _, g := range []*gate{y.called, y.held, y.calls[0].keep, y.calls[0].kept} {
			g.opened()
		}
		y.calls[0].opened()
		y.calls[1].opened()
	}()
	for _, step := range []func() error{y.begins, y.defers, y.strikes, y.closes} {
		if err := step(); err != nil {
			return err
		}
	}
	return y.senders.Wait()
}

// begins brings the run to its call of Defer, with what comes before it.
func (y *living) begins() error {
	if y.rival != noRival {
		var err error
		y.rivalRun, err = y.lane.bench.Client.ExecuteWorkflow(y.ctx, client.StartWorkflowOptions{
			ID: "rival-" + y.key, TaskQueue: y.lane.rivalQueue(y.rival),
		}, "rival", lifeInput{Key: y.key, Rule: y.rule, Since: time.Now().Add(-time.Minute), Until: time.Now().Add(longLife)})
		if err != nil {
			return err
		}
		if err := y.rivalRun.Get(y.ctx, nil); err != nil {
			return err
		}
	}
	if err := y.start(); err != nil {
		return err
	}
	ctx, cancel := y.alive()
	defer cancel()
	select {
	case y.run = <-y.runs:
	case <-ctx.Done():
		return y.tooSlow(errors.New("the run does not begin"))
	}
	y.mu.Lock()
	y.firstRun = y.run.RunID
	y.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	in := lifeInput{
		Key: y.key, Rule: y.rule, Attribution: y.attribution, Since: now.Add(-10 * time.Second), Until: now.Add(longLife), Allowance: allowance,
		AtEnd: y.atEnd, Refused: y.fate == isRefused,
	}
	if y.ends < moments {
		in.Until = now.Add(shortLife)
	}
	if y.grace {
		in.Grace = graceOfOne
	}
	y.input = in
	for i, t := range y.told {
		o := &y.outcomes[i]
		o.ObservedAt = now.Add(time.Duration(t.after+1) * time.Millisecond)
		if t.moment == outside {
			o.ObservedAt = in.Until.Add(o.ObservedAt.Sub(now))
		}
		o.ReceivedAt = o.ObservedAt.Add(time.Millisecond)
		if t.moment == unheeded {
			o.ReceivedAt = in.Until.Add(allowance + time.Millisecond)
		}
	}
	return y.tell(uncalled)
}

// defers lets the run defer, and holds what the plan holds.
func (y *living) defers() error {
	y.stage(keeping)
	y.called.opened()
	if y.fate == isRefused {
		if err := y.losesTask(); err != nil {
			return err
		}
	} else if err := y.keeps(y.calls[0]); err != nil {
		return err
	}
	y.stage(opened)
	if y.ends == opened {
		y.untilEnded()
	}
	return y.tell(opened)
}

// losesTask has the server refuse the task in which the run waits for another key, when that has its score.
func (y *living) losesTask() error {
	y.calls[0].opened()
	if err := y.arrival(y.held, "the task that is to be refused"); err != nil {
		return err
	}
	v, _ := scoring.NumberValue(512) // finite
	o := scoring.Outcome{ID: y.key + "-phantom", Name: "paid", Key: phantomOf(y.key), Value: v, ObservedAt: y.input.Since.Add(time.Second)}
	o.ReceivedAt = o.ObservedAt
	y.phantom = o.ID
	if _, err := y.lane.store.Receive(y.ctx, o); err != nil && !errors.Is(err, errLost) {
		return err
	}
	if err := y.lane.bench.Client.SignalWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID, "another", nil); err != nil {
		return err
	}
	y.held.opened()
	return y.keeps(y.calls[1])
}

// keeps holds the writing of a call.
func (y *living) keeps(c *call) error {
	if y.ends == keeping {
		y.untilEnded()
	}
	switch {
	case y.isAway():
		if err := y.arrival(y.refused, "a write that is refused"); err != nil {
			return err
		}
		c.opened()
	case y.atEnd:
	case y.has(keeping, atKeep, keptNow):
		if err := y.passes(c.keep, c.kept, keeping, atKeep, keptNow); err != nil {
			return err
		}
	default:
		c.keep.opened()
		c.kept.opened()
	}
	return nil
}

// passes holds a write before its commit and after it, with what comes before, with and after it.
func (y *living) passes(before, after *gate, first, with, then moment) error {
	if err := y.arrival(before, first.String()); err != nil {
		return err
	}
	if err := y.tell(first); err != nil {
		return err
	}
	var both errgroup.Group
	both.Go(func() error { return y.tell(with) })
	before.opened()
	if err := errors.Join(both.Wait(), y.arrival(after, then.String())); err != nil {
		return err
	}
	err := y.tell(then)
	after.opened()
	return err
}

// strikes has the run's fate come, with what comes meanwhile.
func (y *living) strikes() error {
	c := y.calls[0]
	switch y.fate {
	case isRefused:
		return y.lastTask(y.calls[1])
	case resetBefore, resetAfter:
		if y.life.ended {
			c.opened()
			if err := y.end(); err != nil {
				return err
			}
			if err := y.closed(); err != nil {
				return err
			}
		}
		if err := y.resets(); err != nil {
			return err
		}
		if c.opened(); y.fate == resetBefore {
			y.calls[1].keep.opened()
			y.calls[1].kept.opened()
		}
		c = y.calls[1]
	}
	if err := y.end(); err != nil {
		return err
	}
	return y.lastTask(c)
}

// lastTask holds the run's flush and waits for the run's end.
func (y *living) lastTask(c *call) error {
	y.stage(flushing)
	c.keep.opened()
	if y.ends == flushing {
		y.untilEnded()
	}
	switch {
	case y.flushes() && !y.isAway() && y.has(flushing, atFlush, flushedNow):
		c.kept.opened()
		if err := y.passes(c.flush, c.flushed, flushing, atFlush, flushedNow); err != nil {
			return err
		}
	default:
		c.opened()
		for _, m := range []moment{flushing, atFlush, flushedNow} {
			if err := y.tell(m); err != nil {
				return err
			}
		}
	}
	if err := y.closed(); err != nil {
		return err
	}
	if y.fate == isRefused && !y.wasRefused() {
		return errTooSlow // the SDK has given the task back before its signal came
	}
	y.stage(over)
	if y.ends == over {
		y.untilEnded()
	}
	return y.tell(over)
}

// closes has the window end and the closer write that.
func (y *living) closes() error {
	if err := y.known(); err != nil || !y.late() {
		return err
	}
	if err := y.tell(windowOver); err != nil {
		return err
	}
	var both errgroup.Group
	both.Go(func() error { return y.tell(atClose) })
	both.Go(y.lane.close)
	if err := both.Wait(); err != nil {
		return err
	}
	if err := y.lane.close(); err != nil {
		return err
	}
	return y.tell(afterClose)
}

// known waits until the store has the expectation of the run that holds. A run that timed out before its call was kept has none.
func (y *living) known() error {
	ctx, cancel := y.alive()
	defer cancel()
	err := eventually(ctx, func() error {
		records, err := y.scores(scoring.Run{WorkflowID: y.run.WorkflowID, RunID: y.run.RunID})
		if err == nil && len(records) == 0 {
			err = errors.New("the store does not know the scorer")
		}
		return err
	})
	if err != nil {
		return y.tooSlow(err)
	}
	return nil
}

// stage has the store go away and come back.
func (y *living) stage(m moment) {
	switch m {
	case y.away[0]:
		y.goes(y.away[1] != 0)
	case y.away[1]:
		y.goes(false)
	}
}

// untilEnded waits for the window's end and the allowance, which are real time.
func (y *living) untilEnded() {
	timer := time.NewTimer(time.Until(y.input.Until.Add(allowance)) + time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-y.ctx.Done():
	}
}

func (y *living) arrival(g *gate, what string) error {
	ctx, cancel := y.alive()
	defer cancel()
	select {
	case <-g.arrived:
		return nil
	case <-ctx.Done():
		return y.tooSlow(fmt.Errorf("%s: it is waited for in vain", what))
	}
}

func (y *living) alive() (context.Context, context.CancelFunc) {
	if y.fate != timesOut {
		return context.WithCancel(y.ctx)
	}
	return context.WithTimeout(y.ctx, y.timeout+time.Second)
}

func (y *living) tooSlow(err error) error {
	if y.fate == timesOut {
		return errTooSlow
	}
	return err
}

// tell delivers what comes at a moment, all at once, and returns when the store has it.
func (y *living) tell(at moment) error {
	var all errgroup.Group
	for i, t := range y.told {
		if t.at != at && t.again != at {
			continue
		}
		o := y.outcomes[i]
		all.Go(func() error { return y.send(o, t.carried) })
		if t.moment == oneIDTwice {
			all.Go(func() error { return y.send(o, t.carried) })
		}
	}
	return all.Wait()
}

// send delivers an outcome as a service does, or as a receiver that has the store and repeats what is not taken.
func (y *living) send(o scoring.Outcome, carried bool) error {
	if !carried {
		return eventually(y.ctx, func() error {
			_, err := y.lane.store.Receive(y.ctx, o)
			return err
		})
	}
	if err := y.lane.bench.Verdict.Deliver(y.ctx, o); err != nil {
		return err
	}
	return y.lane.bench.Carried(y.ctx, o.ID)
}

func (y *living) start() error {
	c := y.lane.bench.Client
	in := lifeRun{Key: y.key, Fate: y.fate, DeferAt: y.deferAt}
	o := client.StartWorkflowOptions{ID: y.id, TaskQueue: y.lane.bench.Queue}
	switch y.fate {
	case isRefused:
		o.WorkflowTaskTimeout = patientTask.WorkflowTaskTimeout
	case timesOut:
		o.WorkflowRunTimeout = y.timeout
	case retries:
		o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaximumAttempts: 3}
	case scheduled:
		_, err := c.ScheduleClient().Create(y.ctx, client.ScheduleOptions{
			ID: "schedule-" + y.key, TriggerImmediately: true,
			Action: &client.ScheduleWorkflowAction{ID: y.id, Workflow: "lived", Args: []any{in}, TaskQueue: o.TaskQueue},
		})
		return err
	}
	_, err := c.ExecuteWorkflow(y.ctx, o, "lived", in)
	return err
}

// end makes the run end as it should.
func (y *living) end() error {
	c := y.lane.bench.Client
	var err error
	switch y.fate {
	case isCanceled:
		err = c.CancelWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID)
	case isTerminated:
		// Only when the call has returned: else the store may never hear of it.
		if err = y.returned(); err == nil {
			err = c.TerminateWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID, "fate")
		}
	case timesOut:
		err = y.returned()
	default:
		err = c.SignalWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID, endSignal, nil)
	}
	if err != nil && y.fate != resetBefore && y.fate != resetAfter { // a run that was reset may have ended by itself
		return y.tooSlow(err)
	}
	return nil
}

// returned waits until the call of Defer has returned, and its task is over.
func (y *living) returned() error {
	ctx, cancel := y.alive()
	defer cancel()
	err := eventually(ctx, func() error {
		_, err := y.task(ctx, 1)
		return err
	})
	if err != nil {
		return y.tooSlow(err)
	}
	return nil
}

func (y *living) closed() error {
	_ = y.lane.bench.Client.GetWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID).Get(y.ctx, nil) // how it ended is not of interest
	if y.ctx.Err() != nil {
		return errors.New("the run does not end")
	}
	return nil
}

// resets resets the run to before its call, or to after it.
func (y *living) resets() error {
	c := y.lane.bench.Client
	at := int64(4) // the end of the first task
	if err := y.returned(); err != nil {
		return err
	}
	if y.fate == resetAfter {
		if !y.life.ended {
			if err := c.SignalWorkflow(y.ctx, y.run.WorkflowID, y.run.RunID, "tick", nil); err != nil {
				return err
			}
		}
		err := eventually(y.ctx, func() (err error) {
			at, err = y.task(y.ctx, 2)
			return err
		})
		if err != nil {
			return err
		}
	}
	reset, err := c.ResetWorkflowExecution(y.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", Reason: "fate", WorkflowTaskFinishEventId: at, RequestId: uuid.NewString(),
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: y.run.WorkflowID, RunId: y.run.RunID},
	})
	if err == nil {
		y.run.RunID = reset.RunId
	}
	return err
}

// wasRefused tells whether the server has refused a task of the run.
func (y *living) wasRefused() bool {
	iter := y.lane.bench.Client.GetWorkflowHistory(y.ctx, y.run.WorkflowID, y.run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		if e, err := iter.Next(); err != nil || e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
			return err == nil
		}
	}
	return false
}

// task returns the end of the nth workflow task of the run, from the one in which the call of Defer returned. A busy machine has tasks
// before that one, which only say that the run is alive, and more after it: a child carries what the store did not take.
func (y *living) task(ctx context.Context, n int) (int64, error) {
	iter := y.lane.bench.Client.GetWorkflowHistory(ctx, y.run.WorkflowID, y.run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	tasks := 0
	for iter.HasNext() {
		e, err := iter.Next()
		if err != nil {
			return 0, err
		}
		at := e.EventId
		switch {
		case tasks == 0 && y.returns(e.GetMarkerRecordedEventAttributes()):
			at = e.GetMarkerRecordedEventAttributes().WorkflowTaskCompletedEventId
		case tasks == 0 || e.EventType != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			continue
		}
		if tasks++; tasks == n {
			return at, nil
		}
	}
	return 0, fmt.Errorf("%d of its tasks from the call on are over, not %d", tasks, n)
}

// returns tells whether a marker says that the call of Defer has returned.
func (y *living) returns(m *historypb.MarkerRecordedEventAttributes) bool {
	says := `"ActivityType":"VerdictWait"`
	if y.atEnd { // which adds nothing to a history
		says = `"ActivityType":"calledNow"`
	}
	for _, p := range m.GetDetails()["data"].GetPayloads() {
		if strings.Contains(string(p.Data), says) {
			return true
		}
	}
	return false
}

// eventually repeats f until it returns nil.
func eventually(ctx context.Context, f func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
