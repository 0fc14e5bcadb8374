package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Assign returns the run's assignment in an experiment: the one that it was started with, the one that it made before,
// or one that is made, recorded and kept for the life of the run now. Making one adds three events and no workflow
// task. A run that was open when the call was added to its code gets control and is not in the experiment, and so does one
// whose unit or options are refused.
func Assign(ctx workflow.Context, e *experiments.Experiment, unit string, opts ...PickOption) scoring.Assignment {
	const what = "Experiment"
	var o pickOptions
	for _, opt := range opts {
		opt(&o)
	}
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), o.pick)
	r := from(ctx, what)
	switch {
	case r == nil:
		return control
	case err != nil:
		return r.refuseAssignment(ctx, what, control, err)
	}
	if a, ok := r.assignment(candidate); ok {
		return a
	}
	if r.shadow != nil {
		return r.keep(control)
	}
	version := r.version(ctx, experimentCall(candidate, r.pick(ctx, assignedByActivity, assignedBySideEffect)))
	if version == experimentRetired {
		// The task fails, not the run: code with Retired in its place heals it.
		panic(fmt.Sprintf("[TMPRL1100] verdict: Retired served this run the shipped variant of %q, which Experiment cannot change", e.Definition().Name))
	}
	return r.assignAs(ctx, version, candidate, control)
}

// refuseAssignment makes known that a run is not assigned. It is served what it was assigned before, if it was, and control
// otherwise.
func (r *run) refuseAssignment(ctx workflow.Context, what string, control scoring.Assignment, err error) scoring.Assignment {
	r.refuse(ctx, what, err)
	if a, ok := r.picks[keyOf(control)]; ok {
		return a
	}
	if ref, ok := find(r.assigned, control); ok {
		control.Variant, control.Epoch = ref.Variant, ref.Epoch
	}
	return control
}

func experimentCall(a scoring.Assignment, wanted workflow.Version) call {
	return call{
		kind: experimentKind, name: experimentName(a.Experiment, a.Version), legacy: keyOf(a),
		wanted: wanted, newest: assignedBySideEffect,
	}
}

// assignAs makes the assignment in the shape of a version; in none, the run gets control.
func (r *run) assignAs(ctx workflow.Context, version workflow.Version, candidate, control scoring.Assignment) scoring.Assignment {
	switch version {
	case assignedByActivity:
		return r.assign(ctx, candidate, control, r.assignByActivity)
	case assignedBySideEffect:
		return r.assign(ctx, candidate, control, r.assignBySideEffect)
	}
	return r.keep(control)
}

// Retire is Assign for an experiment that is over. A run that has an assignment, or was started by one that has, keeps
// it; a run that had passed the place of the call without one keeps control; every other run gets the shipped variant,
// out of the statistics, and in its history a version and no assignment. The version tells the three apart, and a
// history that has nothing else may lose the call later.
func Retire(ctx workflow.Context, e *experiments.Experiment, unit, shipped string) scoring.Assignment {
	const what = "Retired"
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), byHash)
	over := control
	over.Variant, over.By = shipped, scoring.ByForce
	if _, ok := over.Probabilities[shipped]; !ok && err == nil {
		err = scoring.Invalid("variant", "%q is not a variant of %q", shipped, over.Experiment)
	}
	r, readOnly := reach(ctx, what)
	plugin := r != nil
	if !plugin {
		r = newRun(&Config{}, nil) // with a plugin that is added later this run must find what it was
	}
	if readOnly != nil {
		err = readOnly
	}
	if err != nil {
		return r.refuseAssignment(ctx, what, control, err)
	}
	if a, ok := r.assignment(candidate); ok {
		return a
	}
	version := r.version(ctx, experimentCall(candidate, experimentRetired))
	switch {
	case version == experimentRetired:
		return r.keep(over)
	case !plugin:
		return control
	}
	return r.assignAs(ctx, version, candidate, control)
}

func keyOf(a scoring.Assignment) string { return a.Experiment + "@" + a.Version }

// keep keeps what the run got, for the next call.
func (r *run) keep(a scoring.Assignment) scoring.Assignment {
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
	return r.keep(candidate), true
}

