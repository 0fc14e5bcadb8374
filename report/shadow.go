package report

import (
	"maps"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
)

// shadow adds the shadow runs, with every score that any of them has and with the engine's facts.
func (e *draft) shadow(ev evidence, d experiments.Definition) {
	places := map[place]bool{}
	for _, r := range ev.records {
		if ev.units.OfShadow(r.Run) {
			places[analysis.PlaceOf(r)] = true
		}
	}
	for p := range maps.Keys(places) {
		if metric, err := metricOf(ev.rows.Assignments, ev.records, d, p); err == nil {
			e.Shadows = append(e.Shadows, shadowRows(ev.units, d, metric)...)
		}
	}
	for _, metric := range analysis.EngineMetrics() {
		e.Shadows = append(e.Shadows, shadowRows(ev.units, d, metric)...)
	}
	sortRows(e.Shadows)
}

func shadowRows(units *analysis.Reader, d experiments.Definition, metric experiments.Metric) []Row {
	x, err := experiments.New(analysis.About(d, metric))
	if err != nil {
		return nil
	}
	shadows, err := units.Shadows(x)
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
			Score: metric.Name, Step: metric.Step, Variant: s.Variant, Counts: r.Counts, Errors: r.Error, Mean: r.Mean, Interval: bounded(r.Interval),
		}
		if r.Difference != nil {
			row.Versus = &results.Comparison{
				Units: r.Pairs, Method: results.Asymptotic, Approximate: true, Difference: *r.Difference, DifferenceInterval: bounded(r.DifferenceInterval), PValue: r.PValue,
			}
		}
		rows = append(rows, row)
	}
	return rows
}
