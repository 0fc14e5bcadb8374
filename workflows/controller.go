package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// ControlExperiment holds an experiment: what it is, what it serves and how it came to that. It never ends by itself. Each
// activities.Action is an update; what is served is in the memo activities.ControlMemo, all of it is the answer to the
// query activities.ControlQuery. While the experiment is running or paused it is analysed on a timer, and its policy
// acts through the same revisions as people do.
func ControlExperiment(ctx workflow.Context, c activities.Control) error {
	exp, err := experiments.New(c.Definition) //workflowcheck:ignore a pure function: it sorts what it ranges over
	if err == nil {
		err = c.Policy.Validate()
	}
	if err != nil {
		return activities.Refuse(err)
	}
	k := &controller{Control: c, exp: exp}
	if len(c.Epochs) == 0 {
		k.Definition = exp.Definition()
		k.Policy = c.Policy.WithDefaults(k.Definition.Maturity)
		k.Status = activities.Draft
		k.Epochs = []experiments.Epoch{firstEpoch(k.Definition, now(ctx))}
	}
	if err := k.listen(ctx); err != nil {
		return err
	}
	k.publish(ctx)
	for !k.full(ctx) {
		if err := k.wait(ctx); err != nil {
			return err
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, activities.ExperimentWorkflow, carried(k.Control))
}

// controller is the state of one run of [ControlExperiment].
type controller struct {
	activities.Control
	exp       *experiments.Experiment
	published string // what the memo says
	done      int    // what this run has done: without any, it would continue as new for ever
}

// listen registers the query and the updates.
func (k *controller) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, activities.ControlQuery,
		func() (activities.Control, error) { return carried(k.Control), nil },
		workflow.QueryHandlerOptions{Description: "The experiment: definition, status, epochs, revisions, last finding."})
	if err != nil {
		return err
	}
	for _, u := range []struct {
		action activities.Action
		what   string
	}{
		{activities.Start, "Start the experiment."},
		{activities.Ramp, "Change weights or allocation: the next epoch."},
		{activities.Pause, "Give everyone the control until it is resumed."},
		{activities.Resume, "Go on after a pause."},
		{activities.Stop, "Assign no more units: everyone gets the control."},
		{activities.Promote, "Give everyone one variant."},
	} {
		handle := func(ctx workflow.Context, change activities.Change) (activities.Revision, error) {
			if r, ok := k.repeated(ctx); ok {
				return r, nil
			}
			return k.revise(ctx, u.action, change)
		}
		validate := func(ctx workflow.Context, change activities.Change) error {
			if _, ok := k.repeated(ctx); ok {
				return nil
			}
			_, err := k.after(u.action, change, now(ctx))
			return activities.Refuse(err)
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
func (k *controller) repeated(ctx workflow.Context) (activities.Revision, bool) {
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	i := slices.IndexFunc(k.Revisions, func(r activities.Revision) bool { return r.UpdateID == id })
	if i < 0 {
		return activities.Revision{}, false
	}
	return k.Revisions[i], true
}

// full tells whether the history is long enough to begin a new one.
func (k *controller) full(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	most := k.Policy.ContinueAfter
	return k.done > 0 && (info.GetContinueAsNewSuggested() || most > 0 && info.GetCurrentHistoryLength() >= most)
}

// watched tells whether the experiment is analysed.
func (k *controller) watched() bool {
	return k.Status == activities.Running || k.Status == activities.Paused
}

// wait waits until something is to be done, and does it.
func (k *controller) wait(ctx workflow.Context) error {
	if !k.watched() {
		return workflow.Await(ctx, func() bool { return k.watched() || k.full(ctx) })
	}
	interrupted, err := workflow.AwaitWithTimeout(ctx, k.Due.Sub(now(ctx)), func() bool { return !k.watched() || k.full(ctx) })
	if err != nil || interrupted {
		return err
	}
	k.analyse(ctx)
	return nil
}

// analyse asks what the store says, and acts on it. When that fails it is asked again when it is due again.
func (k *controller) analyse(ctx workflow.Context) {
	options := storeActivity("")
	options.StartToCloseTimeout, options.ScheduleToCloseTimeout = 5*time.Minute, 15*time.Minute
	epoch := k.Epoch().Number
	var f activities.Finding
	err := answer(ctx, workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.AnalyzeName, k.Definition), &f)
	k.done++
	k.Due = now(ctx).Add(k.Policy.Every)
	switch {
	case temporal.IsCanceledError(err):
	case err != nil:
		workflow.GetLogger(ctx).Error("Verdict could not analyse the experiment", "Experiment", k.Definition.Name, "Error", err)
	case k.Epoch().Number == epoch && k.watched(): // or it is about what was before
		k.act(ctx, f)
	}
}

// publish puts what is served into the memo, if that has changed, and shows the rest on the workflow's page.
func (k *controller) publish(ctx workflow.Context) {
	served := k.Served()
	text := fmt.Sprintf("%s %s %v", served.Status, served.Variant, served.Epoch) // a map is printed in the order of its keys
	if text != k.published {
		if err := workflow.UpsertMemo(ctx, map[string]any{activities.ControlMemo: served}); err != nil {
			workflow.GetLogger(ctx).Error("Verdict could not publish the experiment", "Experiment", k.Definition.Name, "Error", err)
			return
		}
		k.published = text
	}
	details := fmt.Sprintf("**%s** %s in epoch %d: %v\n", k.Status, k.Variant, served.Epoch.Number, served.Epoch.Weights)
	if f := k.Finding; f != nil {
		details += fmt.Sprintf("\n%s %v: %s (%d units, %s)\n", f.Decision.Verdict, f.Decision.Variants, f.Decision.Reason, f.Units, f.At.UTC().Format(time.RFC3339))
	}
	workflow.SetCurrentDetails(ctx, scoring.ClipEncoded(details, detailsLimit))
}

// now is the same text on every worker, wherever it stands.
func now(ctx workflow.Context) time.Time { return workflow.Now(ctx).UTC() }
