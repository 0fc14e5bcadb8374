package workflows

import (
	"fmt"
	"slices"
	"strconv"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// MaxDeferred is how many scorers a run may start, of both forms. Past 2,000 open children the server fails the workflow task for
// ever, and the run has children of its own. A replay must decide the same as the first execution whether a run starts
// one more, so this never changes.
const MaxDeferred = 1000

var maxDeferred = MaxDeferred // fewer in a test

// ErrorTypeTooManyScorers is the type of the error that Defer returns at [MaxDeferred].
const ErrorTypeTooManyScorers = "verdict.TooManyScorers"

// DeferOptions are the options of one call of Defer.
type DeferOptions struct {
	Start Start
	Step  scoring.Step
	// AtEnd lets a declared scorer ride in the run's flush alone.
	AtEnd bool
}

// deferral is a scorer that a run wants to start.
type deferral struct {
	name, version string
	options       DeferOptions
	declared      bool
	waits         []declaration // one an input; nil if it is a workflow
	refused       error         // why it must not be
}

// Deferred names a scorer that was started: the workflow id and run id of its execution, or the identity of a declared one
// ([scoring.Expectation.Identity]), which has no run id. Both are empty if none was.
type Deferred struct {
	ID, RunID string

	err error
}

// Started tells whether the scorer was started.
func (d Deferred) Started() bool { return d.ID != "" }

// Err says why a scorer that should have been started was not: its input was refused ([scoring.ErrorTypeInvalid]), the run has
// [MaxDeferred] of them ([ErrorTypeTooManyScorers]), or the server refused it. It is nil where nothing was to be started: in a
// run that was open when the call was added to its code, and without the plugin.
func (d Deferred) Err() error { return d.err }

// startScorer starts a scorer: a declared one by what waits, any other as an abandoned child. It returns the child's execution
// once the server has acknowledged it: a child whose start is not awaited is never started. The context is disconnected, so
// that the run's cancellation does not take the scorer with it.
func startScorer(ctx workflow.Context, d deferral, in any) Deferred {
	const what = "Defer"
	r, err := d.begin(ctx, what, in)
	if err != nil {
		return Deferred{err: r.refuseDeferral(ctx, what, d, err)}
	}
	if r == nil {
		return Deferred{}
	}
	// The ordinal gives each call of a scorer a change id and a child id of its own.
	r.deferred[d.name]++
	ordinal := r.deferred[d.name]
	legacy := d.name
	if ordinal > 1 {
		legacy = fmt.Sprintf("%s/%d", d.name, ordinal)
	}
	c := call{kind: deferKind, name: fmt.Sprintf("%s.%d", d.name, ordinal), legacy: legacy}
	return r.start(ctx, what, d, c, []any{in}, []string{strconv.Itoa(ordinal)})[0]
}

// start starts scorers in the form that the history has: a scorer that was a workflow when it was deferred stays one, though
// it is declared now.
func (r *run) start(ctx workflow.Context, what string, d deferral, c call, ins []any, suffixes []string) []Deferred {
	c.wanted, c.newest, c.declared = launched, waitsBySideEffect, d.waits != nil
	if c.declared {
		c.wanted = r.pick(ctx, waitsByActivity, waitsBySideEffect)
	}
	silent := c.declared && (d.options.AtEnd || r.shadow != nil) // it adds nothing to the history
	version := workflow.Version(workflow.DefaultVersion)
	if silent {
		version = r.found(ctx, c)
	} else {
		version = r.version(ctx, c)
	}
	switch {
	case version == launched:
		return r.launch(ctx, what, d, r.part(c, d.name), ins, suffixes)
	case version == workflow.DefaultVersion && !silent:
		return make([]Deferred, len(ins))
	case !c.declared:
		noChild(d.name)
	}
	return r.wait(ctx, version, d, suffixes)
}

// startScorers starts a scorer for each of ins, under one change id, and returns once all are started.
func startScorers(ctx workflow.Context, d deferral, ins []any) []Deferred {
	const what = "DeferAll"
	none := make([]Deferred, len(ins))
	r, err := d.begin(ctx, what, ins...)
	if err != nil {
		err = r.refuseDeferral(ctx, what, d, err)
		for i := range none {
			none[i].err = err
		}
		return none
	}
	if r == nil {
		return none
	}
	r.deferredAll[d.name]++
	c := call{kind: deferAllKind, name: fmt.Sprintf("%s.%d", d.name, r.deferredAll[d.name])}
	suffixes := make([]string, len(ins))
	for i := range ins {
		suffixes[i] = fmt.Sprintf("all-%d/%d", r.deferredAll[d.name], i+1)
	}
	return r.start(ctx, what, d, c, ins, suffixes)
}

// begin returns the run that defers a scorer, or why it may not. Without a plugin it returns neither.
func (d deferral) begin(ctx workflow.Context, what string, ins ...any) (*run, error) {
	r := of(ctx, what)
	if r == nil {
		return nil, nil
	}
	if err := r.mayCommand(ctx, what); err != nil {
		return r, activities.Refuse(err)
	}
	if d.refused != nil {
		return r, d.refused
	}
	if err := r.mayStart(len(ins)); err != nil {
		return r, err
	}
	if d.waits != nil {
		return r, activities.Refuse(r.checkWaits(ctx, d))
	}
	for _, in := range ins {
		if err := checkPayload(ctx, "input", r.around()+sizeOf(in)); err != nil {
			return r, err
		}
	}
	return r, nil
}

// refuseDeferral makes known that scorers were not started, by a score in state error under the scorer's name as well. Its key
// is its own: other scorers of that name may have been started. It returns the error.
func (r *run) refuseDeferral(ctx workflow.Context, what string, d deferral, err error) error {
	s := scoring.Score{Name: d.name, Key: d.name + "@" + d.version + "/refused"}
	r.refuseNamed(ctx, what, r.record(ctx, scoring.Record{Score: s, Step: d.options.Step}), err)
	return err
}

func (r *run) mayStart(n int) error {
	if r.open+n > maxDeferred {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("verdict: a run starts at most %d scorers", maxDeferred), ErrorTypeTooManyScorers, nil)
	}
	return nil
}

