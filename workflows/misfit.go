package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// Misfit is the consequence for a workflow whose code does not fit its history. The zero Misfit is outside workflow
// code.
type Misfit uint8

const (
	failsTask Misfit = iota + 1 // until a code that fits is deployed
	failsRun                    // by its worker's panic policy
)

// MisfitOf returns the consequence for the workflow of ctx. It is no part of its history.
func MisfitOf(ctx workflow.Context) Misfit {
	if r, ok := ctx.Value(runKey{}).(*run); ok && r.cfg.host(workflow.GetInfo(ctx)).failsRuns {
		return failsRun
	}
	return failsTask
}

// Fail panics with err where that fails the workflow task. Where the SDK would turn a panic into a failure that the
// run's retry policy retries for ever, it returns a non-retryable error, and outside workflow code err itself.
func (m Misfit) Fail(err error) error {
	switch m {
	case failsTask:
		panic(fmt.Errorf("verdict: the code does not fit this run; deploy one that does: %w", err))
	case failsRun:
		return activities.Refuse(err)
	}
	return err
}
