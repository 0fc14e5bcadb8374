package verdict

import (
	"maps"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// ThisRun is the unit of an experiment that randomises runs.
const ThisRun = ""

// Pick is the variant that a run got, and the recorded assignment behind it.
type Pick struct {
	Variant    string
	Assignment scoring.Assignment

	misfit workflows.Misfit // the consequence for the workflow that picked it, if the code does not fit
}

// Experiment returns the run's variant: picked once, recorded when it is made with the probability that each variant
// had, and the same for the whole life of the run, its retries, its continued runs and its children, across
// deployments. The unit is [ThisRun] or, for an experiment with a unit of its own, a key such as a customer id.
//
// It waits until the assignment is made, for a second at most, so register update handlers before it.
//
// The Pick can always be used. It is the control, and the run is not in the experiment, where the run was open when the call
// was added to its code, on a worker without the plugin, and where something is refused: no unit where one is needed, one too
// many, an option that does not fit. That is a line in the log and a count of verdict_refused.
func Experiment(ctx workflow.Context, e *experiments.Experiment, unit string, opts ...PickOption) Pick {
	return picked(ctx, workflows.Assign(ctx, e, unit, opts...))
}

// PickOption influences the variant of a run when it is picked: [Targeted], [Forced] or [Chosen].
type PickOption = workflows.PickOption

// Targeted tells whether the experiment is for this run. If not, the run gets control and is not in the statistics.
func Targeted(yes bool) PickOption { return workflows.Targeted(yes) }

// Forced gives the run a variant, for a test or a customer who asked for it, and keeps it out of the statistics.
func Forced(variant string) PickOption { return workflows.Forced(variant) }

// Chosen is the caller's own choice, for the selection scoring.ByCustom, with the probability that each variant had in it.
func Chosen(variant string, probabilities map[string]float64) PickOption {
	return workflows.Chosen(variant, probabilities)
}

// Shadow runs another variant in parallel to the served one: child, a workflow of its own that the run neither waits
// for nor hears from. Its scores are reported next to the served runs' and decide nothing. See [workflows.Shadow]. A
// shadow that is refused, or cannot be started, becomes a line in the log and a count of verdict_refused.
func Shadow(ctx workflow.Context, p Pick, variant string, child any, args ...any) {
	workflows.Shadow(ctx, p.Assignment, variant, child, args...)
}

// Retired replaces [Experiment] once an experiment is over: new runs get the shipped variant and nothing is recorded,
// while a run with a pick keeps it. Once no run with a pick is open, you can remove the call.
func Retired(ctx workflow.Context, e *experiments.Experiment, unit, shipped string) Pick {
	return picked(ctx, workflows.Retire(ctx, e, unit, shipped))
}

func picked(ctx workflow.Context, a scoring.Assignment) Pick {
	if a.Variant == "" {
		return Pick{} // of no experiment: Of returns an error, and fails no task
	}
	return Pick{a.Variant, a, workflows.MisfitOf(ctx)}
}

// Of returns the picked variant's entry in the map: a workflow function, a prompt, a model.
//
// A variant that is not in the map was removed from the code while runs that had it are open. In the workflow that
// picked it Of panics then, which fails the workflow task: Temporal retries it until you deploy a worker whose code has
// the variant, and the run continues where it was. Under worker.FailWorkflow, and where the pick came as data, such as
// in an activity, Of returns an error that names the variant.
func Of[T any](p Pick, variants map[string]T) (T, error) {
	v, ok := variants[p.Variant]
	if !ok {
		known := slices.Sorted(maps.Keys(variants)) //workflowcheck:ignore they are sorted
		return v, p.misfit.Fail(scoring.Invalid("variant", "%q of %q is not among %q", p.Variant, p.Assignment.Experiment, known))
	}
	return v, nil
}
