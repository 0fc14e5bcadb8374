package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

// ManageExperiment holds a started experiment: its definition, its weights and their history. It never ends by itself.
// Each rollout.Action is an update; the served weights are in the memo activities.ExperimentMemo, the whole state is
// the answer to the query activities.ExperimentQuery. While the experiment is running or paused it is analysed on a
// timer, and its policy acts through the same revisions as people do.
func ManageExperiment(ctx workflow.Context, s rollout.State) error {
	opened, err := rollout.Open(s, now(ctx))
	if err != nil {
		return activities.Refuse(err)
	}
	m := &manager{Rollout: opened}
	if err := m.listen(ctx); err != nil {
		return err
	}
	m.publish(ctx)
	for !m.full(ctx) {
		if err := m.wait(ctx); err != nil {
			return err
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, activities.ExperimentWorkflow, m.State.Fit(activities.MaxCarried))
}

// manager is the state of one run of [ManageExperiment].
type manager struct {
	*rollout.Rollout
	published string // the content of the memo
	done      int    // the work of this run: without any, it would continue as new for ever
}

// revise makes the change that an update asks for.
func (m *manager) revise(ctx workflow.Context, action rollout.Action, change rollout.Change) (rollout.Revision, error) {
	r, err := m.Revise(action, change, workflow.GetCurrentUpdateInfo(ctx).ID, now(ctx))
	if err != nil {
		return r, activities.Refuse(err)
	}
	m.done++
	m.publish(ctx)
	return r, nil
}

// listen registers the query and the updates.
func (m *manager) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, activities.ExperimentQuery,
		func() (rollout.State, error) { return m.State.Fit(activities.MaxCarried), nil },
		workflow.QueryHandlerOptions{Description: "The experiment: definition, status, epochs, revisions, last finding."})
	if err != nil {
		return err
	}
	for _, u := range []struct {
		action rollout.Action
		what   string
	}{
		{rollout.Start, "Start the experiment."},
		{rollout.Ramp, "Change weights or allocation: the next epoch."},
		{rollout.Pause, "Give everyone the control until it is resumed."},
		{rollout.Resume, "Go on after a pause."},
		{rollout.Stop, "Assign no more units: everyone gets the control."},
		{rollout.Promote, "Give everyone one variant."},
	} {
		handle := func(ctx workflow.Context, change rollout.Change) (rollout.Revision, error) {
			if r, ok := m.repeated(ctx); ok {
				return r, nil
			}
			return m.revise(ctx, u.action, change)
		}
		validate := func(ctx workflow.Context, change rollout.Change) error {
			if _, ok := m.repeated(ctx); ok {
				return nil
			}
			return activities.Refuse(m.Check(u.action, change, now(ctx)))
		}
		err := workflow.SetUpdateHandlerWithOptions(ctx, string(u.action), handle,
			workflow.UpdateHandlerOptions{Validator: validate, Description: u.what})
		if err != nil {
			return err
		}
	}
	return nil
}

// repeated returns the revision that the current update has made already. The server knows the ids of a run only; the
// revisions know them across continue-as-new.
func (m *manager) repeated(ctx workflow.Context) (rollout.Revision, bool) {
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	i := slices.IndexFunc(m.Revisions, func(r rollout.Revision) bool { return r.UpdateID == id })
	if i < 0 {
		return rollout.Revision{}, false
	}
	return m.Revisions[i], true
}

// full tells whether the history is long enough to begin a new one.
func (m *manager) full(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	most := m.Policy.ContinueAfter
	return m.done > 0 && (info.GetContinueAsNewSuggested() || most > 0 && info.GetCurrentHistoryLength() >= most)
}

// watched tells whether the experiment is analysed.
func (m *manager) watched() bool {
	return m.Status == rollout.Running || m.Status == rollout.Paused
}

// wait waits until something is to be done, and does it.
func (m *manager) wait(ctx workflow.Context) error {
	if !m.watched() {
		return workflow.Await(ctx, func() bool { return m.watched() || m.full(ctx) })
	}
	interrupted, err := workflow.AwaitWithTimeout(ctx, m.Due.Sub(now(ctx)), func() bool { return !m.watched() || m.full(ctx) })
	if err != nil || interrupted {
		return err
	}
	m.analyse(ctx)
	return nil
}

// analyse asks for an analysis of the store, and acts on it. If that fails, the next analysis comes at its usual time.
func (m *manager) analyse(ctx workflow.Context) {
	options := storeActivity("")
	options.StartToCloseTimeout, options.ScheduleToCloseTimeout = 5*time.Minute, 15*time.Minute
	epoch := m.Epoch().Number
	var f rollout.Finding
	err := answer(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.AnalyzeName, m.Definition), &f)
	m.done++
	m.Due = now(ctx).Add(m.Policy.Every)
	switch {
	case temporal.IsCanceledError(err):
	case err != nil:
		workflow.GetLogger(ctx).Error("Verdict could not analyse the experiment", "Experiment", m.Definition.Name, "Error", err)
	case m.Epoch().Number == epoch && m.watched(): // or it is about the state before
		if err := m.Act(f, now(ctx)); err != nil {
			workflow.GetLogger(ctx).Error("Verdict: the policy could not change the experiment", "Experiment", m.Definition.Name, "Error", err)
		}
		m.publish(ctx)
	}
}

// publish puts the served weights into the memo, if they have changed, and shows the rest on the workflow's page.
func (m *manager) publish(ctx workflow.Context) {
	served := m.Served()
	text := fmt.Sprintf("%s %s %v", served.Status, served.Variant, served.Epoch) // a map is printed in the order of its keys
	if text != m.published {
		if err := workflow.UpsertMemo(ctx, map[string]any{activities.ExperimentMemo: served}); err != nil {
			workflow.GetLogger(ctx).Error("Verdict could not publish the experiment", "Experiment", m.Definition.Name, "Error", err)
			return
		}
		m.published = text
	}
	details := fmt.Sprintf("**%s** %s in epoch %d: %v\n", m.Status, m.Variant, served.Epoch.Number, served.Epoch.Weights)
	if f := m.Finding; f != nil {
		details += fmt.Sprintf("\n%s %v: %s (%d units, %s)\n", f.Decision.Verdict, f.Decision.Variants, f.Decision.Reason, f.Units, f.At.UTC().Format(time.RFC3339))
	}
	workflow.SetCurrentDetails(ctx, scoring.ClipEncoded(details, detailsLimit))
}

// now is the same text on every worker, wherever it stands.
func now(ctx workflow.Context) time.Time { return workflow.Now(ctx).UTC() }
