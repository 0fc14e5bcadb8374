package e2e

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

// play is one interleaving as it happens.
type play struct {
	plan
	*gates
	ctx  context.Context
	lane *lane
	key  string
	id   string // of the parent
	run  report

	began    time.Time
	timeout  time.Duration // of a parent that times out
	outcomes []scoring.Outcome
	batch    []int // of outcomes, by the order in which they were delivered
	batches  int
	carriers errgroup.Group // delivery workflows under way
}

// errTooSlow: the parent timed out before it had got to where it should.
var errTooSlow = errors.New("the parent timed out too early")

func newPlay(ctx context.Context, l *lane, p plan, timeout time.Duration) *play {
	key := fmt.Sprintf("%d-%s", p.seed, uuid.NewString()[:8])
	y := &play{plan: p, ctx: ctx, lane: l, key: key, id: "interleaving-" + key, began: time.Now(), timeout: timeout}
	y.gates = &gates{
		incarnation: 1, before: newGate(), last: newGate(), receive: map[string]*gate{},
		reports: make(chan report, 16), lost: map[string]bool{p.lost: p.lost != ""},
	}
	for i := 1; i <= 2; i++ {
		y.expect[i], y.settle[i], y.settled[i] = newGate(), newGate(), newGate()
		if p.kind != tallied {
			y.settle[i].opened()
		}
	}
	if !p.inRun {
		y.before.opened()
	}
	if !p.has(inLastTask) {
		y.last.opened()
	}
	for i, s := range p.said {
		v, _ := scoring.NumberValue(s.value) // finite
		o := scoring.Outcome{ID: fmt.Sprintf("%s-%d", key, i), Name: "paid", Key: key, Value: v}
		if s.stamped {
			o.ObservedAt = y.began.UTC().Add(time.Duration(i) * time.Millisecond).Truncate(time.Microsecond)
		}
		y.outcomes = append(y.outcomes, o)
		if s.straddle {
			y.receive[o.ID] = newGate()
		}
	}
	y.batch = make([]int, len(y.outcomes))
	return y
}

// perform plays the interleaving from the start to where nothing is under way any more.
func (y *play) perform() error {
	defer y.free()
	if y.down {
		y.lane.down()
	} else {
		y.lane.up()
	}
	for _, step := range []func() error{y.begin, y.expects, y.waits, y.settles, y.ends} {
		if err := step(); err != nil {
			return err
		}
	}
	return y.carriers.Wait()
}

// free opens all gates.
func (y *play) free() {
	for _, g := range []*gate{y.before, y.last, y.expect[1], y.expect[2], y.settle[1], y.settle[2]} {
		g.opened()
	}
	for _, g := range y.receive {
		g.opened()
	}
}

func (y *play) begin() error {
	if !y.inRun {
		if err := y.deliver(starting); err != nil {
			return err
		}
	}
	if err := y.start(); err != nil {
		return err
	}
	if y.inRun {
		ctx, cancel := y.alive()
		defer cancel()
		select {
		case <-y.before.arrived:
		case <-ctx.Done():
			return y.tooSlow(errors.New("the parent does not begin"))
		}
		if err := y.deliver(starting); err != nil {
			return err
		}
		y.before.opened()
	}
	return y.reported(func(report) bool { return true })
}

// expects brings the scorer to its expectation.
func (y *play) expects() error {
	if err := y.strikeAt(deferred); err != nil {
		return err
	}
	if err := y.deliver(deferred); err != nil {
		return err
	}
	y.lane.up()
	expect := y.expect[y.incarnation]
	if err := y.arrival(expect, "the expectation"); err != nil {
		return err
	}
	if err := y.deliver(expecting); err != nil {
		return err
	}
	for _, g := range y.receive {
		g.opened()
	}
	expect.opened()
	return nil
}

func (y *play) waits() error {
	if y.has(noWorker) {
		y.lane.down()
	}
	if err := y.deliver(waiting); err != nil {
		return err
	}
	if err := y.strikeAt(waiting); err != nil {
		return err
	}
	y.lane.up()
	return nil
}

func (y *play) settles() error {
	if y.kind == tallied {
		if err := y.arrival(y.settle[y.incarnation], "the settlement"); err != nil {
			return err
		}
		if err := y.strikeAt(settling); err != nil {
			return err
		}
		settle := y.settle[y.incarnation]
		if err := y.arrival(settle, "the settlement"); err != nil {
			return err
		}
		if y.has(afterWindow) {
			y.untilClosed()
		}
		if err := y.deliver(settling); err != nil {
			return err
		}
		settle.opened()
	}
	return y.arrival(y.settled[y.incarnation], "the score")
}

