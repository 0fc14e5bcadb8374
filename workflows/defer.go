package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// MaxDeferred is how many scorers a run may start. Past 2,000 open children the server fails the workflow task for
// ever, and the run has children of its own. Whether a run starts one more must be what it was when its history was made,
// so this never changes.
const MaxDeferred = 1000

var maxDeferred = MaxDeferred // fewer in a test

// ErrorTypeTooManyScorers is the type of the error that Defer returns at [MaxDeferred].
const ErrorTypeTooManyScorers = "verdict.TooManyScorers"

// DeferOptions are the options of one call of Defer.
type DeferOptions struct {
	Start Start
	Step  scoring.Step
}

// deferral is a scorer that a run wants to start.
type deferral struct {
	name, version string
	options       DeferOptions
}

// startScorer starts a scorer as an abandoned child and returns its execution once the server has acknowledged it: a child
// whose start is not awaited is never started. The context is disconnected, so that the run's cancellation does not
// take the scorer with it.
func startScorer(ctx workflow.Context, d deferral, in any) (workflow.Execution, error) {
	r, err := from(ctx, "Defer")
	if r == nil {
		return workflow.Execution{}, err
	}
	if err := r.mayStart(1); err != nil {
		return workflow.Execution{}, err
	}
	if err := checkPayload(ctx, "input", r.around()+sizeOf(in)); err != nil {
		return workflow.Execution{}, err
	}
	// The ordinal gives each call of a scorer a change id and a child id of its own.
	r.deferred[d.name]++
	ordinal := r.deferred[d.name]
	legacy := d.name
	if ordinal > 1 {
		legacy = fmt.Sprintf("%s/%d", d.name, ordinal)
	}
	c := call{kind: deferKind, name: fmt.Sprintf("%s.%d", d.name, ordinal), legacy: legacy, wanted: launched, newest: launched}
	if r.version(ctx, c) == workflow.DefaultVersion {
		return workflow.Execution{}, nil
	}
	started, err := r.launch(ctx, d, r.part(c, d.name), []any{in}, []string{strconv.Itoa(ordinal)})
	return started[0], err
}

// startScorers starts a scorer for each of ins, under one change id, and returns once the server has acknowledged all.
func startScorers(ctx workflow.Context, d deferral, ins []any) ([]workflow.Execution, error) {
	none := make([]workflow.Execution, len(ins))
	r, err := from(ctx, "DeferAll")
	if r == nil {
		return none, err
	}
	if err := r.mayStart(len(ins)); err != nil {
		return none, err
	}
	for _, in := range ins {
		if err := checkPayload(ctx, "input", r.around()+sizeOf(in)); err != nil {
			return none, err
		}
	}
	r.deferredAll[d.name]++
	c := call{kind: deferAllKind, name: fmt.Sprintf("%s.%d", d.name, r.deferredAll[d.name]), wanted: launched, newest: launched}
	if r.version(ctx, c) == workflow.DefaultVersion {
		return none, nil
	}
	suffixes := make([]string, len(ins))
	for i := range ins {
		suffixes[i] = fmt.Sprintf("all-%d/%d", r.deferredAll[d.name], i+1)
	}
	return r.launch(ctx, d, r.part(c, d.name), ins, suffixes)
}

func (r *run) mayStart(n int) error {
	if r.open+n > maxDeferred {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("verdict: a run starts at most %d scorers", maxDeferred), ErrorTypeTooManyScorers, nil)
	}
	return nil
}

// launch starts scorers side by side, each with a child id of its own: the scorer's name in ids, what a reset keeps, and
// the call's own suffix.
func (r *run) launch(ctx workflow.Context, d deferral, name string, ins []any, suffixes []string) ([]workflow.Execution, error) {
	if r.cfg.ScorerTaskQueue == "" && !slices.Contains(r.scorers, d.name) {
		// Nothing is lost: it waits for a worker that has it. But that is hardly what was meant.
		workflow.GetLogger(ctx).Error("Verdict: the scorer is not among the plugin's Scorers; it waits for a worker that has it", "Scorer", d.name)
	}
	info := workflow.GetInfo(ctx)
	env := Envelope{
		Scorer: d.name, Version: d.version, Run: runOf(info), Step: d.options.Step,
		FirstRunID: chainOf(info), OriginalRunID: info.OriginalRunID,
		WorkflowType: info.WorkflowType.Name, RunStartedAt: info.WorkflowStartTime,
		Assigned: r.assigned, Sessions: r.sessions,
		Start: d.options.Start, TaskQueue: r.cfg.TaskQueue, SearchAttributes: r.cfg.indexed(ctx),
		Shadow: r.shadow != nil, Silent: r.cfg.silent(ctx),
	}
	// Never cancelled: that would ask the server to cancel the children.
	here := r.here(ctx)
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	start := func(i, incarnation int) workflow.ChildWorkflowFuture {
		id := scorerID(name, info.OriginalRunID, suffixes[i], incarnation)
		return workflow.ExecuteChildWorkflow(r.childOptions(ctx, id, env), ScorerPrefix+d.name, env, ins[i])
	}
	started, errs := make([]workflow.Execution, len(ins)), make([]error, len(ins))
	each := 2 * sizeOfRefs(env.Assigned) // in the envelope, and in the header
	for _, session := range env.Sessions {
		each += scoring.EncodedText(session.Key) + scoring.EncodedText(session.ID)
	}
	for begin, end := 0, 0; begin < len(ins); begin = end {
		end = begin + together(ins[begin:], each)
		children := make([]workflow.ChildWorkflowFuture, end)
		for i := begin; i < end; i++ {
			children[i] = start(i, 1)
		}
		for i := begin; i < end; i++ {
			errs[i] = children[i].GetChildWorkflowExecution().Get(here, &started[i])
			for n := 1; temporal.IsWorkflowExecutionAlreadyStartedError(errs[i]); {
				// The run was reset to before this call, and the scorer of the run that was reset away is still there. Its input may
				// be another one, so it gives way to a new incarnation.
				n = r.giveWay(ctx, here, n, func(n int) string { return scorerID(name, info.OriginalRunID, suffixes[i], n) })
				errs[i] = start(i, n).GetChildWorkflowExecution().Get(here, &started[i])
			}
			if errs[i] == nil {
				r.open++
			}
		}
	}
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) == 1 {
		return started, failed[0] // as it is: a run that fails with it has its type
	}
	return started, errors.Join(failed...)
}

// What is started in one workflow task must fit into the 4 MB of a request: so many scorers, and so many bytes of JSON of
// their inputs and of what each is told of the run. Beside that a scorer takes up to 12 KB, for a workflow id of a thousand
// bytes that JSON escapes. Runs that are open have begun with these numbers.
const (
	maxTogether      = 100
	maxTogetherBytes = 1_500_000
)

// together returns how many scorers, of the first inputs, start in one workflow task, if each is told so many bytes.
func together(ins []any, each int) int {
	bytes := 0
	for i, in := range ins {
		if bytes += each + sizeOf(in); i > 0 && (i == maxTogether || bytes > maxTogetherBytes) {
			return i
		}
	}
	return len(ins)
}

// giveWay cancels the incarnations of a scorer from n on, of which n is there, and returns the number of the next one. The
// server takes a cancellation for every workflow that is or was there, and for no other, so a few tasks find the next one
// among any number.
func (r *run) giveWay(ctx, here workflow.Context, n int, id func(int) string) (next int) {
	if workflow.GetVersion(ctx, giveWayChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
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

// scorerID is the workflow id of a scorer: a function of what a reset keeps.
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
