package activities

import (
	"context"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/store"
)

// Analyze says what the store knows of an experiment. What it reads grows with the units, what it returns does not.
func (s *Set) Analyze(ctx context.Context, d experiments.Definition) (Finding, error) {
	exp, err := experiments.New(d)
	if err != nil {
		return Finding{}, Refuse(err)
	}
	assignments, err := s.Store.Assignments(ctx, d.Name, d.Version)
	if err != nil {
		return Finding{}, typed(err)
	}
	runs, err := s.Store.Runs(ctx, store.RunFilter{Experiment: d.Name})
	if err != nil {
		return Finding{}, typed(err)
	}
	records, err := s.Store.Scores(ctx, store.Filter{Experiment: d.Name, Version: d.Version, History: true, Retracted: true})
	if err != nil {
		return Finding{}, typed(err)
	}
	r, err := exp.Report(assignments, records, runs, s.now())
	if err != nil {
		return Finding{}, typed(err)
	}
	f := Finding{At: r.At, Decision: r.Decision, Units: r.Units, Scored: map[string]int{}, Best: map[string]float64{}}
	for _, v := range r.Metrics[0].Variants {
		f.Scored[v.Variant] = v.Scored
		if v.Best != nil {
			f.Best[v.Variant] = *v.Best
		}
	}
	return f, nil
}
