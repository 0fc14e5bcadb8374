package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// Failure counts runs of a variant that failed alike.
type Failure struct {
	Variant string `json:"variant"`
	// Status is failed, timed_out or terminated.
	Status scoring.RunStatus `json:"status"`
	// Step is the activity type that made the run fail. Empty: the workflow's own code did, or it is not known.
	Step string `json:"step,omitempty"`
	Runs int    `json:"runs"`
}

// isUsage tells whether a score counts a run's usage: it is shown with the engine's facts, and less is better.
func isUsage(score string) bool {
	for _, name := range []string{"tokens", "cost", "latency"} {
		if score == name || strings.HasPrefix(score, name+"_") || strings.HasSuffix(score, "_"+name) {
			return true
		}
	}
	return strings.HasPrefix(score, "gen_ai.usage.")
}

// engineMetrics are the engine's facts: the first of them also from the server's answers.
func engineMetrics() []experiments.Metric {
	engine := func(name string, t experiments.Type) experiments.Metric {
		return experiments.Metric{Name: name, Type: t, Direction: experiments.Lower}
	}
	return []experiments.Metric{
		engine(experiments.RunFailed, experiments.Boolean),
		engine(experiments.RunDuration, experiments.Unbounded), engine(experiments.RunAttempts, experiments.Unbounded),
	}
}

// engine adds the engine's facts about every run, whether it has scores or not.
func (e *Experiment) engine(ev evidence, d experiments.Definition) {
	asked, metrics := ev.asked().within(d), engineMetrics()
	failed, err := readAs(asked, d, metrics[0])
	if err != nil {
		return // the experiment has said why there is no decision
	}
	// The server has said how a run ended, not when.
	others, err := readAs(ev, d, metrics[1], metrics[2])
	if err != nil {
		return
	}
	for _, m := range append(failed, others...) {
		for _, r := range m.Variants {
			e.Engine = append(e.Engine, Row{
				Score: m.Name, Variant: r.Variant, Counts: r.Counts, Errors: r.Error, Mean: r.Mean, Interval: bounded(r.Interval), IntervalMethod: r.IntervalMethod, Versus: r.Versus,
			})
		}
	}
	e.Failures = failures(asked.units)
}

// engineAlone is engine for an experiment without scores, or without a decision.
func (e *Experiment) engineAlone(ev evidence) {
	assignments, _ := ev.served()
	d, err := analysis.Infer(assignments, nil, experiments.RunFailed, ev.o.Control)
	if err != nil {
		return
	}
	e.Inferred, e.Control, e.Level = true, d.Control, 1-d.WithDefaults().Alpha
	e.engine(ev.within(d), d)
}

// asked returns ev with the server's answers about how runs ended that never flushed.
func (ev evidence) asked() evidence {
	ev.rows.Runs = slices.Clone(ev.rows.Runs)
	for i, f := range ev.rows.Runs {
		state, ok := ev.said[f.Run]
		if !ok || f.Status != "" {
			continue
		}
		switch state {
		case Open, Gone, NotAsked:
		default:
			ev.rows.Runs[i].Status = scoring.RunStatus(state)
		}
	}
	return ev
}

// failures counts the chains that failed within their window, by how and where their last run did.
func failures(units *analysis.Reader) []Failure {
	counts := map[Failure]int{}
	for _, end := range units.Endings() {
		switch end.Status {
		case scoring.RunFailed, scoring.RunTimedOut, scoring.RunTerminated:
			counts[Failure{Variant: end.Variant, Status: end.Status, Step: end.Step}]++
		}
	}
	all := make([]Failure, 0, len(counts))
	for f := range maps.Keys(counts) {
		n := counts[f]
		f.Runs = n
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Step, b.Step))
	})
	return all
}

// Scores are the rows of the first table: all except Runs.
func (e Experiment) Scores() []Row {
	return slices.DeleteFunc(slices.Clone(e.Rows), e.taken)
}

// Runs are the rows of the second table: the engine's facts, and the scores that count a run's usage.
func (e Experiment) Runs() []Row {
	return slices.Concat(e.Engine, slices.DeleteFunc(slices.Clone(e.Rows), func(r Row) bool { return !e.taken(r) }))
}

// taken tells whether a score counts a run's usage. The primary metric is a score first of all.
func (e Experiment) taken(r Row) bool { return isUsage(r.Score) && r.Place() != e.Primary }

// Place is the row's score, and its step type if it has one, as a metric is called.
func (r Row) Place() string { return experiments.Metric{Name: r.Score, Step: r.Step}.String() }

// String says how and where the runs failed.
func (f Failure) String() string {
	how := strings.ReplaceAll(string(f.Status), "_", " ")
	if f.Step != "" {
		how += " in " + f.Step
	}
	return how
}
