package workflows

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Assign returns the run's assignment in an experiment: an inherited one, an earlier one, or a new one, which it
// records and keeps for the life of the run. Making one adds three events and no workflow task. A run that was open
// when the call was added to its code gets the control and is not in the experiment, and so does a run whose unit or
// options are refused.
func Assign(ctx workflow.Context, e *experiments.Experiment, unit string, opts ...PickOption) scoring.Assignment {
	const what = "Experiment"
	var o pickOptions
	for _, opt := range opts {
		opt.apply(&o)
	}
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), o.pick)
	r := of(ctx, what)
	switch {
	case r == nil:
		return control
	case err != nil:
		return r.refuseAssignment(ctx, what, control, err)
	}
	if a, ok := r.assignment(candidate); ok {
		return a
	}
	if err := r.mayCommand(ctx, what); err != nil {
		return r.refuseAssignment(ctx, what, control, err)
	}
	if r.shadow != nil {
		return r.keep(control)
	}
	version := r.version(ctx, experimentCall(candidate, r.pick(ctx, assignedByActivity, assignedBySideEffect)))
	if version == experimentRetired {
		// The task fails, not the run: code with Retired in its place heals it.
		panic(fmt.Sprintf("[TMPRL1100] verdict: Retired served this run the shipped variant of %q, which Experiment cannot change", e.Definition().Name))
	}
	return r.assignAs(ctx, e, version, candidate, control)
}

// refuseAssignment reports that a run is not assigned. The run is served its earlier assignment, if it has one, and the
// control otherwise.
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
func (r *run) assignAs(ctx workflow.Context, e *experiments.Experiment, version workflow.Version, candidate, control scoring.Assignment) scoring.Assignment {
	switch version {
	case assignedByActivity:
		return r.assign(ctx, e, candidate, control, r.assignByActivity)
	case assignedBySideEffect:
		return r.assign(ctx, e, candidate, control, r.assignBySideEffect)
	}
	return r.keep(control)
}

// Retire is Assign for an experiment that is over. A run with an assignment, its own or inherited, keeps it; a run that
// had passed the place of the call without one keeps the control; every other run gets the shipped variant, out of the
// statistics, with a version and no assignment in its history. The version distinguishes the three, and when all open
// histories have only the version, the call may be removed.
func Retire(ctx workflow.Context, e *experiments.Experiment, unit, shipped string) scoring.Assignment {
	const what = "Retired"
	candidate, control, err := candidates(e, unit, chainOf(workflow.GetInfo(ctx)), byHash)
	over := control
	over.Variant, over.By = shipped, scoring.ByForce
	if _, ok := over.Probabilities[shipped]; !ok && err == nil {
		err = scoring.Invalid("variant", "%q is not a variant of %q", shipped, over.Experiment)
	}
	r := of(ctx, what)
	plugin := r != nil
	if !plugin {
		r = newRun(&Config{}, nil) // with a plugin that is added later this run must find its variant again
	}
	if err != nil {
		return r.refuseAssignment(ctx, what, control, err)
	}
	if a, ok := r.assignment(candidate); ok {
		return a
	}
	if err := r.mayCommand(ctx, what); err != nil {
		return r.refuseAssignment(ctx, what, control, err)
	}
	version := r.version(ctx, experimentCall(candidate, experimentRetired))
	switch {
	case version == experimentRetired:
		return r.keep(over)
	case !plugin:
		return control
	}
	return r.assignAs(ctx, e, version, candidate, control)
}

func keyOf(a scoring.Assignment) string { return a.Experiment + "@" + a.Version }

// keep keeps the run's assignment for the next call.
func (r *run) keep(a scoring.Assignment) scoring.Assignment {
	r.picks[keyOf(a)] = a
	return a
}

// assignment returns the assignment that the run has already, from an earlier call or from the run that started it.
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

// assign makes an assignment by a carrier, and keeps the served variant.
func (r *run) assign(ctx workflow.Context, e *experiments.Experiment, candidate, control scoring.Assignment, by carrier) scoring.Assignment {
	info := workflow.GetInfo(ctx)
	candidate.Run, candidate.FirstRunID, candidate.OriginalRunID = runOf(info), chainOf(info), info.OriginalRunID
	candidate.WorkflowType, candidate.At = info.WorkflowType.Name, workflow.Now(ctx)
	with := activities.Assigner{Experiment: e, TaskQueue: info.TaskQueueName, Build: r.cfg.build(info)}
	kept, ok := by(ctx, with, candidate, control)
	if !ok {
		// A worker without a free slot, a cancelled run, a worker that stopped: the run is served the control and stays out.
		// Its flush says so, in case a write in progress still records the assignment.
		r.unserved = append(r.unserved, scoring.Ref{Experiment: candidate.Experiment, Version: candidate.Version, FirstRunID: candidate.FirstRunID})
		control.FirstRunID = candidate.FirstRunID
		r.pass(control, false)
		return r.keep(control)
	}
	r.pass(kept, kept.By != scoring.ByPause)
	r.describe(ctx)
	return r.keep(kept)
}

// pass sends the run's variant to its children and continued runs, which are served the same. A reference without a
// probability does not take part in the experiment.
func (r *run) pass(a scoring.Assignment, takesPart bool) {
	ref := a.Ref()
	if !takesPart {
		ref.Probability = 0
	}
	r.outside[keyOf(a)] = !takesPart || !experiments.Counted(a.By)
	r.assigned = append(r.assigned, ref)
}

// carrier records candidate and returns the assignment that is kept, which the run must be served; none if the run must be
// served control, because it cannot wait any longer.
type carrier func(ctx workflow.Context, by activities.Assigner, candidate, control scoring.Assignment) (kept scoring.Assignment, ok bool)

func (r *run) assignByActivity(ctx workflow.Context, by activities.Assigner, candidate, control scoring.Assignment) (scoring.Assignment, bool) {
	claim := activities.ClaimAssignment(candidate, by)
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

func (r *run) assignBySideEffect(ctx workflow.Context, by activities.Assigner, candidate, control scoring.Assignment) (scoring.Assignment, bool) {
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
		r.recorder.Define(context.Background(), by, a.Run.Namespace)
		if k, ok := offer.Kept(); ok {
			return &k
		}
		return &a // handed over, or in progress: the store compares the kept assignment with the served one
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

// candidates returns the unit's assignment now, and the control for a run that must not be assigned. It returns both
// also with an error, unless there is no experiment.
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
