package workflows

import (
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// shadow marks a run as the shadow of a served run. It travels in a header of its own.
type shadow struct {
	// Of is the variant that it shadows, with the first run of the served chain. Nil in workflows that a shadow starts,
	// which inherit the shadow's assignment.
	Of *scoring.Ref `json:"of,omitempty"`
	// Served has the assignments of the served run: the shadow behaves the same in every other experiment, and counts in
	// none.
	Served []scoring.Ref `json:"served,omitempty"`
}

// Shadow starts child, as another variant, in parallel to a run that was assigned a, and returns once the server has
// acknowledged it. The run never hears from it again.
func Shadow(ctx workflow.Context, a scoring.Assignment, variant string, child any, args ...any) {
	const what = "Shadow"
	r := of(ctx, what)
	if r == nil {
		return
	}
	err := r.mayCommand(ctx, what)
	if err == nil {
		err = scoring.CheckName("variant", variant)
	}
	if err != nil {
		r.refuse(ctx, what, err)
		return
	}
	if r.shadow != nil {
		return // a shadow has none
	}
	ref, ok := find(r.assigned, a)
	name := keyOf(a) + "/" + variant
	if !ok || ref.Probability == 0 || r.outside[keyOf(a)] || ref.Variant == variant || r.shadowed[name] {
		return
	}
	c := call{kind: shadowKind, name: shadowName(a.Experiment, a.Version, variant), legacy: name, wanted: launched, newest: launched}
	size := 0
	for _, arg := range args {
		size += sizeOf(arg)
	}
	if err := checkPayload(ctx, "arguments", size); err != nil {
		r.refuse(ctx, what, err)
		return
	}
	if r.version(ctx, c) == workflow.DefaultVersion {
		return
	}
	r.shadowed[name] = true
	here := r.here(ctx)
	// Never cancelled: that would ask the server to cancel the child.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	of := ref
	of.Variant = variant
	ctx = workflow.WithValue(ctx, shadowKey{}, shadow{Of: &of, Served: r.assigned})
	options := workflow.GetChildWorkflowOptions(ctx)
	options.WorkflowID = fmt.Sprintf("verdict/shadow/%s/%s/%s", r.part(c, keyOf(a)), r.part(c, variant), workflow.GetInfo(ctx).OriginalRunID)
	options.ParentClosePolicy = enumspb.PARENT_CLOSE_POLICY_ABANDON
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	if options.Priority == (temporal.Priority{}) {
		options.Priority.PriorityKey = 5
	}
	err = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), child, args...).
		GetChildWorkflowExecution().Get(here, nil)
	// An existing one is the shadow of a run that was reset to before the call.
	if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		r.refuse(ctx, what, err)
	}
}

// shadowKey is the context key for the header that Shadow passes to the interceptor.
type shadowKey struct{}

// shadowOf reads whether this run is a shadow, or was started by one.
func shadowOf(ctx workflow.Context) *shadow {
	payload, ok := interceptor.WorkflowHeader(ctx)[ShadowHeaderKey]
	if !ok {
		return nil
	}
	s := &shadow{}
	if err := converter.GetDefaultDataConverter().FromPayload(payload, s); err != nil {
		sealed(ctx, payload, err)
		workflow.GetLogger(ctx).Error("Verdict: unreadable shadow in the header", "Error", err)
	}
	return s // in any case this run must not count
}

// beginShadow assigns a shadow its variant, as a fact of its own chain.
func (r *run) beginShadow(ctx workflow.Context) {
	of := r.shadow.Of
	if of == nil {
		return
	}
	wanted := workflow.Version(shadowBySideEffect) // a replay looks for every shape
	if !workflow.IsReplaying(ctx) {
		if r.cfg.disabled(workflow.GetInfo(ctx).WorkflowType.Name) {
			return
		}
		wanted = r.pick(ctx, shadowByActivity, shadowBySideEffect)
	}
	a := scoring.Assignment{
		Experiment: of.Experiment, Version: of.Version, Epoch: of.Epoch, Variant: of.Variant, By: scoring.ByShadow,
		Probabilities: map[string]float64{of.Variant: 1}, Unit: of.FirstRunID,
	}
	switch getVersion(ctx, beginShadowChange, wanted) {
	case shadowByActivity:
		r.assign(ctx, nil, a, a, r.assignByActivity)
	case shadowBySideEffect:
		r.assign(ctx, nil, a, a, r.assignBySideEffect)
	}
}

// find returns the reference to an assignment of a's experiment and version.
func find(refs []scoring.Ref, a scoring.Assignment) (scoring.Ref, bool) {
	for _, ref := range refs {
		if ref.Experiment == a.Experiment && ref.Version == a.Version {
			return ref, true
		}
	}
	return scoring.Ref{}, false
}
