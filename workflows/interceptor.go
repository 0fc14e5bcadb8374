package workflows

import (
	"context"

	"github.com/nexus-rpc/sdk-go/nexus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// NewInterceptor returns the worker interceptor of the plugin: it opens a buffer when a run begins, flushes it when the
// user's function has returned, carries assignments to children and continued runs, and puts recorder into every
// activity's context. Of several such interceptors on a worker the outermost owns, the others do nothing.
func NewInterceptor(cfg *Config, recorder *activities.Recorder) interceptor.WorkerInterceptor {
	return &workerInterceptor{cfg: cfg, recorder: recorder}
}

type workerInterceptor struct {
	interceptor.WorkerInterceptorBase
	cfg      *Config
	recorder *activities.Recorder
}

func (w *workerInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &activityInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, w.cfg, w.recorder}
}

func (w *workerInterceptor) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &workflowInbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, cfg: w.cfg, recorder: w.recorder}
}

func (w *workerInterceptor) InterceptNexusOperation(_ context.Context, next interceptor.NexusOperationInboundInterceptor) interceptor.NexusOperationInboundInterceptor {
	return &nexusInbound{interceptor.NexusOperationInboundInterceptorBase{Next: next}, w.cfg}
}

// nexusInbound makes refusals known: a Nexus operation is part of no run, so it can record nothing.
type nexusInbound struct {
	interceptor.NexusOperationInboundInterceptorBase
	cfg *Config
}

func (n *nexusInbound) StartOperation(ctx context.Context, in interceptor.NexusStartOperationInput) (nexus.HandlerStartOperationResult[any], error) {
	return n.Next.StartOperation(activities.WithRefused(ctx, n.cfg.Refused), in)
}

func (n *nexusInbound) CancelOperation(ctx context.Context, in interceptor.NexusCancelOperationInput) error {
	return n.Next.CancelOperation(activities.WithRefused(ctx, n.cfg.Refused), in)
}

type activityInbound struct {
	interceptor.ActivityInboundInterceptorBase
	cfg      *Config
	recorder *activities.Recorder
}

func (a *activityInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	recorder := a.recorder
	if of := activity.GetInfo(ctx).WorkflowType; of != nil {
		recorder = a.cfg.recorderOf(of.Name, recorder)
	}
	return a.Next.ExecuteActivity(activities.WithRecorder(ctx, recorder), in)
}

type workflowInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	cfg      *Config
	recorder *activities.Recorder
	run      *run // nil until the run begins, in a run of ours, and where another instance of the plugin owns
}

func (w *workflowInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return w.Next.Init(newOutbound(outbound))
}

func (w *workflowInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	outer, owned := ctx.Value(runKey{}).(*run)
	if owned {
		outer.scorers = append(outer.scorers, w.cfg.Scorers...) // the worker has those too
	}
	if owned || w.cfg.ours(workflow.GetInfo(ctx).WorkflowType.Name) || !w.cfg.encodes(ctx) {
		return w.Next.ExecuteWorkflow(withConfig(ctx, w.cfg), in)
	}
	r := newRun(w.cfg, w.cfg.recorderOf(workflow.GetInfo(ctx).WorkflowType.Name, w.recorder))
	r.assigned, r.shadow = inherited(ctx), shadowOf(ctx)
	ctx = workflow.WithValue(ctx, runKey{}, r)
	err := workflow.SetQueryHandlerWithOptions(ctx, ScoresQuery, r.snapshot, workflow.QueryHandlerOptions{
		Description: "The scores that this run has made so far. Argument: how many of them to skip.",
	})
	if err != nil {
		return nil, err
	}
	w.run = r
	var result any
	r.within(ctx, func() {
		if r.shadow != nil {
			r.beginShadow(ctx)
		}
		// Not in a defer and never recovering: blocking while a panic unwinds would panic again.
		result, err = w.Next.ExecuteWorkflow(ctx, in)
		r.end(ctx, err)
	})
	return result, err
}

