package activities

import (
	"context"
	"errors"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

// StartExperiment starts an experiment on the given task queue ([DefaultTaskQueue] if empty), which a workflow manages
// from then on. Bad input, a definition that contradicts the started one, and an experiment that was started before are
// refused with the type scoring.ErrorTypeInvalid. Starting again with the same update id returns the first result.
func StartExperiment(ctx context.Context, c client.Client, taskQueue, updateID string, d experiments.Definition, p rollout.Policy, change rollout.Change) (rollout.Revision, error) {
	if err := errors.Join(d.Validate(), p.Validate()); err != nil {
		return rollout.Revision{}, err
	}
	change.Definition = &d
	options := startOptions(ExperimentID(d.Name, d.Version), taskQueue, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	start := c.NewWithStartWorkflowOperation(options, ExperimentWorkflow, rollout.State{Definition: d, Policy: p})
	handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions:          updateOptions("", rollout.Start, updateID, change),
	})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		// Its epochs are forgotten, and others under the same numbers would be pooled with them.
		return rollout.Revision{}, scoring.Invalid("version", "the rollout of %q has ended; start a new version", experimentKey(d.Name, d.Version))
	}
	return revision(ctx, rollout.Start, handle, err)
}

// ChangeExperiment asks for an action other than [rollout.Start]. One that the experiment's status does not allow, or
// with bad input, is refused with the type scoring.ErrorTypeInvalid and changes nothing. The same update id again
// returns the first result and changes nothing; with another action it is refused.
func ChangeExperiment(ctx context.Context, c client.Client, name, version string, action rollout.Action, updateID string, change rollout.Change) (rollout.Revision, error) {
	handle, err := c.UpdateWorkflow(ctx, updateOptions(ExperimentID(name, version), action, updateID, change))
	return revision(ctx, action, handle, err)
}

// ReadExperiment returns the state of an experiment from its workflow. For an experiment that was not started it
// returns a serviceerror.NotFound.
func ReadExperiment(ctx context.Context, c client.Client, name, version string) (rollout.State, error) {
	return ReadRollout(ctx, c, ExperimentID(name, version))
}

// ReadRollout is [ReadExperiment] for who has found the workflow.
func ReadRollout(ctx context.Context, c client.Client, workflowID string) (rollout.State, error) {
	var state rollout.State
	answer, err := c.QueryWorkflow(ctx, workflowID, "", ExperimentQuery)
	if err == nil {
		err = answer.Get(&state)
	}
	return state, err
}

func updateOptions(workflowID string, action rollout.Action, updateID string, change rollout.Change) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateID: updateID, UpdateName: string(action), Args: []any{change},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

// revision waits for the result of an update. The server answers a repeated id with the first result, even if the
// second request differs.
func revision(ctx context.Context, action rollout.Action, handle client.WorkflowUpdateHandle, err error) (r rollout.Revision, _ error) {
	if err == nil {
		err = handle.Get(ctx, &r)
	}
	if err == nil && r.Action != action {
		err = scoring.Invalid("update id", "it was given to revision %d, %s", r.Number, strings.TrimPrefix(string(r.Action), "verdict."))
	}
	return r, err
}
