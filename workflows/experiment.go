package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Assign returns the run's assignment in an experiment: the one that it was started with, the one that it made before,
// or one that is made, recorded and kept for the life of the run now. Making one adds three events and no workflow
// task. A run that was open when the call was added to its code gets control and is not in the experiment.
func Assign(ctx workflow.Context, e *experiments.Experiment, unit string, opts ...PickOption) (scoring.Assignment, error) {
	var o pickOptions
	for _, opt := range opts {
		opt(&o)
	}
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), o.pick)
	if err != nil {
		return scoring.Assignment{}, activities.Refuse(err)
	}
	r := from(ctx, "Experiment")
	if r == nil {
		return control, nil
	}
	if a, ok := r.assignment(candidate); ok {
		return a, nil
	}
	if r.shadow != nil || !versioned(ctx, r, experimentChange+keyOf(candidate)) {
		return r.pick(control), nil
	}
	return r.assign(ctx, candidate, control), nil
}

// Retire is Assign for an experiment that is over. A run that has an assignment, or was started by one that has, keeps
// it; a run that had passed the place of the call without one keeps control; every other run gets the shipped variant,
// out of the statistics, and in its history a version and no assignment. The version tells the three apart, and a
// history that has nothing else may lose the call later.
func Retire(ctx workflow.Context, e *experiments.Experiment, unit, shipped string) (scoring.Assignment, error) {
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), byHash)
	if err != nil {
		return scoring.Assignment{}, activities.Refuse(err)
	}
	over := control
	over.Variant, over.By = shipped, scoring.ByForce
	if _, ok := over.Probabilities[shipped]; !ok {
		return scoring.Assignment{}, activities.Refuse(scoring.Invalid("variant", "%q is not a variant of %q", shipped, over.Experiment))
	}
	r := from(ctx, "Retired")
	if r != nil {
		if a, ok := r.assignment(candidate); ok {
			return a, nil
		}
	}
	// Also without a plugin: with one that is added later this run must find what it was.
	switch version := workflow.GetVersion(ctx, experimentChange+keyOf(candidate), workflow.DefaultVersion, experimentRetired); {
	case version == experimentRetired:
		control = over
	case version == experimentAssigned && r != nil:
		return r.assign(ctx, candidate, control), nil
	}
	if r != nil {
		r.pick(control)
	}
	return control, nil
}

func keyOf(a scoring.Assignment) string { return a.Experiment + "@" + a.Version }

// pick keeps what the run got, for the next call.
func (r *run) pick(a scoring.Assignment) scoring.Assignment {
	r.picks[keyOf(a)] = a
	return a
}

// assignment returns the one that the run has already, from an earlier call or from whoever started it.
func (r *run) assignment(candidate scoring.Assignment) (scoring.Assignment, bool) {
	if a, ok := r.picks[keyOf(candidate)]; ok {
		return a, true
	}
	ref, ok := find(r.assigned, candidate)
	if r.shadow != nil {
		candidate.By = scoring.ByShadow
		if !ok {
			ref, ok = find(r.shadow.Served, candidate)
		}
	}
	if !ok {
		return candidate, false
	}
	candidate.Variant, candidate.Epoch = ref.Variant, ref.Epoch
	return r.pick(candidate), true
}

// assign makes an assignment.
func (r *run) assign(ctx workflow.Context, candidate, control scoring.Assignment) scoring.Assignment {
	info := workflow.GetInfo(ctx)
	candidate.Run, candidate.FirstRunID, candidate.OriginalRunID = runOf(info), chainOf(info), info.OriginalRunID
	candidate.WorkflowType, candidate.At = info.WorkflowType.Name, workflow.Now(ctx)
	var kept scoring.Assignment // not a copy of the candidate: it would share its maps with the activity
	ctx = workflow.WithLocalActivityOptions(ctx, localOptions(info))
	if err := workflow.ExecuteLocalActivity(ctx, activities.VerdictAssign, candidate, control.Variant).Get(ctx, &kept); err != nil {
		// A cancelled run, or a worker that stopped: nothing was assigned, so the run is served control and stays out.
		workflow.GetLogger(ctx).Error("Verdict could not assign; the run gets control", "Experiment", candidate.Experiment, "Error", err)
		return r.pick(control)
	}
	ref := kept.Ref()
	if kept.By == scoring.ByPause {
		ref.Probability = 0 // children and continued runs get control too, but nothing says that they take part
	}
	r.outside[keyOf(kept)] = !experiments.Counted(kept.By)
	r.assigned = append(r.assigned, ref)
	r.describe(ctx)
	return r.pick(kept)
}

// byHash lets the experiment pick.
func byHash(split *experiments.Split, _ experiments.Definition, unit string) (experiments.Pick, error) {
	return split.Assign(unit), nil
}

// candidates returns what the unit gets if it is assigned now, and what it gets if it must not be.
func candidates(
	e *experiments.Experiment, unit, chain string, how func(*experiments.Split, experiments.Definition, string) (experiments.Pick, error),
) (candidate, control scoring.Assignment, err error) {
	if e == nil {
		return candidate, control, scoring.Invalid("experiment", "it is nil; make it with experiments.New")
	}
	switch def := e.Definition(); {
	case def.Unit == experiments.UnitRun && unit != "":
		return candidate, control, scoring.Invalid("unit", "%q randomises runs: pass ThisRun", def.Name)
	case def.Unit == experiments.UnitRun:
		unit = chain
	case unit == "":
		return candidate, control, scoring.Invalid("unit", "%q randomises by %q: pass one", def.Name, def.Unit)
	}
	if err := scoring.CheckKey("unit", unit); err != nil {
		return candidate, control, err
	}
	split, err := e.At(experiments.Epoch{}) //workflowcheck:ignore a pure function: it sorts what it ranges over
	if err != nil {
		return candidate, control, err
	}
	picked, err := how(split, e.Definition(), unit)
	if err != nil {
		return candidate, control, err
	}
	candidate = split.Assignment(picked, unit, scoring.Run{}, time.Time{})
	return candidate, split.Assignment(split.Pause(), unit, scoring.Run{}, time.Time{}), nil
}
