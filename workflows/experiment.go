package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Assign returns the run's assignment in an experiment: the one that it was started with, the one that it made before,
// or one that is made, recorded and kept for the life of the run now. Making one adds three events and no workflow
// task. A run that was open when the call was added to its code gets control and is not in the experiment.
func Assign(ctx workflow.Context, e *experiments.Experiment, unit string) (scoring.Assignment, error) {
	info := workflow.GetInfo(ctx)
	candidate, control, err := candidates(e, unit, chainOf(info))
	if err != nil {
		return scoring.Assignment{}, activities.Refuse(err)
	}
	name, version := candidate.Experiment, candidate.Version
	r := from(ctx, "Experiment")
	if r == nil {
		return control, nil
	}
	key := name + "@" + version
	if a, ok := r.picks[key]; ok {
		return a, nil
	}
	if i := slices.IndexFunc(r.assigned, func(x scoring.Ref) bool { return x.Experiment == name && x.Version == version }); i >= 0 {
		ref := r.assigned[i]
		candidate.Variant, candidate.Epoch = ref.Variant, ref.Epoch
		r.picks[key] = candidate
		return candidate, nil
	}
	if !versioned(ctx, r, experimentChange+key) {
		r.picks[key] = control
		return control, nil
	}
	candidate.Run, candidate.FirstRunID, candidate.OriginalRunID = runOf(info), chainOf(info), info.OriginalRunID
	candidate.WorkflowType, candidate.At = info.WorkflowType.Name, workflow.Now(ctx)
	kept := candidate
	lctx := workflow.WithLocalActivityOptions(ctx, localOptions(info))
	if err := workflow.ExecuteLocalActivity(lctx, activities.VerdictAssign, candidate, control.Variant).Get(ctx, &kept); err != nil {
		// A cancelled run, or a worker that stopped: nothing was assigned, so the run is served control and stays out.
		workflow.GetLogger(ctx).Error("Verdict could not assign; the run gets control", "Experiment", name, "Error", err)
		kept = control
	}
	r.picks[key] = kept
	if kept.By != scoring.ByPause {
		r.assigned = append(r.assigned, kept.Ref())
		r.describe(ctx)
	}
	return kept, nil
}

// candidates returns what the unit gets if it is assigned now, and what it gets if it must not be.
func candidates(e *experiments.Experiment, unit, chain string) (candidate, control scoring.Assignment, err error) {
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
	candidate = split.Assignment(split.Assign(unit), unit, scoring.Run{}, time.Time{})
	return candidate, split.Assignment(split.Pause(), unit, scoring.Run{}, time.Time{}), nil
}
