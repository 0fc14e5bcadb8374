package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Picker picks a variant for a unit. It is a pure function of its definition and the unit.
type Picker interface {
	// Key returns the experiment's name and version.
	Key() (name, version string)
	// ControlVariant is what a run gets that must not be assigned.
	ControlVariant() string
	// PickFor returns the assignment of a unit, without the run. An empty unit means the run's chain.
	PickFor(unit, chain string) (scoring.Assignment, error)
}

// Assign returns the run's assignment in an experiment: the one that it was started with, the one that it made before,
// or one that is made, recorded and kept for the life of the run now. Making one adds three events and no workflow
// task. A run that was open when the call was added to its code gets control and is not in the experiment.
func Assign(ctx workflow.Context, p Picker, unit string) (scoring.Assignment, error) {
	info := workflow.GetInfo(ctx)
	name, version := p.Key()
	control := scoring.Assignment{Experiment: name, Version: version, Variant: p.ControlVariant(), By: scoring.ByPause}
	candidate, err := p.PickFor(unit, chainOf(info))
	if err != nil {
		return scoring.Assignment{}, activities.Refuse(err)
	}
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
