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
	"github.com/verdict-dev/verdict/experiments/results"
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

// analyse adds the units, the decision, and the rows of all scores, from all rows of the experiment.
func (e *draft) analyse(ev evidence) {
	d, err := e.definition(ev)
	if err == nil {
		ev = ev.within(d)
	}
	var x *experiments.Experiment
	if err == nil {
		x, err = experiments.New(d)
	}
	var o analysis.Overview
	if err == nil {
		o, err = ev.units.Overview(x)
	}
	if err != nil {
		e.undecided(ev, err)
		return
	}
	e.show(o, x, ev.o)
	if ev.o.Sequences {
		e.Sequence, _ = sequence(x, ev.units, ev.o.Now) // it fails only where the overview did
	}
	e.shadow(ev, d)
}

// undecided adds what can be said of an experiment that cannot be analysed.
func (e *draft) undecided(ev evidence, why error) {
	left := ev.units.Left()
	e.Units, e.Unvouched, e.Excluded, e.Unserved = ev.units.Len(), ev.units.Unvouched(), left.Assignments(), left.Unserved
	e.Rows = ev.tallies()
	e.Decision = "no decision: " + why.Error()
	e.engineAlone(ev)
}

// show adds what an overview has.
func (e *draft) show(o analysis.Overview, x *experiments.Experiment, options Options) {
	e.Units, e.Unvouched, e.Excluded, e.Unserved = o.Report.Units, o.Unvouched, o.Left.Assignments(), o.Left.Unserved
	e.Rows = rowsOf(o)
	e.Engine, e.Failures = engineOf(o), failuresOf(o)
	r := o.Report
	r.Decision = r.Decision.Voided(options.known.void())
	e.Analysis = &r
	d := x.Definition()
	e.Primary, e.Control, e.Level = d.Primary.String(), r.Control, 1-d.Alpha
	e.Decision = words(r.Decision)
	e.Notes = r.Notes
	if e.Inferred {
		e.Notes = append([]string{fmt.Sprintf("the report does not have the experiment's definition: it assumes that the metric is %s and the control %s", e.Primary, e.Control)}, e.Notes...)
	}
}

// rowsOf are the scores of an overview.
func rowsOf(o analysis.Overview) []Row {
	rows := []Row{}
	for _, b := range o.Places {
		if b.Shares != nil {
			rows = append(rows, sharesOf(b, o.Places)...)
			continue
		}
		for _, r := range b.Variants {
			rows = append(rows, Row{
				Step: b.Step, Score: b.Name, Category: b.Category, Variant: r.Variant, Counts: r.Counts, Errors: r.Error, Mean: r.Mean, Best: r.Best,
				Versus: r.Versus, Interval: bounded(r.Interval), IntervalMethod: r.IntervalMethod,
			})
		}
	}
	return rows
}

// sharesOf are the categories of a score. A category that a metric of the definition equals has rows of its own.
func sharesOf(p analysis.PlaceReport, all []analysis.PlaceReport) (rows []Row) {
	for _, s := range p.Shares {
		is := p.Place
		is.Category = s.Category
		if s.Category != "" && slices.ContainsFunc(all, func(o analysis.PlaceReport) bool { return o.Place == is }) {
			continue
		}
		for v, r := range p.Variants {
			row := Row{
				Step: p.Step, Score: p.Name, Category: cmp.Or(s.Category, results.OtherCategories), Variant: r.Variant,
				Counts: r.Counts, Errors: r.Error,
			}
			if p.Scored[v] > 0 {
				share := s.Units[v] / float64(p.Scored[v])
				row.Mean = &share
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// part adds the units of a session, each as the whole experiment counts it. They were not planned: nothing is compared or
// decided.
func (e *draft) part(ev evidence, in map[scoring.Run]bool) {
	var whole draft
	whole.Name, whole.Version = e.Name, e.Version
	d, err := whole.definition(ev)
	if err == nil {
		ev = ev.within(d)
	}
	ev.units = ev.units.Select(in)
	e.Units = ev.units.Len()
	var x *experiments.Experiment
	if err == nil {
		x, err = experiments.New(d)
	}
	var o analysis.Overview
	if err == nil {
		o, err = ev.units.Overview(x)
	}
	if e.Rows = rowsOf(o); err != nil {
		e.Rows = ev.tallies()
	}
	for i := range e.Rows {
		e.Rows[i].Interval, e.Rows[i].IntervalMethod, e.Rows[i].Best, e.Rows[i].Versus = nil, "", nil, nil
	}
}

// definition returns the known definition, or infers one.
func (e *draft) definition(ev evidence) (experiments.Definition, error) {
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

// words is a decision as a sentence, with the evidence that it still needs.
func words(d experiments.Decision) string {
	var b strings.Builder
	b.WriteString(string(d.Verdict))
	if len(d.Variants) > 0 {
		b.WriteString(" " + strings.Join(d.Variants, ", "))
	}
	b.WriteString(": " + d.Grounds())
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

// metricOf returns the metric that the definition has for a place, or infers one.
func metricOf(assignments []scoring.Assignment, records []scoring.Record, d experiments.Definition, p place) (experiments.Metric, error) {
	if m, ok := analysis.Declared(d, p); ok {
		return m, nil
	}
	inferred, err := analysis.Infer(assignments, at(records, p), p.Name, d.Control)
	if analysis.IsUsage(p.Name) {
		inferred.Primary.Direction = experiments.Lower
	}
	return inferred.Primary, err
}

// bounded returns an interval that has two ends, or nil.
func bounded(in *analysis.Interval) *results.Interval {
	if in == nil || math.IsInf(in.Lo, 0) || math.IsInf(in.Hi, 0) {
		return nil
	}
	return in
}