func (y *play) ends() error {
	if err := y.strikeAt(closed); err != nil {
		return err
	}
	y.settle[y.incarnation].opened()
	if err := y.arrival(y.settled[y.incarnation], "the score"); err != nil {
		return err
	}
	if y.has(afterWindow) {
		y.untilClosed()
	}
	if err := y.deliver(closed); err != nil {
		return err
	}
	return y.lane.bench.Client.GetWorkflow(y.ctx, y.run.Scorer.ID, "").Get(y.ctx, nil)
}

// untilClosed waits for the end of the window, which is real time.
func (y *play) untilClosed() {
	y.mu.Lock()
	until := y.window.Until
	y.mu.Unlock()
	timer := time.NewTimer(time.Until(until) + time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-y.ctx.Done():
	}
}

func (y *play) arrival(g *gate, what string) error {
	select {
	case <-g.arrived:
		return nil
	case <-y.ctx.Done():
		return fmt.Errorf("%s is waited for in vain", what)
	}
}

// alive returns a context for what happens in a parent before its end. A parent that times out may do so too early when
// the machine is busy.
func (y *play) alive() (context.Context, context.CancelFunc) {
	if y.fate != timesOut {
		return context.WithCancel(y.ctx)
	}
	return context.WithTimeout(y.ctx, y.timeout+time.Second)
}

// reported waits for a parent that has called Defer.
func (y *play) reported(which func(report) bool) error {
	ctx, cancel := y.alive()
	defer cancel()
	for {
		select {
		case r := <-y.reports:
			if which(r) {
				y.run = r
				return nil
			}
		case <-ctx.Done():
			return y.tooSlow(errors.New("nobody calls Defer"))
		}
	}
}

// deliver delivers what is said in a stage, all at once, and returns when it has been carried to whoever waits.
func (y *play) deliver(at stage) error {
	y.batches++
	var all errgroup.Group
	for i, s := range y.said {
		if s.at == at {
			y.batch[i] = y.batches
			y.outcomes[i].ReceivedAt = time.Now().UTC()
			o := y.outcomes[i]
			all.Go(func() error { return y.send(o, s) })
			if s.order == twice {
				all.Go(func() error { return y.send(o, s) })
			}
		}
	}
	if err := all.Wait(); err != nil {
		return err
	}
	for i, s := range y.said {
		if s.again == at {
			o := y.outcomes[i]
			all.Go(func() error { return y.sendAgain(o) })
		}
	}
	return all.Wait()
}

func (y *play) send(o scoring.Outcome, s said) error {
	if err := y.lane.bench.Verdict.Deliver(y.ctx, o); err != nil {
		return err
	}
	carried := func() error {
		return y.lane.bench.Carried(y.ctx, o.ID)
	}
	if s.straddle {
		y.carriers.Go(carried)
		return y.arrival(y.receive[o.ID], "the outcome")
	}
	return carried()
}

// sendAgain delivers an outcome whose first delivery the server has forgotten.
func (y *play) sendAgain(o scoring.Outcome) error {
	o.ReceivedAt = time.Now().UTC() // another delivery, with a receipt of its own
	run, err := y.lane.bench.Client.ExecuteWorkflow(y.ctx, client.StartWorkflowOptions{
		ID: "again/" + o.ID, TaskQueue: y.lane.bench.VerdictQueue,
	}, activities.DeliverWorkflow, o)
	if err != nil {
		return err
	}
	return run.Get(y.ctx, nil)
}

// start starts the parent.
func (y *play) start() error {
	c := y.lane.bench.Client
	in := parentInput{Key: y.key, Trial: y.trial(y.key), Fate: y.fate, DeferAt: y.deferAt}
	o := client.StartWorkflowOptions{ID: y.id, TaskQueue: y.lane.userQueue}
	switch y.fate {
	case timesOut:
		o.WorkflowRunTimeout = y.timeout
	case retries:
		o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 20 * time.Millisecond, MaximumAttempts: 3}
	case scheduled:
		_, err := c.ScheduleClient().Create(y.ctx, client.ScheduleOptions{
			ID: "schedule-" + y.key, TriggerImmediately: true,
			Action: &client.ScheduleWorkflowAction{ID: y.id, Workflow: interleaved, Args: []any{in}, TaskQueue: o.TaskQueue},
		})
		return err
	}
	_, err := c.ExecuteWorkflow(y.ctx, o, interleaved, in)
	return err
}

