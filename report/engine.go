package report

import (
	"cmp"
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// engineOf are the engine's facts about every run, whether it has scores or not.
func engineOf(o analysis.Overview) (rows []Row) {
	for _, m := range o.Engine {
		for _, r := range m.Variants {
			rows = append(rows, Row{
				Score: m.Name, Variant: r.Variant, Counts: r.Counts, Errors: r.Error, Mean: r.Mean, Interval: bounded(r.Interval),
				IntervalMethod: r.IntervalMethod, Versus: r.Versus,
			})
		}
	}
	return rows
}

// engineAlone adds the engine's facts about an experiment that cannot be analysed.
func (e *draft) engineAlone(ev evidence) {
	assignments, _ := ev.served()
	d, err := analysis.Infer(assignments, nil, experiments.RunFailed, ev.o.Control)
	if err != nil {
		return
	}
	x, err := experiments.New(d)
	if err != nil {
		return
	}
	e.Inferred, e.Control, e.Level = true, d.Control, 1-d.WithDefaults().Alpha
	if o, err := ev.within(d).units.Overview(x); err == nil {
		e.Engine, e.Failures = engineOf(o), failuresOf(o)
	}
}

// asked are the server's answers about how runs ended that never flushed.
func asked(said map[scoring.Run]RunState) map[scoring.Run]scoring.RunStatus {
	ended := map[scoring.Run]scoring.RunStatus{}
	for run, state := range said {
		switch state {
		case Open, Gone, NotAsked:
		default:
			ended[run] = scoring.RunStatus(state)
		}
	}
	return ended
}

// failuresOf counts the chains that failed within their window, by how and where their last run did.
func failuresOf(o analysis.Overview) []Failure {
	counts := map[Failure]int{}
	for _, end := range o.Endings {
		switch end.Status {
		case scoring.RunFailed, scoring.RunTimedOut, scoring.RunTerminated:
			counts[Failure{Variant: end.Variant, Status: end.Status, Step: end.Step, Type: end.Type}] += end.Chains
		}
	}
	all := make([]Failure, 0, len(counts))
	for f := range maps.Keys(counts) {
		n := counts[f]
		f.Runs = n
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Type, b.Type))
	})
	return all
}
