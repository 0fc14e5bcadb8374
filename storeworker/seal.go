package storeworker

import (
	"context"
	"errors"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/store"
)

// How often units are sealed, and how often the worker looks for further experiments and their definitions.
const (
	sealEvery = 5 * time.Second
	findEvery = time.Minute
)

// sealer seals the units of experiments whose windows it knows. An experiment without a window has none to seal.
type sealer struct {
	store       store.Store
	definitions []*experiments.Experiment
	define      func(ctx context.Context, name, version string) (*report.Defined, error)
	now         func() time.Time

	found time.Time
	after map[store.ExperimentKey]time.Duration // from an assignment to its seal; 0: never
}

// seal seals all units that are due. It is the only caller: a task runs once at a time.
func (s *sealer) seal(ctx context.Context) error {
	var errs []error
	if s.now().Sub(s.found) >= findEvery {
		if err := s.find(ctx); err != nil {
			errs = append(errs, err)
		} else {
			s.found = s.now()
		}
	}
	for key, after := range s.after {
		if after == 0 {
			continue
		}
		if _, err := s.store.Seal(ctx, store.Sealing{ExperimentKey: key, After: after}); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// find looks for experiments, and for the windows that it does not know. While one workflow does not answer, it asks
// no further ones.
func (s *sealer) find(ctx context.Context) error {
	keys, err := s.store.Experiments(ctx)
	if err != nil {
		return err
	}
	if s.after == nil {
		s.after = map[store.ExperimentKey]time.Duration{}
	}
	for _, x := range s.definitions {
		d := x.Definition()
		s.after[store.ExperimentKey{Experiment: d.Name, Version: d.Version}] = afterOf(d)
	}
	for _, key := range keys {
		if _, known := s.after[key]; known {
			continue
		}
		x, err := s.define(ctx, key.Experiment, key.Version)
		if err != nil {
			return nil // Temporal is away, or no worker answers: readers derive the seals meanwhile
		}
		if x != nil {
			s.after[key] = afterOf(x.Experiment.Definition())
		}
	}
	return nil
}

func afterOf(d experiments.Definition) time.Duration {
	if d.Maturity == 0 {
		return 0
	}
	return d.Maturity + d.Grace
}
