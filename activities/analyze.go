package activities

import (
	"context"
	"errors"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/store"
)

// Analyze returns the analysis of an experiment from the store. Its input grows with the units, its result does not.
func (s *Set) Analyze(ctx context.Context, d experiments.Definition) (rollout.Finding, error) {
	if s.Find == nil {
		return rollout.Finding{}, errors.New("verdict: this worker analyses no experiments")
	}
	exp, err := experiments.New(d)
	if err != nil {
		return rollout.Finding{}, Refuse(err)
	}
	rows, err := s.Store.ExperimentRows(ctx, store.ExperimentKey{Experiment: d.Name, Version: d.Version})
	if err != nil {
		return rollout.Finding{}, typed(err)
	}
	registered, err := s.Store.Registrations(ctx, d.Name, d.Version)
	if err != nil {
		return rollout.Finding{}, typed(err)
	}
	f, err := s.Find(exp, rows, s.now())
	f.Decision = f.Decision.Voided(exp.Definition().Void(registered))
	return f, typed(err)
}
