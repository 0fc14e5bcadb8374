package workflows

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
)

// starts are the calls of a workflow that start or continue a run. What the run was assigned goes with each of them.
var starts = []string{
	"ExecuteChildWorkflow",
	"NewContinueAsNewError",
	"NewContinueAsNewErrorWithOptions", // from SDK 1.51 on
	"SignalWithStartWorkflow",          // from SDK 1.51 on
}

// reviewed are the hooks that somebody has looked at, by interface, and that start no run. A new SDK's hook is in neither list: read what
// it does, override it if it starts or continues a run or takes the place of a hook that we override, and add it.
var reviewed = map[reflect.Type][]string{
	reflect.TypeFor[interceptor.WorkflowOutboundInterceptor](): {
		// A step of the same run, which carries the run's id.
		"ExecuteActivity", "ExecuteLocalActivity",
		// Another service's, maybe in another namespace: what it starts is no part of the unit.
		"ExecuteNexusOperation", "RequestCancelNexusOperation",
		// These reach runs that are there.
		"RequestCancelExternalWorkflow", "RequestCancelExternalWorkflowWithOptions",
		"SignalExternalWorkflow", "SignalExternalWorkflowWithOptions",
		"SignalChildWorkflow", "SignalChildWorkflowWithOptions",
		// Coroutines, waits, what is recorded, what is asked.
		"Go", "Await", "AwaitWithTimeout", "AwaitWithOptions", "NewTimer", "NewTimerWithOptions", "Sleep", "Now",
		"SideEffect", "SideEffectWithOptions", "MutableSideEffect", "MutableSideEffectWithOptions", "GetVersion", "GetVersionWithOptions",
		"UpsertSearchAttributes", "UpsertTypedSearchAttributes", "UpsertTypedSearchAttributesWithOptions", "UpsertMemo", "UpsertMemoWithOptions",
		"GetSignalChannel", "GetSignalChannelWithOptions", "SetQueryHandler", "SetQueryHandlerWithOptions", "SetUpdateHandler",
		"GetInfo", "GetTypedSearchAttributes", "GetCurrentUpdateInfo", "GetLogger", "GetMetricsHandler", "IsReplaying",
		"HasLastCompletionResult", "GetLastCompletionResult", "GetLastError",
	},
	reflect.TypeFor[interceptor.WorkflowInboundInterceptor](): {
		"Init", "ExecuteWorkflow", "HandleSignal", "HandleQuery", "ValidateUpdate", "ExecuteUpdate",
	},
	reflect.TypeFor[interceptor.ActivityInboundInterceptor](): {"Init", "ExecuteActivity"},
	// A Nexus operation has no run of its own.
	reflect.TypeFor[interceptor.WorkerInterceptor](): {"InterceptActivity", "InterceptWorkflow", "InterceptNexusOperation"},
}

// Somebody has looked at every hook of the SDK that this is built with.
func TestHooksOfTheSDKAreReviewed(t *testing.T) {
	t.Parallel()
	for hooks, known := range reviewed {
		require.NotEmpty(t, exported(hooks))
		for name := range exported(hooks) {
			require.True(t, slices.Contains(known, name) || slices.Contains(starts, name),
				"%s has the hook %s, which nobody has looked at: see the lists in this file", hooks, name)
		}
	}
}

// Whatever call starts or continues a run, what was assigned and what makes a shadow goes with it.
func TestWhatStartsARunIsOverridden(t *testing.T) {
	t.Parallel()
	hooks := exported(reflect.TypeFor[interceptor.WorkflowOutboundInterceptor]())
	sent := map[string][]string{}
	var suite testsuite.WorkflowTestSuite
	env := patient.Environment(&suite, worker.Options{Interceptors: []interceptor.WorkerInterceptor{&before{run: func(ctx workflow.Context) {
		ctx = workflow.WithValue(ctx, runKey{}, &run{
			assigned: []scoring.Ref{{Experiment: "e", Version: "1", Variant: "b"}}, shadow: &shadow{},
		})
		header := interceptor.WorkflowHeader(ctx)
		for _, name := range starts {
			if hooks[name] {
				clear(header)
				callHook(ctx, newOutbound(&interceptor.WorkflowOutboundInterceptorBase{}), name)
				sent[name] = slices.Sorted(maps.Keys(header))
			}
		}
	}}}})
	env.ExecuteWorkflow(func(workflow.Context) error { return nil })
	require.NoError(t, env.GetWorkflowError())
	require.GreaterOrEqual(t, len(sent), 2)
	for name, keys := range sent {
		require.Equal(t, []string{HeaderKey, ShadowHeaderKey}, keys, name)
	}
}

// before calls run with the context that a workflow's interceptors get, which has a header.
type before struct {
	interceptor.WorkerInterceptorBase
	interceptor.WorkflowInboundInterceptorBase
	run func(workflow.Context)
}

func (b *before) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	b.WorkflowInboundInterceptorBase.Next = next
	return b
}

func (b *before) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	b.run(ctx)
	return b.WorkflowInboundInterceptorBase.ExecuteWorkflow(ctx, in)
}

// callHook calls a hook, with nothing in its other arguments.
func callHook(ctx workflow.Context, w interceptor.WorkflowOutboundInterceptor, hook string) {
	defer func() { _ = recover() }() // there is nothing behind it, and by then the header is written
	method := reflect.ValueOf(w).MethodByName(hook)
	in := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < method.Type().NumIn(); i++ {
		in = append(in, reflect.Zero(method.Type().In(i)))
	}
	method.CallSlice(in)
}

// exported returns the methods of an interface that may be overridden.
func exported(hooks reflect.Type) map[string]bool {
	names := map[string]bool{}
	for m := range hooks.Methods() {
		if !strings.HasPrefix(m.Name, "mustEmbed") {
			names[m.Name] = true
		}
	}
	return names
}
