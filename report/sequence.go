package report

import (
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
)

// checkpoints is at how many places a sequence is read, at most.
const checkpoints = 50

// sequence feeds the units to an analysis and reads it at the checkpoints. The last one is equal to the report.
func sequence(x *experiments.Experiment, of *analysis.Reader, now time.Time) (*Sequence, error) {
	units, err := of.Units(x)
	if err != nil {
		return nil, err
	}
	d := x.Definition()
	s := &Sequence{Metric: d.Primary.String(), Control: d.Control}
	for _, u := range units {
		if u.Mature && !u.TooLate {
			s.Units++
		}
	}
	a := analysis.New(x)
	var reads []analysis.Report
	var at []int
	n, epoch := 0, -1
	steps := min(checkpoints, s.Units)
	for _, u := range units {
		if err := a.Add(u); err != nil {
			return nil, err
		}
		if !u.Mature || u.TooLate {
			continue
		}
		if epoch >= 0 && u.Epoch > epoch {
			s.Changes = append(s.Changes, Change{After: n, Epoch: u.Epoch})
		}
		epoch = max(epoch, u.Epoch)
		n++
		// The k-th checkpoint is at k/steps of the units, rounded up: no two are the same, and the last is at all of them.
		if next := len(at) + 1; n*steps >= next*s.Units {
			reads, at = append(reads, a.Report(now)), append(at, n)
		}
	}
	if len(reads) == 0 {
		return s, nil
	}
	last := reads[len(reads)-1].Metrics[0].Variants
	var versus []*analysis.Comparison
	for _, r := range last {
		versus = append(versus, r.Versus)
	}
	s.Lift = results.OnLift(versus)
	for v, r := range last {
		if r.Variant == d.Control {
			continue
		}
		line := Line{Variant: r.Variant}
		for i, read := range reads {
			if value, interval, ok := read.Metrics[0].Variants[v].Versus.Effect(s.Lift); ok {
				line.Points = append(line.Points, Point{Units: at[i], Value: value, Interval: interval})
			}
		}
		s.Lines = append(s.Lines, line)
	}
	return s, nil
}

// course is the sequence of an overview from a fold.
func course(x *experiments.Experiment, o analysis.Overview) *Sequence {
	d, c := x.Definition(), o.Course
	s := &Sequence{Metric: d.Primary.String(), Control: d.Control, Units: c.Matured}
	for _, change := range c.Changes {
		s.Changes = append(s.Changes, Change(change))
	}
	if len(c.Points) == 0 {
		return s
	}
	s.Lift = results.OnLift(c.Points[len(c.Points)-1].Versus)
	for v, r := range o.Report.Metrics[0].Variants {
		if r.Variant == d.Control {
			continue
		}
		line := Line{Variant: r.Variant}
		for _, p := range c.Points {
			if value, interval, ok := p.Versus[v].Effect(s.Lift); ok {
				line.Points = append(line.Points, Point{Units: p.Units, Value: value, Interval: interval})
			}
		}
		s.Lines = append(s.Lines, line)
	}
	return s
}