// assign makes an assignment by a carrier, and keeps what the run is served.
func (r *run) assign(ctx workflow.Context, candidate, control scoring.Assignment, by carrier) scoring.Assignment {
	info := workflow.GetInfo(ctx)
	candidate.Run, candidate.FirstRunID, candidate.OriginalRunID = runOf(info), chainOf(info), info.OriginalRunID
	candidate.WorkflowType, candidate.At = info.WorkflowType.Name, workflow.Now(ctx)
	kept, ok := by(ctx, candidate, control)
	if !ok {
		// A worker without a free slot, a cancelled run, a worker that stopped: the run is served control and stays out. What
		// it hands over says so, lest a write that was under way is taken for what was served.
		r.unserved = append(r.unserved, scoring.Ref{Experiment: candidate.Experiment, Version: candidate.Version, FirstRunID: candidate.FirstRunID})
		return r.keep(control)
	}
	ref := kept.Ref()
	if kept.By == scoring.ByPause {
		ref.Probability = 0 // children and continued runs get control too, but nothing says that they take part
	}
	r.outside[keyOf(kept)] = !experiments.Counted(kept.By)
	r.assigned = append(r.assigned, ref)
	r.describe(ctx)
	return r.keep(kept)
}

// carrier records candidate and returns the assignment that is kept, which the run must be served; none if the run must be
// served control, because it cannot wait any longer.
type carrier func(ctx workflow.Context, candidate, control scoring.Assignment) (kept scoring.Assignment, ok bool)

func (r *run) assignByActivity(ctx workflow.Context, candidate, control scoring.Assignment) (scoring.Assignment, bool) {
	claim := activities.ClaimAssignment(candidate)
	defer claim.Release()
	var kept scoring.Assignment // not a copy of the candidate: it would share its maps with the activity
	local := workflow.WithLocalActivityOptions(ctx, localOptions(workflow.GetInfo(ctx)))
	err := answer(r.here(local), workflow.ExecuteLocalActivity(local, activities.VerdictAssign, candidate, control.Variant), &kept)
	if err == nil {
		return kept, true
	}
	if !claim.Withdraw() && !workflow.IsReplaying(ctx) {
		r.recorder.Disown(candidate, control)
	}
	workflow.GetLogger(ctx).Error("Verdict could not assign; the run gets control", "Experiment", candidate.Experiment, "Error", err)
	return scoring.Assignment{}, false
}

func (r *run) assignBySideEffect(ctx workflow.Context, candidate, control scoring.Assignment) (scoring.Assignment, bool) {
	var kept *scoring.Assignment
	result := sideEffect(ctx, func(ctx workflow.Context) any {
		a, record := r.recorder.Pick(candidate, control.Variant)
		if !record {
			return &a
		}
		offer, done := r.offer(ctx, activities.Batch{Assignment: &a})
		if !done && offer.Withdraw() {
			workflow.GetLogger(ctx).Error("Verdict could not assign in time; the run gets control", "Experiment", a.Experiment)
			return nil
		}
		if k, ok := offer.Kept(); ok {
			return &k
		}
		return &a // handed over, or under way: what is kept in the end is compared with what was served
	})
	if err := result.Get(&kept); err != nil {
		undecodable(ctx, "an assignment", err)
	}
	if kept == nil {
		return scoring.Assignment{}, false
	}
	return *kept, true
}

// byHash lets the experiment pick.
func byHash(split *experiments.Split, _ experiments.Definition, unit string) (experiments.Pick, error) {
	return split.Assign(unit), nil
}

// candidates returns what the unit gets if it is assigned now, and what it gets if it must not be: with an error too, unless
// there is no experiment.
func candidates(
	e *experiments.Experiment, unit, chain string, how func(*experiments.Split, experiments.Definition, string) (experiments.Pick, error),
) (candidate, control scoring.Assignment, err error) {
	if e == nil {
		return candidate, control, scoring.Invalid("experiment", "it is nil; make it with experiments.New")
	}
	def := e.Definition()
	switch {
	case def.Unit == experiments.UnitRun && unit != "":
		err = scoring.Invalid("unit", "%q randomises runs: pass ThisRun", def.Name)
	case def.Unit == experiments.UnitRun:
		unit = chain
	case unit == "":
		err = scoring.Invalid("unit", "%q randomises by %q: pass one", def.Name, def.Unit)
	}
	if err == nil {
		err = scoring.CheckKey("unit", unit)
	}
	split, splitErr := e.At(experiments.Epoch{}) //workflowcheck:ignore a pure function: it sorts what it ranges over
	if splitErr != nil {
		return candidate, control, splitErr // never: the definition was checked
	}
	control = split.Assignment(split.Pause(), unit, scoring.Run{}, time.Time{})
	if err != nil {
		return candidate, control, err
	}
	picked, err := how(split, def, unit)
	if err != nil {
		return candidate, control, err
	}
	return split.Assignment(picked, unit, scoring.Run{}, time.Time{}), control, nil
}
