package report

import (
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
)

// The results of an experiment's version. They are in a package of their own, so that who reads them from a worker does not link
// what computes them.
type (
	Experiment    = results.Experiment
	Row           = results.Row
	Failure       = results.Failure
	Source        = results.Source
	Contradiction = results.Contradiction
	Sequence      = results.Sequence
	Line          = results.Line
	Point         = results.Point
	Change        = results.Change
)

// analysisOf is an analysis as results have it.
func analysisOf(r analysis.Report) *results.Analysis {
	out := results.Analysis{
		Experiment: r.Experiment, Version: r.Version, Fingerprint: r.Fingerprint, At: r.At, Control: r.Control, Decision: r.Decision,
		Units: r.Units, Excluded: r.Excluded, Crossed: r.Crossed, SampleRatio: results.SampleRatio(r.SampleRatio), Matured: results.SampleRatio(r.Matured),
		Epochs: each(r.Epochs, func(e analysis.EpochReport) results.EpochReport { return results.EpochReport(e) }),
		Seals:  each(r.Seals, func(c analysis.SealCounts) results.SealCounts { return results.SealCounts(c) }),
		Facts:  each(r.Facts, func(f analysis.Fact) results.Fact { return results.Fact(f) }),
		Notes:  r.Notes,
	}
	out.Metrics = each(r.Metrics, func(m analysis.MetricReport) results.MetricReport {
		return results.MetricReport{
			Name: m.Name, Role: m.Role, Type: m.Type, Direction: m.Direction, Planned: m.Planned, MissingLogE: m.MissingLogE, Variants: each(m.Variants, resultOf),
		}
	})
	return &out
}

func resultOf(r analysis.Result) results.Result {
	return results.Result{
		Variant: r.Variant, Counts: results.Counts(r.Counts), Mean: r.Mean, Interval: intervalOf(r.Interval), IntervalMethod: results.Method(r.IntervalMethod),
		SD: r.SD, Quantiles: (*results.Quantiles)(r.Quantiles), Best: r.Best, Loss: r.Loss, Versus: comparisonOf(r.Versus), Harmful: r.Harmful,
	}
}

func comparisonOf(c *analysis.Comparison) *results.Comparison {
	if c == nil {
		return nil
	}
	return &results.Comparison{
		Units: c.Units, Method: results.Method(c.Method), Difference: c.Difference, DifferenceInterval: intervalOf(c.DifferenceInterval),
		Lift: c.Lift, LiftInterval: intervalOf(c.LiftInterval), LiftUndefined: c.LiftUndefined, LiftApproximate: c.LiftApproximate,
		PValue: c.PValue, LogEBetter: c.LogEBetter, LogEWorse: c.LogEWorse, HarmAtLeast: c.HarmAtLeast, Approximate: c.Approximate,
	}
}

func comparisonsOf(all []*analysis.Comparison) []*results.Comparison { return each(all, comparisonOf) }

func intervalOf(in *analysis.Interval) *results.Interval { return (*results.Interval)(in) }

// each applies f to all of a list. No list stays none: JSON tells it from an empty one.
func each[A, B any](all []A, f func(A) B) []B {
	if all == nil {
		return nil
	}
	out := make([]B, len(all))
	for i, a := range all {
		out[i] = f(a)
	}
	return out
}
