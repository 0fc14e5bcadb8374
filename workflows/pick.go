package workflows

import (
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// PickOption has a say in which variant a run gets. It counts when the assignment is made, and never after.
type PickOption interface{ apply(*pickOptions) }

type pickOption func(*pickOptions)

func (f pickOption) apply(o *pickOptions) { f(o) }

type pickOptions struct {
	forced, chosen string
	probabilities  map[string]float64
	excluded       bool
}

// Forced gives the run a variant, out of the statistics.
func Forced(variant string) PickOption {
	return pickOption(func(o *pickOptions) { o.forced = variant })
}

// Chosen is the caller's own choice, for an experiment with the selection scoring.ByCustom, with the probability that
// each variant had in it.
func Chosen(variant string, probabilities map[string]float64) PickOption {
	return pickOption(func(o *pickOptions) { o.chosen, o.probabilities = variant, probabilities })
}

// Targeted tells whether the run is one that the experiment is for. One that is not gets control, out of the statistics.
func Targeted(yes bool) PickOption {
	return pickOption(func(o *pickOptions) { o.excluded = !yes })
}

// pick returns the unit's assignment now.
func (o pickOptions) pick(split *experiments.Split, d experiments.Definition, unit string) (experiments.Pick, error) {
	custom := d.Selection == scoring.ByCustom
	switch p := split.Assign(unit); {
	case o.forced != "":
		return split.Force(o.forced)
	case o.excluded:
		return split.Exclude(), nil
	case custom != (o.chosen != ""):
		return p, scoring.Invalid("selection", "%q has the selection %q: Chosen works only with %q", d.Name, d.Selection, scoring.ByCustom)
	case custom && p.Counted():
		return split.Choose(o.chosen, o.probabilities)
	case custom:
		_, err := split.Choose(o.chosen, o.probabilities) // a mistake is one for every unit
		return p, err
	default:
		return p, nil
	}
}