func (y *play) strikeAt(s stage) error {
	if y.strike != s {
		return nil
	}
	switch y.fate {
	case resetBefore, resetAfter:
		return y.resets()
	default:
		return y.end(y.run.RunID)
	}
}

// end makes a run end as it should, and delivers what comes while its last task is in flight.
func (y *play) end(runID string) error {
	c := y.lane.bench.Client
	held := y.has(inLastTask)
	var err error
	switch {
	case y.fate == isCanceled:
		err = c.CancelWorkflow(y.ctx, y.run.WorkflowID, runID)
	case y.fate == isTerminated && !held:
		err = c.TerminateWorkflow(y.ctx, y.run.WorkflowID, runID, "fate")
	case y.fate == timesOut && !held:
	default:
		err = c.SignalWorkflow(y.ctx, y.run.WorkflowID, runID, endSignal, nil)
	}
	if err != nil {
		return y.tooSlow(err)
	}
	over := make(chan struct{})
	go func() {
		_ = c.GetWorkflow(y.ctx, y.run.WorkflowID, runID).Get(y.ctx, nil) // how it ended is not of interest
		close(over)
	}()
	if held {
		select {
		case <-y.last.arrived:
		case <-over:
			return y.tooSlow(errors.New("the parent ended without a last task"))
		}
		if err := y.deliver(struck); err != nil {
			return err
		}
		switch y.fate {
		case isTerminated:
			err = c.TerminateWorkflow(y.ctx, y.run.WorkflowID, runID, "fate")
		case timesOut:
			<-over
		}
		y.last.opened()
	}
	<-over
	if y.ctx.Err() != nil {
		return errors.New("the parent does not end")
	}
	return err
}

func (y *play) tooSlow(err error) error {
	if y.fate == timesOut {
		return errTooSlow
	}
	return err
}

// resets resets the parent, open or ended, and ends the run that replaces it.
func (y *play) resets() error {
	c := y.lane.bench.Client
	old := y.run
	if y.ended {
		if err := y.end(old.RunID); err != nil {
			return err
		}
	}
	at, err := y.resetPoint(old)
	if err != nil {
		return err
	}
	if y.fate == resetBefore {
		y.expect[1].opened()
		y.settle[1].opened()
		y.mu.Lock()
		y.incarnation = 2
		y.mu.Unlock()
		if y.strike != deferred {
			y.expect[2].opened()
		}
	}
	reset, err := c.ResetWorkflowExecution(y.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", Reason: "fate", WorkflowTaskFinishEventId: at, RequestId: uuid.NewString(),
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: old.WorkflowID, RunId: old.RunID},
	})
	if err != nil {
		return err
	}
	if y.fate == resetBefore {
		if err := y.reported(func(r report) bool { return r.RunID == reset.RunId }); err != nil {
			return err
		}
	}
	y.run.RunID = reset.RunId
	if !y.ended {
		return y.end(reset.RunId)
	}
	_ = c.GetWorkflow(y.ctx, old.WorkflowID, reset.RunId).Get(y.ctx, nil)
	return y.ctx.Err()
}

// resetPoint returns the end of the first workflow task, or that of the last one once the start of the scorer is
// in it.
func (y *play) resetPoint(of report) (int64, error) {
	if y.fate == resetBefore {
		return 4, nil
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		last, begun := int64(0), false
		iter := y.lane.bench.Client.GetWorkflowHistory(y.ctx, of.WorkflowID, of.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iter.HasNext() {
			e, err := iter.Next()
			if err != nil {
				return 0, err
			}
			begun = begun || e.EventType == enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED
			if begun && e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				last = e.EventId
			}
		}
		if last > 0 {
			return last, nil
		}
		select {
		case <-tick.C:
		case <-y.ctx.Done():
			return 0, y.ctx.Err()
		}
	}
}

// lane is where interleavings are played one after another: a user's worker, and the worker of the scorers, which goes
// up and down.
type lane struct {
	bench     *harness.Bench
	userQueue string
	startIt   func() (stop func())
	stop      func()
}

func (l *lane) up() {
	if l.stop == nil {
		l.stop = l.startIt()
	}
}

func (l *lane) down() {
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
}
