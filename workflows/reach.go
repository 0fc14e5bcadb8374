package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// of returns the run of ctx, or nil without a plugin. The log says so once for each call, because it is a mistake except
// in a unit test.
func of(ctx workflow.Context, call string) *run {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		workflow.GetLogger(ctx).Error("Verdict: no plugin on this worker, nothing is recorded", "Call", call)
	}
	return r
}

// buffering returns the run of ctx for a call that adds to its buffer, or nil if the call must do nothing.
func buffering(ctx workflow.Context, call string) *run {
	r := of(ctx, call)
	if r == nil {
		return nil
	}
	err := r.mayAdd(ctx, call)
	if err == nil && r.ended {
		err = tooLate(call)
	}
	if err != nil {
		r.refuse(ctx, call, err)
		return nil
	}
	return r
}

// mayAdd returns why a call must not add to the run: a replay does not execute a query handler, an update's validator or
// the functions of a side effect, so it would not see the addition. The run may be nil, without a plugin.
func (r *run) mayAdd(ctx workflow.Context, call string) error {
	if r.readsOnly(ctx) {
		return scoring.Invalid("context", "a query handler, a validator or a side effect only reads: %s is not possible there", call)
	}
	return nil
}

func (r *run) readsOnly(ctx workflow.Context) bool {
	return workflow.IsReadOnly(ctx) || r != nil && r.comparing
}

// mayCommand is mayAdd for a call that adds commands. Once the run's end is handed over it is refused: a scorer that starts
// then never runs, and a flush would say that the run is still open.
func (r *run) mayCommand(ctx workflow.Context, call string) error {
	if err := r.mayAdd(ctx, call); err != nil {
		return err
	}
	if r == nil || !r.ended || getVersion(ctx, lateChange, lateRefused) == workflow.DefaultVersion {
		return nil
	}
	return tooLate(call)
}

func tooLate(call string) error {
	return scoring.Invalid("context", "a coroutine outlived its workflow function, so %s comes too late", call)
}

// comparing returns the function that compares the results of a mutable side effect. The SDK does not mark it as one that only
// reads.
func comparing(ctx workflow.Context, equals func(a, b any) bool) func(a, b any) bool {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return equals
	}
	return func(a, b any) bool {
		r.comparing = true
		defer func() { r.comparing = false }()
		return equals(a, b)
	}
}