// launch starts scorers side by side, each with a child id of its own: the scorer's name, the run id that a reset
// keeps, and the call's own suffix.
func (r *run) launch(ctx workflow.Context, what string, d deferral, name string, ins []any, suffixes []string) []Deferred {
	if r.cfg.ScorerTaskQueue == "" && !slices.Contains(r.scorers, d.name) {
		// Nothing is lost: it waits for a worker with that scorer. But it is hardly intended.
		workflow.GetLogger(ctx).Error("Verdict: the scorer is not among the plugin's Scorers; it waits for a worker that has it", "Scorer", d.name)
	}
	info := workflow.GetInfo(ctx)
	env := Envelope{
		Scorer: d.name, Version: d.version, Run: runOf(info), Step: d.options.Step,
		FirstRunID: chainOf(info), OriginalRunID: info.OriginalRunID,
		WorkflowType: info.WorkflowType.Name, RunStartedAt: info.WorkflowStartTime,
		Assigned: r.assigned, Sessions: r.sessions,
		Start: d.options.Start, TaskQueue: r.cfg.TaskQueue, SearchAttributes: r.cfg.indexed(ctx),
		Shadow: r.shadow != nil, Silent: r.cfg.silent(ctx), Declared: d.declared,
	}
	// Never cancelled: that would ask the server to cancel the children.
	here := r.here(ctx)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	start := func(i, incarnation int) workflow.ChildWorkflowFuture {
		id := scorerID(name, info.OriginalRunID, suffixes[i], incarnation)
		return workflow.ExecuteChildWorkflow(r.childOptions(ctx, id, env), ScorerPrefix+d.name, env, ins[i])
	}
	started := make([]Deferred, len(ins))
	each := 2*sizeOfRefs(env.Assigned) + sizeOfSessions(env.Sessions) // in the envelope, and in the header
	for begin, end := 0, 0; begin < len(ins); begin = end {
		end = begin + together(ins[begin:], each)
		children := make([]workflow.ChildWorkflowFuture, end)
		for i := begin; i < end; i++ {
			children[i] = start(i, 1)
		}
		for i := begin; i < end; i++ {
			started[i] = acknowledged(here, children[i])
			for n := 1; temporal.IsWorkflowExecutionAlreadyStartedError(started[i].err); {
				// The run was reset to before this call, and the scorer of the run that was reset away still exists. Its input may
				// differ, so a new incarnation replaces it.
				n = r.giveWay(ctx, here, n, func(n int) string { return scorerID(name, info.OriginalRunID, suffixes[i], n) })
				started[i] = acknowledged(here, start(i, n))
			}
			if err := started[i].err; err != nil {
				_ = r.refuseDeferral(ctx, what, d, err)
				continue
			}
			r.open++
		}
	}
	return started
}

