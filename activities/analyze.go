package activities

import (
	"context"
	"errors"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
)

// Analyze returns the analysis of an experiment from the store.
func (s *Set) Analyze(ctx context.Context, d experiments.Definition) (rollout.Finding, error) {
	if s.Find == nil {
		return rollout.Finding{}, errors.New("verdict: this worker analyses no experiments")
	}
	exp, err := experiments.New(d)
	if err != nil {
		return rollout.Finding{}, Refuse(err)
	}
	registered, err := s.Store.Registrations(ctx, d.Name, d.Version)
	if err != nil {
		return rollout.Finding{}, typed(err)
	}
	f, err := s.Find(ctx, exp, s.now())
	f.Decision = f.Decision.Voided(exp.Definition().Void(registered))
	return f, typed(err)
}
