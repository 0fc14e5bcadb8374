package workflows

import (
	"bytes"
	"runtime"
	"strconv"

	"go.temporal.io/sdk/workflow"
)

// A call of ours that waits must do so in the coroutine that made it. A user's update handler may pass the context of
// the workflow function instead of its own, which works everywhere else: the SDK then blocks a coroutine that is
// blocked already, and the run hangs for ever. So a run finds the context of the running coroutine by its goroutine.

// here returns the context for waits of the running coroutine.
func (r *run) here(ctx workflow.Context) workflow.Context {
	if own, ok := r.coroutines[goroutine()]; ok {
		return own
	}
	return ctx
}

// within runs f as the coroutine of ctx.
func (r *run) within(ctx workflow.Context, f func()) {
	id := goroutine()
	outer, nested := r.coroutines[id]
	r.coroutines[id] = ctx
	f()
	// Not in a defer: a coroutine that ends otherwise ends with its run.
	if nested {
		r.coroutines[id] = outer
	} else {
		delete(r.coroutines, id)
	}
}

// goroutine returns the id of the running goroutine, which stands at the head of its stack trace: "goroutine 7 [running]".
func goroutine() uint64 {
	var buf [64]byte
	head := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	if len(head) < 2 {
		return 0
	}
	id, _ := strconv.ParseUint(string(head[1]), 10, 64) //workflowcheck:ignore it is 0 for what no runtime writes
	return id
}
