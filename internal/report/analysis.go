package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// evidence has the rows that an experiment's analysis uses.
type evidence struct {
	assignments []scoring.Assignment
	records     []scoring.Record // that hold
	history     []scoring.Record // all revisions, since the one that held when a window closed counts
	runs        []scoring.RunFacts
	// said has the server's answers about runs that never flushed.
	said map[scoring.Run]RunState
}

// at returns the records of one place.
func (ev evidence) at(p place) []scoring.Record {
	var of []scoring.Record
	for _, r := range ev.records {
		if placeOf(r) == p {
			of = append(of, r)
		}
	}
	return of
}

// analyse adds the decision, and to each row its statistics.
func (e *Experiment) analyse(ev evidence, o Options) {
	ev, all := ev.split()
	d, err := e.definition(ev, o)
	if err == nil {
		err = e.decide(ev, d, o)
	}
	if err != nil {
		e.Decision = "no decision: " + err.Error()
		e.engineAlone(ev, o)
		return
	}
	places := map[place]bool{}
	for _, r := range e.Rows {
		places[place{r.Step, r.Score}] = true
	}
	for p := range places {
		metric, err := metricAt(ev, d, p)
		if err != nil {
			continue
		}
		// A place that cannot be analysed, such as one whose scores a metric refuses, has its counts and its mean.
		if read, err := readAs(ev, d, o.Now, metric); err == nil {
			e.fill(p, read[0].Variants)
		}
	}
	e.engine(ev, d, o.Now)
	e.shadow(all, d, o)
}

// definition returns the known definition, or infers one.
func (e *Experiment) definition(ev evidence, o Options) (experiments.Definition, error) {
	if known := o.defined(e.Name, e.Version); known != nil {
		return known.Definition(), nil
	}
	primary, ok := primary(ev.records, o.Metric)
	if !ok {
		if o.Metric != "" {
			return experiments.Definition{}, fmt.Errorf("no score is named %q", o.Metric)
		}
		return experiments.Definition{}, fmt.Errorf("nothing is scored yet")
	}
	e.Inferred = true
	return analysis.Infer(ev.assignments, ev.at(primary), primary.score, cmp.Or(o.Control, e.lowest(primary)))
}

// lowest returns the variant with the lowest mean in a place; empty if there is none.
func (e *Experiment) lowest(p place) string {
	name, mean := "", math.Inf(1)
	for _, r := range e.Rows {
		if (place{r.Step, r.Score}) == p && r.Mean != nil && *r.Mean < mean {
			name, mean = r.Variant, *r.Mean
		}
	}
	return name
}

// primary returns the place that a decision is about by default: a deferred scorer's score of runs, else another score
// of runs, else a score of steps; the first by name.
func primary(records []scoring.Record, metric string) (place, bool) {
	ranks := map[place]int{}
	for _, r := range records {
		p := placeOf(r)
		if metric != "" && p.score != metric {
			continue
		}
		rank := 1
		switch {
		case p.step != "":
			rank = 2
		case r.Source == scoring.FromScorer:
			rank = 0
		}
		if before, ok := ranks[p]; !ok || rank < before {
			ranks[p] = rank
		}
	}
	all := slices.SortedFunc(maps.Keys(ranks), func(a, b place) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(a.score, b.score), cmp.Compare(a.step, b.step))
	})
	if len(all) == 0 {
		return place{}, false
	}
	return all[0], true
}

func (e *Experiment) decide(ev evidence, d experiments.Definition, o Options) error {
	x, err := experiments.New(d)
	if err != nil {
		return err
	}
	r, err := analysis.Of(x, ev.assignments, ev.history, ev.runs, o.Now)
	if err != nil {
		return err
	}
	e.Analysis = &r
	d = x.Definition()
	e.Primary, e.Control, e.Level = d.Primary.String(), r.Control, 1-d.Alpha
	e.Decision = words(r.Decision)
	e.Notes = r.Notes
	if e.Inferred {
		e.Notes = append([]string{fmt.Sprintf("the report does not have the experiment's definition: it assumes that the metric is %s and the control %s", e.Primary, e.Control)}, e.Notes...)
	}
	if o.Sequences {
		e.Sequence, err = sequence(x, ev, o.Now)
	}
	return err
}

// words is a decision as a sentence, with the evidence that it still needs.
func words(d experiments.Decision) string {
	var b strings.Builder
	b.WriteString(string(d.Verdict))
	if len(d.Variants) > 0 {
		b.WriteString(" " + strings.Join(d.Variants, ", "))
	}
	b.WriteString(": " + d.Reason)
	if d.UnitsNeeded > 0 {
		fmt.Fprintf(&b, "; about %d more units", d.UnitsNeeded)
		if d.TimeNeeded > 0 {
			fmt.Fprintf(&b, ", about %s at the rate so far", roughly(d.TimeNeeded))
		}
	}
	return b.String()
}

// roughly is a guess at a time in words.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d > 2*day:
		return fmt.Sprintf("%d days", int(d.Round(day)/day))
	case d > time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	default:
		return d.Round(time.Second).String()
	}
}

// readAs reads metrics as if the experiment were about them.
func readAs(ev evidence, d experiments.Definition, now time.Time, primary experiments.Metric, others ...experiments.Metric) ([]analysis.MetricReport, error) {
	x, err := experiments.New(about(d, primary, others...))
	if err != nil {
		return nil, err
	}
	r, err := analysis.Of(x, ev.assignments, ev.history, ev.runs, now)
	return r.Metrics, err
}

// about returns d as if it were about the metrics.
func about(d experiments.Definition, primary experiments.Metric, others ...experiments.Metric) experiments.Definition {
	d.Primary, d.Guardrails = primary, others
	d.MDE, d.Sigma, d.ROPE, d.Margin, d.EarlyRead = 0, 0, 0, 0, false // they are about another metric
	return d
}

// metricAt returns the metric that the definition has for a place, or infers one.
func metricAt(ev evidence, d experiments.Definition, p place) (experiments.Metric, error) {
	for _, m := range append([]experiments.Metric{d.Primary}, d.Guardrails...) {
		if m.Name == p.score && m.Step == p.step && m.Denominator == "" {
			m.Required, m.Margin = false, 0
			return m, nil
		}
	}
	inferred, err := analysis.Infer(ev.assignments, ev.at(p), p.score, d.Control)
	if isUsage(p.score) {
		inferred.Primary.Direction = experiments.Lower
	}
	return inferred.Primary, err
}

// fill puts results into the rows of a place.
func (e *Experiment) fill(p place, results []analysis.Result) {
	for i := range e.Rows {
		row := &e.Rows[i]
		if (place{row.Step, row.Score}) != p {
			continue
		}
		for _, r := range results {
			if r.Variant != row.Variant {
				continue
			}
			row.Counts, row.Matured, row.Imputed, row.Capped, row.Late = countsOf(r.Counts), r.Matured, r.Imputed, r.Capped, r.Late
			row.Mean, row.Best, row.Versus = r.Mean, r.Best, r.Versus
			row.Interval = bounded(r.Interval)
		}
	}
}

// bounded returns an interval that has two ends, or nil.
func bounded(in *analysis.Interval) *analysis.Interval {
	if in == nil || math.IsInf(in.Lo, 0) || math.IsInf(in.Hi, 0) {
		return nil
	}
	return in
}
