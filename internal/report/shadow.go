package report

import (
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// split takes the rows of shadows out of the evidence. Shadows decide nothing, and inferred definitions ignore them.
func (ev evidence) split() (served, all evidence) {
	chains := map[string]bool{}
	served, all = ev, ev
	served.assignments, served.records, served.history = nil, nil, nil
	for _, a := range ev.assignments {
		if a.By == scoring.ByShadow {
			chains[a.FirstRunID] = true
		} else {
			served.assignments = append(served.assignments, a)
		}
	}
	if len(chains) == 0 {
		return ev, evidence{}
	}
	ofShadow := map[scoring.Run]bool{}
	for _, f := range ev.runs {
		ofShadow[f.Run] = chains[f.FirstRunID] || slices.ContainsFunc(f.Assigned, func(r scoring.Ref) bool { return chains[r.FirstRunID] })
	}
	for _, list := range []struct {
		all  []scoring.Record
		kept *[]scoring.Record
	}{{ev.records, &served.records}, {ev.history, &served.history}} {
		for _, r := range list.all {
			if !ofShadow[r.Run] && !chains[r.Run.RunID] {
				*list.kept = append(*list.kept, r)
			}
		}
	}
	return served, all
}

// shadow adds the shadow runs, with every score that any of them has and with the engine's facts.
func (e *Experiment) shadow(all evidence, d experiments.Definition, o Options) {
	places := map[place]bool{}
	for _, r := range all.records {
		places[placeOf(r)] = true
	}
	for p := range maps.Keys(places) {
		if metric, err := metricAt(all, d, p); err == nil {
			e.Shadows = append(e.Shadows, shadowRows(all, d, metric, o)...)
		}
	}
	for _, metric := range engineMetrics() {
		e.Shadows = append(e.Shadows, shadowRows(all, d, metric, o)...)
	}
	sortRows(e.Shadows)
}

func shadowRows(all evidence, d experiments.Definition, metric experiments.Metric, o Options) []Row {
	x, err := experiments.New(about(d, metric))
	if err != nil {
		return nil
	}
	shadows, err := analysis.Shadows(x, all.assignments, all.history, all.runs, o.Now)
	if err != nil {
		return nil // as of the served runs: the experiment has said why there is no decision
	}
	var rows []Row
	for _, s := range shadows {
		r := s.Metrics[0]
		if r.Assigned == r.Missing+r.Pending {
			continue // no shadow says anything of it
		}
		row := Row{
			Score: metric.Name, Step: metric.Step, Variant: s.Variant, Counts: countsOf(r.Counts),
			Matured: r.Matured, Imputed: r.Imputed, Capped: r.Capped, Late: r.Late,
			Mean: r.Mean, Interval: bounded(r.Interval),
		}
		if r.Difference != nil {
			row.Versus = &analysis.Comparison{
				Units: r.Pairs, Difference: *r.Difference, DifferenceInterval: bounded(r.DifferenceInterval), PValue: r.PValue,
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// countsOf are an analysis's counts as a row has them.
func countsOf(c analysis.Counts) Counts {
	return Counts{
		Assigned: c.Assigned, Scored: c.Scored, Pending: c.Pending, Expired: c.Expired,
		Missing: c.Missing, NotApplicable: c.NotApplicable, Errors: c.Error,
	}
}
