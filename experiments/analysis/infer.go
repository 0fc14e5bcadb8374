package analysis

import (
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Infer makes a definition from a store's rows, for a report on an experiment without a known definition: the variants
// come from the probabilities, the control is the given one or else the first in byte order, and the metric is boolean
// if all its scores are, bounded by 0 and 1 if they all lie there, and unbounded otherwise, higher being better. If all
// scores are of one step type, so is the metric. The meaning of a failed run is unknown. There is no maturity window: a
// caller that knows one sets it. It refuses assignments of none or of several experiments or versions.
func Infer(assignments []scoring.Assignment, records []scoring.Record, metric, control string) (experiments.Definition, error) {
	if len(assignments) == 0 {
		return experiments.Definition{}, scoring.Invalid("assignments", "there are none")
	}
	first := assignments[0]
	d := experiments.Definition{Name: first.Experiment, Version: first.Version, Control: control, Primary: experiments.Metric{
		Name: metric, Type: inferType(records, metric), Step: inferStep(records, metric),
		FailureUnknown: true, // a failed run need not be the worst value
	}}
	weights := map[string]float64{}
	for _, a := range assignments {
		if a.Experiment != d.Name || a.Version != d.Version {
			return experiments.Definition{}, scoring.Invalid("assignments", "of %q version %q and of %q version %q", d.Name, d.Version, a.Experiment, a.Version)
		}
		if a.By == scoring.ByShadow {
			continue // its variant may be none of the experiment's
		}
		for v, p := range a.Probabilities {
			weights[v] = max(weights[v], p)
		}
		switch a.By {
		case scoring.ByBucket:
			d.Unit = "unit"
		case scoring.ByCustom:
			d.Selection = scoring.ByCustom
		case scoring.ByFixed:
			d.Selection, d.Fixed = scoring.ByFixed, a.Variant
		}
	}
	if key, ok := scoring.SessionOfStep(d.Primary.Step); ok && d.Unit != "" {
		d.Unit = key
	}
	names := slices.Sorted(maps.Keys(weights))
	for _, name := range names {
		w := weights[name]
		if w == 0 {
			w = 1 // it never had a chance; a definition needs a weight
		}
		d.Variants = append(d.Variants, experiments.Variant{Name: name, Weight: w})
	}
	if control == "" && len(names) > 0 {
		d.Control = names[0]
	}
	return d, d.Validate()
}

func inferType(records []scoring.Record, metric string) experiments.Type {
	if metric == experiments.RunFailed {
		return experiments.Boolean
	}
	booleans, within := true, true
	for _, r := range records {
		y, ok := r.Value.Float()
		if r.Name != metric || r.Retracted || !ok {
			continue
		}
		booleans = booleans && r.Value.Kind() == scoring.BoolKind
		within = within && y >= 0 && y <= 1
	}
	switch {
	case metric == experiments.RunDuration || metric == experiments.RunAttempts:
		return experiments.Unbounded
	case booleans:
		return experiments.Boolean
	case within:
		return experiments.Bounded
	}
	return experiments.Unbounded
}

// inferStep returns the step type that all scores of a metric share, if there is one.
func inferStep(records []scoring.Record, metric string) string {
	steps := map[string]bool{}
	for _, r := range records {
		if r.Name == metric && !r.Retracted {
			steps[placeStep(r)] = true
		}
	}
	if len(steps) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(steps))[0]
}
