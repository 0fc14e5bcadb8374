package workflows

import (
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"
)

// The hooks of this file are called by a newer SDK than the one in go.mod. Its interface has them and the older one
// does not, so the next interceptor is checked for them at the call.

// SDK 1.51 calls NewContinueAsNewErrorWithOptions instead of NewContinueAsNewError.
func (w *workflowOutbound) NewContinueAsNewErrorWithOptions(ctx workflow.Context, options workflow.ContinueAsNewErrorOptions, wfn any, args ...any) error {
	send(ctx)
	next := w.Next.(interface {
		NewContinueAsNewErrorWithOptions(workflow.Context, workflow.ContinueAsNewErrorOptions, any, ...any) error
	})
	return next.NewContinueAsNewErrorWithOptions(ctx, options, wfn, args...)
}

// outboundOf is workflowOutbound with the hook of workflow.SignalWithStartWorkflow, which SDK 1.51 has. The run that it
// starts is started by this one, as a child is. O is the type of the hook's options, which SDK 1.50 cannot name.
type outboundOf[O any] struct{ workflowOutbound }

func (w *outboundOf[O]) SignalWithStartWorkflow(ctx workflow.Context, options O, id, signal string, arg any, workflowType string, args ...any) workflow.Future {
	send(ctx)
	next := w.Next.(interface {
		SignalWithStartWorkflow(workflow.Context, O, string, string, any, string, ...any) workflow.Future
	})
	return next.SignalWithStartWorkflow(ctx, options, id, signal, arg, workflowType, args...)
}

// newOutbound returns our outbound interceptor before next, with every hook that the SDK calls.
func newOutbound(next interceptor.WorkflowOutboundInterceptor) interceptor.WorkflowOutboundInterceptor {
	return outboundFor((*sdkHooks).SignalWithStartWorkflow, next)
}

// outboundFor takes O from the hook that the SDK has. Only the instance is known to implement the interface.
func outboundFor[O any](
	_ func(*sdkHooks, workflow.Context, O, string, string, any, string, ...any) workflow.Future, next interceptor.WorkflowOutboundInterceptor,
) interceptor.WorkflowOutboundInterceptor {
	var w any = &outboundOf[O]{workflowOutbound{interceptor.WorkflowOutboundInterceptorBase{Next: next}}}
	return w.(interceptor.WorkflowOutboundInterceptor)
}

// sdkHooks has the hooks of whichever SDK it is compiled with: of two promoted methods of one name Go takes the
// shallower one, which is the SDK's if it has one.
type sdkHooks struct {
	interceptor.WorkflowOutboundInterceptorBase
	older
}

type (
	older  struct{ absent }
	absent struct{}
)

// SignalWithStartWorkflow replaces the hook that SDK 1.50 lacks. Nothing calls it.
func (absent) SignalWithStartWorkflow(workflow.Context, struct{}, string, string, any, string, ...any) workflow.Future {
	return nil
}
