package verdict

import (
	"cmp"
	"context"
	"errors"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

// StartExperiment starts an experiment, which a workflow manages from then on. Bad input, a definition that contradicts
// the started one, and an experiment that was started before are refused: a [scoring.InvalidError], or an application
// error with the type scoring.ErrorTypeInvalid. The same change ID again returns the first revision.
func (c *Client) StartExperiment(ctx context.Context, d experiments.Definition, p rollout.Policy, change rollout.Change) (rollout.Revision, error) {
	if err := errors.Join(d.Validate(), p.Validate()); err != nil {
		return rollout.Revision{}, err
	}
	change.Definition = &d
	start := c.temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: activities.ExperimentID(d.Name, d.Version), TaskQueue: cmp.Or(c.o.StoreTaskQueue, activities.DefaultTaskQueue),
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Priority:                                 temporal.Priority{PriorityKey: 5},
	}, activities.ExperimentWorkflow, rollout.State{Definition: d, Policy: p})
	handle, err := c.temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start, UpdateOptions: updateOptions("", rollout.Start, change),
	})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		// Its epochs are forgotten, and others under the same numbers would be pooled with them.
		return rollout.Revision{}, scoring.Invalid("version", "the rollout of %q has ended; start a new version", d.Name+"@"+d.Version)
	}
	return revision(ctx, rollout.Start, handle, err)
}

// ChangeExperiment asks for an action other than [rollout.Start]. One that the experiment's status does not allow, or
// with bad input, is refused as by [Client.StartExperiment] and changes nothing; for an experiment that was not started
// it returns [ErrNotFound]. The same change ID again returns the first revision and changes nothing; with another
// action it is refused.
func (c *Client) ChangeExperiment(ctx context.Context, name, version string, action rollout.Action, change rollout.Change) (rollout.Revision, error) {
	handle, err := c.temporal.UpdateWorkflow(ctx, updateOptions(activities.ExperimentID(name, version), action, change))
	r, err := revision(ctx, action, handle, err)
	return r, orNotFound(err)
}

// ExperimentStatus returns a started experiment: its status, epochs, revisions and last finding. For an experiment that
// was not started it returns [ErrNotFound].
func (c *Client) ExperimentStatus(ctx context.Context, name, version string) (rollout.State, error) {
	state, err := activities.ReadExperiment(ctx, c.temporal, activities.ExperimentID(name, version))
	return state, orNotFound(err)
}

func updateOptions(workflowID string, action rollout.Action, change rollout.Change) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateID: change.ID, UpdateName: string(action), Args: []any{change},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
}

// revision waits for the result of an update. The server answers a repeated id with the first result, even if the
// second call differs.
func revision(ctx context.Context, action rollout.Action, handle client.WorkflowUpdateHandle, err error) (r rollout.Revision, _ error) {
	if err == nil {
		err = handle.Get(ctx, &r)
	}
	if err == nil && r.Action != action {
		err = scoring.Invalid("update id", "it was given to revision %d, %s", r.Number, strings.TrimPrefix(string(r.Action), "verdict."))
	}
	return r, err
}

func orNotFound(err error) error {
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return errors.Join(ErrNotFound, err)
	}
	return err
}