// ExecuteUpdate gives an update handler the run: the SDK gives it a new context.
func (w *workflowInbound) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (result any, err error) {
	if w.run == nil {
		return w.Next.ExecuteUpdate(ctx, in)
	}
	ctx = workflow.WithValue(ctx, runKey{}, w.run)
	w.run.within(ctx, func() { result, err = w.Next.ExecuteUpdate(ctx, in) })
	return result, err
}

// ValidateUpdate gives a validator the run.
func (w *workflowInbound) ValidateUpdate(ctx workflow.Context, in *interceptor.UpdateInput) error {
	if w.run != nil {
		ctx = workflow.WithValue(ctx, runKey{}, w.run)
	}
	return w.Next.ValidateUpdate(ctx, in)
}

type configKey struct{}

// withConfig lets a scorer see the configuration of the worker that it runs on.
func withConfig(ctx workflow.Context, cfg *Config) workflow.Context {
	if _, ok := ctx.Value(configKey{}).(*Config); ok {
		return ctx
	}
	return workflow.WithValue(ctx, configKey{}, cfg)
}

// configOf returns the configuration of the worker that a scorer runs on; the zero one without a plugin.
func configOf(ctx workflow.Context) *Config {
	if cfg, ok := ctx.Value(configKey{}).(*Config); ok {
		return cfg
	}
	return &Config{}
}

// inherited reads the assignments that the starter of this run had.
func inherited(ctx workflow.Context) []scoring.Ref {
	payload, ok := interceptor.WorkflowHeader(ctx)[HeaderKey]
	if !ok {
		return nil
	}
	var refs []scoring.Ref
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &refs); err != nil {
		sealed(ctx, payload, err)
		workflow.GetLogger(ctx).Error("Verdict: unreadable assignments in the header", "Error", err)
		return nil
	}
	return refs
}

type workflowOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
}

// send writes the run's assignments into the header of a workflow that it starts, and marks a shadow and the workflows
// that a shadow starts.
func send(ctx workflow.Context) {
	r, ok := ctx.Value(runKey{}).(*run)
	header := interceptor.WorkflowHeader(ctx)
	if !ok || header == nil {
		return
	}
	put := func(key string, value any) {
		payload, err := converter.GetDefaultDataConverter().ToPayload(value)
		if err != nil {
			workflow.GetLogger(ctx).Error("Verdict: a header does not encode", "Header", key, "Error", err)
			return
		}
		header[key] = payload
	}
	if start, ok := ctx.Value(shadowKey{}).(shadow); ok {
		put(ShadowHeaderKey, start)
		return
	}
	if r.shadow != nil {
		put(ShadowHeaderKey, shadow{Served: r.shadow.Served})
	}
	if len(r.assigned) > 0 {
		put(HeaderKey, r.assigned)
	}
}

// Go lets a run know the context of each of its coroutines.
func (w *workflowOutbound) Go(ctx workflow.Context, name string, f func(workflow.Context)) workflow.Context {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return w.Next.Go(ctx, name, f)
	}
	return w.Next.Go(ctx, name, func(ctx workflow.Context) { r.within(ctx, func() { f(ctx) }) })
}

func (w *workflowOutbound) ExecuteChildWorkflow(ctx workflow.Context, childWorkflowType string, args ...any) workflow.ChildWorkflowFuture {
	if r, ok := ctx.Value(runKey{}).(*run); !ok || r.affords(ctx) {
		send(ctx)
	}
	return w.Next.ExecuteChildWorkflow(ctx, childWorkflowType, args...)
}

func (w *workflowOutbound) NewContinueAsNewError(ctx workflow.Context, wfn any, args ...any) error {
	send(ctx)
	return w.Next.NewContinueAsNewError(ctx, wfn, args...)
}

func (w *workflowOutbound) MutableSideEffect(ctx workflow.Context, id string, f func(workflow.Context) any, equals func(a, b any) bool) converter.EncodedValue {
	return w.Next.MutableSideEffect(ctx, id, f, comparing(ctx, equals))
}

func (w *workflowOutbound) MutableSideEffectWithOptions(
	ctx workflow.Context, id string, o workflow.MutableSideEffectOptions, f func(workflow.Context) any, equals func(a, b any) bool,
) converter.EncodedValue {
	return w.Next.MutableSideEffectWithOptions(ctx, id, o, f, comparing(ctx, equals))
}
