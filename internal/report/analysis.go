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

// at returns the records of one place.
func at(records []scoring.Record, p place) []scoring.Record {
	var of []scoring.Record
	for _, r := range records {
		if analysis.PlaceOf(r) == p {
			of = append(of, r)
		}
	}
	return of
}

// analyse adds the units, the decision, and to each row its statistics.
func (e *Experiment) analyse(ev evidence) {
	d, err := e.definition(ev)
	if err == nil {
		ev = ev.within(d)
	}
	e.Units, e.Unvouched = ev.units.Len(), ev.units.Unvouched()
	left := ev.units.Left()
	e.Excluded, e.Unserved = left.Assignments(), left.Unserved
	e.Rows = ev.tallies()
	if err == nil {
		err = e.decide(ev, d)
	}
	if err != nil {
		e.Decision = "no decision: " + err.Error()
		e.engineAlone(ev)
		return
	}
	e.fillAll(ev, d)
	e.engine(ev, d)
	e.shadow(ev, d)
}

// part adds the units of a session, each as the whole experiment counts it. They were not planned: nothing is compared or
// decided.
func (e *Experiment) part(ev evidence, in map[scoring.Run]bool) {
	var whole Experiment
	whole.Name, whole.Version = e.Name, e.Version
	d, err := whole.definition(ev)
	if err == nil {
		ev = ev.within(d)
	}
	ev.units = ev.units.Select(in)
	e.Units, e.Rows = ev.units.Len(), ev.tallies()
	if err == nil {
		e.fillAll(ev, d)
	}
	for i := range e.Rows {
		e.Rows[i].Interval, e.Rows[i].IntervalMethod, e.Rows[i].Best, e.Rows[i].Versus = nil, "", nil, nil
	}
}

// fillAll puts results into the rows of all places.
func (e *Experiment) fillAll(ev evidence, d experiments.Definition) {
	places := map[place]bool{}
	for _, r := range e.Rows {
		places[r.at()] = true
	}
	for p := range places {
		metric, err := metricAt(ev, d, p)
		if err != nil {
			continue
		}
		// A place that cannot be analysed, such as one whose scores a metric refuses, has its counts and its mean.
		if read, err := readAs(ev, d, metric); err == nil {
			e.fill(p, read[0].Variants)
		}
	}
}

// at is the place of a row.
func (r Row) at() place { return place{Step: r.Step, Name: r.Score} }

// definition returns the known definition, or infers one.
func (e *Experiment) definition(ev evidence) (experiments.Definition, error) {
	if x := ev.o.known.experiment; x != nil {
		return x.Definition(), nil
	}
	assignments, records := ev.served()
	primary, ok := primary(records, ev.o.Metric)
	if !ok {
		if ev.o.Metric != "" {
			return experiments.Definition{}, fmt.Errorf("no score is named %q", ev.o.Metric)
		}
		return experiments.Definition{}, fmt.Errorf("nothing is scored yet")
	}
	e.Inferred = true
	return analysis.Infer(assignments, at(records, primary), primary.Name, cmp.Or(ev.o.Control, lowest(ev.units.Tallies(), primary)))
}

// lowest returns the variant with the lowest mean in a place; empty if there is none.
func lowest(tallies []analysis.Tally, p place) string {
	name, mean := "", math.Inf(1)
	for _, t := range tallies {
		if t.Place == p && t.Mean != nil && *t.Mean < mean {
			name, mean = t.Variant, *t.Mean
		}
	}
	return name
}

// primary returns the place that a decision is about by default: a deferred scorer's score of runs, else another score
// of runs, else a score of steps; the first by name.
func primary(records []scoring.Record, metric string) (place, bool) {
	ranks := map[place]int{}
	for _, r := range records {
		p := analysis.PlaceOf(r)
		if metric != "" && p.Name != metric {
			continue
		}
		rank := 1
		switch {
		case p.Step != "":
			rank = 2
		case r.Source == scoring.FromScorer:
			rank = 0
		}
		if before, ok := ranks[p]; !ok || rank < before {
			ranks[p] = rank
		}
	}
	all := slices.SortedFunc(maps.Keys(ranks), func(a, b place) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Step, b.Step))
	})
	if len(all) == 0 {
		return place{}, false
	}
	return all[0], true
}

func (e *Experiment) decide(ev evidence, d experiments.Definition) error {
	x, err := experiments.New(d)
	if err != nil {
		return err
	}
	r, err := ev.units.Report(x)
	if err != nil {
		return err
	}
	r.Decision = r.Decision.Voided(ev.o.known.void())
	e.Analysis = &r
	d = x.Definition()
	e.Primary, e.Control, e.Level = d.Primary.String(), r.Control, 1-d.Alpha
	e.Decision = words(r.Decision)
	e.Notes = r.Notes
	if e.Inferred {
		e.Notes = append([]string{fmt.Sprintf("the report does not have the experiment's definition: it assumes that the metric is %s and the control %s", e.Primary, e.Control)}, e.Notes...)
	}
	if ev.o.Sequences {
		e.Sequence, err = sequence(x, ev.units, ev.o.Now)
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
func readAs(ev evidence, d experiments.Definition, primary experiments.Metric, others ...experiments.Metric) ([]analysis.MetricReport, error) {
	x, err := experiments.New(about(d, primary, others...))
	if err != nil {
		return nil, err
	}
	r, err := ev.units.Report(x)
	return r.Metrics, err
}

// about returns d as if it were about the metrics.
func about(d experiments.Definition, primary experiments.Metric, others ...experiments.Metric) experiments.Definition {
	d.Primary, d.Guardrails = primary, others
	d.MDE, d.Sigma, d.ROPE, d.Margin, d.EarlyRead = 0, 0, 0, 0, false // they are about another metric
	return d
}

// metricAt returns the metric that the definition has for a place, or infers one from the served runs.
func metricAt(ev evidence, d experiments.Definition, p place) (experiments.Metric, error) {
	assignments, records := ev.served()
	return metricOf(assignments, records, d, p)
}

func metricOf(assignments []scoring.Assignment, records []scoring.Record, d experiments.Definition, p place) (experiments.Metric, error) {
	for _, m := range append([]experiments.Metric{d.Primary}, d.Guardrails...) {
		if m.Name == p.Name && m.Step == p.Step && m.Denominator == "" {
			m.Required, m.Margin = false, 0
			return m, nil
		}
	}
	inferred, err := analysis.Infer(assignments, at(records, p), p.Name, d.Control)
	if isUsage(p.Name) {
		inferred.Primary.Direction = experiments.Lower
	}
	return inferred.Primary, err
}

// fill puts results into the rows of a place.
func (e *Experiment) fill(p place, results []analysis.Result) {
	for i := range e.Rows {
		row := &e.Rows[i]
		if row.at() != p {
			continue
		}
		for _, r := range results {
			if r.Variant != row.Variant {
				continue
			}
			row.Counts, row.Errors = r.Counts, r.Error
			row.Mean, row.Best, row.Versus = r.Mean, r.Best, r.Versus
			row.Interval, row.IntervalMethod = bounded(r.Interval), r.IntervalMethod
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
