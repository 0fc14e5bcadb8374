package workflows

import (
	"strings"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// ours tells whether a workflow type is one of Verdict's own, whose runs are not recorded. Any other is the user's,
// even with a name like ours.
func (c *Config) ours(workflowType string) bool {
	switch workflowType {
	case activities.RecordWorkflow, activities.WaitWorkflow, activities.BundleWorkflow, activities.DeliverWorkflow, activities.ExperimentWorkflow, activities.BackfillWorkflow,
		activities.WatchWorkflow:
		return true
	}
	if !strings.HasPrefix(workflowType, ScorerPrefix) {
		return false
	}
	_, theirs := c.theirs.Load(workflowType)
	return !theirs
}

// registered takes note of a workflow that a worker is given: one that has a scorer's name and is no [Scorer]'s is the
// user's.
func (c *Config) registered(w any, o workflow.RegisterOptions) {
	if strings.HasPrefix(o.Name, ScorerPrefix) && !isScorer(w) {
		c.theirs.Store(o.Name, true)
	}
}

func isScorer(w any) bool {
	_, ok := w.(scorerWorkflow)
	return ok
}

// WatchWorker watches the registrations on a worker with the plugin.
func (c *Config) WatchWorker(o worker.PluginConfigureWorkerOptions) {
	if r := o.WorkerRegistryOptions; r != nil {
		r.OnRegisterWorkflow = c.also(r.OnRegisterWorkflow)
	}
}

// WatchReplayer is [Config.WatchWorker] for a replayer.
func (c *Config) WatchReplayer(o worker.PluginConfigureWorkflowReplayerOptions) {
	if r := o.WorkflowReplayerRegistryOptions; r != nil {
		r.OnRegisterWorkflow = c.also(r.OnRegisterWorkflow)
	}
}

// also returns a function that calls next too, unless it is nil.
func (c *Config) also(next func(any, workflow.RegisterOptions)) func(any, workflow.RegisterOptions) {
	return func(w any, o workflow.RegisterOptions) {
		c.registered(w, o)
		if next != nil {
			next(w, o)
		}
	}
}