// acknowledged waits until the server has acknowledged the start of a scorer, or refused it.
func acknowledged(here workflow.Context, child workflow.ChildWorkflowFuture) (d Deferred) {
	var e workflow.Execution
	if d.err = child.GetChildWorkflowExecution().Get(here, &e); d.err == nil {
		d.ID, d.RunID = e.ID, e.RunID
	}
	return d
}

// All starts of one workflow task must fit into the 4 MB of a request: so many scorers, and so many bytes of JSON of
// their inputs and envelopes. In addition a scorer takes up to 12 KB, for a workflow id of a thousand bytes that JSON
// escapes. Open runs depend on these numbers.
const (
	maxTogether      = 100
	maxTogetherBytes = 1_500_000
)

// together returns how many scorers, of the first inputs, start in one workflow task, if each gets so many bytes of
// envelope.
func together(ins []any, each int) int {
	bytes := 0
	for i, in := range ins {
		if bytes += each + sizeOf(in); i > 0 && (i == maxTogether || bytes > maxTogetherBytes) {
			return i
		}
	}
	return len(ins)
}

// giveWay cancels the incarnations of a scorer from n on, where n exists, and returns the number of the next one. The
// server accepts a cancellation exactly for workflows that exist or have existed, so a few tasks find the next one
// among any number.
func (r *run) giveWay(ctx, here workflow.Context, n int, id func(int) string) (next int) {
	if getVersion(ctx, giveWayChange, 1) == workflow.DefaultVersion {
		_ = workflow.RequestCancelExternalWorkflow(ctx, id(n), "").Get(here, nil)
		return n + 1
	}
	for width := 4; ; width *= 2 {
		asked := make([]workflow.Future, width)
		for i := range asked {
			asked[i] = workflow.RequestCancelExternalWorkflow(ctx, id(n+i), "")
		}
		next = 0
		for i, future := range asked {
			if err := future.Get(here, nil); err != nil && next == 0 && i > 0 {
				next = n + i
			}
		}
		if next > 0 {
			return next
		}
		n += width
	}
}

// scorerID is the workflow id of a scorer: a function of ids that a reset keeps.
func scorerID(name, originalRunID, suffix string, incarnation int) string {
	id := fmt.Sprintf("verdict/scorer/%s/%s/%s", name, originalRunID, suffix)
	if incarnation > 1 {
		id = fmt.Sprintf("%s/%d", id, incarnation)
	}
	return id
}

func (r *run) childOptions(ctx workflow.Context, id string, env Envelope) workflow.Context {
	options := workflow.ChildWorkflowOptions{
		WorkflowID: id, TaskQueue: r.cfg.ScorerTaskQueue,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		Priority:              temporal.Priority{PriorityKey: 5},
		// Else the scorer of a pinned run is pinned to that run's build until its first task is done, and waits for ever if
		// the build is gone before. Servers before 1.32 do not know the field.
		VersioningOverride: &client.AutoUpgradeVersioningOverride{},
		StaticSummary:      summary("scores " + env.Run.WorkflowID),
	}
	if env.SearchAttributes {
		key := temporal.NewSearchAttributeKeyKeywordList(ScorerAttribute)
		options.TypedSearchAttributes = temporal.NewSearchAttributes(key.ValueSet(Keywords(nil, env.Assigned, "run="+env.Run.WorkflowID)))
	}
	return workflow.WithChildOptions(ctx, options)
}
