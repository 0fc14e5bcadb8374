package workflows

import (
	"cmp"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// MaxDeferred is how many scorers a run may start. Past 2,000 open children the server fails the workflow task for
// ever, and the run has children of its own.
const MaxDeferred = 1000

// ErrorTypeTooManyScorers is the type of the error that Defer returns at [MaxDeferred].
const ErrorTypeTooManyScorers = "verdict.TooManyScorers"

// DeferOptions are the options of one call of Defer.
type DeferOptions struct {
	Start Start
	Step  scoring.Step
}

// startScorer starts a scorer as an abandoned child and returns its execution once the server has acknowledged it: a child
// whose start is not awaited is never started. The context is disconnected, so that the run's cancellation does not
// take the scorer with it.
func startScorer(ctx workflow.Context, name, version string, in any, o DeferOptions) (workflow.Execution, error) {
	r := from(ctx, "Defer")
	if r == nil {
		return workflow.Execution{}, nil
	}
	if most := cmp.Or(r.cfg.MaxDeferred, MaxDeferred); r.open >= most {
		return workflow.Execution{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("verdict: a run starts at most %d scorers", most), ErrorTypeTooManyScorers, nil)
	}
	// The ordinal gives each call of a scorer a change id and a child id of its own.
	r.deferred[name]++
	ordinal := r.deferred[name]
	change := deferChange + name
	if ordinal > 1 {
		change = fmt.Sprintf("%s/%d", change, ordinal)
	}
	if !versioned(ctx, r, change) {
		return workflow.Execution{}, nil
	}
	if r.cfg.ScorerTaskQueue == "" && !slices.Contains(r.scorers, name) {
		// Nothing is lost: it waits for a worker that has it. But that is hardly what was meant.
		workflow.GetLogger(ctx).Error("Verdict: the scorer is not among the plugin's Scorers; it waits for a worker that has it", "Scorer", name)
	}
	info := workflow.GetInfo(ctx)
	env := Envelope{
		Scorer: name, Version: version, Run: runOf(info), Step: o.Step,
		FirstRunID: chainOf(info), OriginalRunID: info.OriginalRunID,
		WorkflowType: info.WorkflowType.Name, RunStartedAt: info.WorkflowStartTime,
		Assigned: r.assigned, Sessions: r.sessions,
		Start: o.Start, TaskQueue: r.cfg.TaskQueue, SearchAttributes: r.cfg.indexed(ctx),
		Shadow: r.shadow != nil, Silent: r.cfg.silent(ctx),
	}
	// Never cancelled: that would ask the server to cancel the child.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	id := fmt.Sprintf("verdict/scorer/%s/%s/%d", name, info.OriginalRunID, ordinal)
	for incarnation := 1; ; incarnation++ {
		childID := id
		if incarnation > 1 {
			childID = fmt.Sprintf("%s/%d", id, incarnation)
		}
		var execution workflow.Execution
		err := workflow.ExecuteChildWorkflow(r.childOptions(ctx, childID, env), ScorerPrefix+name, env, in).
			GetChildWorkflowExecution().Get(ctx, &execution)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			if err == nil {
				r.open++
			}
			return execution, err
		}
		// The run was reset to before this call, and the scorer of the run that was reset away is still there. Its input may
		// be another one, so it gives way to a new incarnation.
		_ = workflow.RequestCancelExternalWorkflow(ctx, childID, "").Get(ctx, nil)
	}
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
