package storeworker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
)

// How often units are sealed, and how often the worker looks for further experiments and their definitions.
const (
	sealEvery = 5 * time.Second
	findEvery = time.Minute
	findLimit = 20 * time.Second // of a search: sealing waits for it
)

// sealer seals the units of experiments whose windows it knows. An experiment without a window has none to seal.
type sealer struct {
	store       store.Store
	definitions []*experiments.Experiment
	define      func(ctx context.Context, name, version string) (*report.Defined, error)
	now         func() time.Time
	log         *slog.Logger

	found  time.Time
	failed map[store.ExperimentKey]int // how often its definition could not be had
	known  map[store.ExperimentKey]*experiments.Experiment
	// registered has the ones that only the store defines: they may be started yet, with another definition.
	registered map[store.ExperimentKey]bool
}

// seal seals all units that are due. It is the only caller: a task runs once at a time.
func (s *sealer) seal(ctx context.Context) error {
	all, err := s.store.Unsealed(ctx)
	if err != nil {
		return err
	}
	var errs []error
	if s.now().Sub(s.found) >= findEvery {
		unfolded, err := s.store.Unfolded(ctx)
		if err != nil {
			return err
		}
		for _, x := range all {
			if !slices.Contains(unfolded, x.ExperimentKey) {
				unfolded = append(unfolded, x.ExperimentKey)
			}
		}
		errs = append(errs, s.find(ctx, unfolded))
	}
	for _, x := range all {
		known := s.known[x.ExperimentKey]
		if known == nil {
			continue
		}
		after := afterOf(known.Definition())
		if after == 0 || x.Age < after {
			continue // to look for due ones takes a write and the experiment's lock
		}
		if _, err := s.store.Seal(ctx, store.Sealing{ExperimentKey: x.ExperimentKey, After: after}); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, s.fold(ctx))...)
}

// fold folds sealed units. Experiments whose definition is not known yet wait.
func (s *sealer) fold(ctx context.Context) error {
	behind, err := s.store.Unfolded(ctx)
	if err != nil || len(behind) == 0 {
		return err
	}
	var errs []error
	if _, err := s.store.CloseDue(ctx); err != nil { // no state that is only derived is folded
		errs = append(errs, err)
	}
	for _, key := range behind {
		x := s.known[key]
		if x == nil || afterOf(x.Definition()) == 0 {
			continue
		}
		if err := fold.Advance(ctx, s.store, x, func(reason string) {
			s.log.Info("an experiment is folded again", "experiment", key.Experiment, "version", key.Version, "reason", reason)
		}); err != nil {
			errs = append(errs, fmt.Errorf("folding experiment %s, version %s: %w", key.Experiment, key.Version, err))
		}
	}
	return errors.Join(errs...)
}

// find looks for the windows of experiments that it does not know. An experiment whose definition cannot be had stops no other:
// it is asked for last, and readers derive its seals meanwhile.
func (s *sealer) find(ctx context.Context, all []store.ExperimentKey) error {
	s.found = s.now()
	if s.known == nil {
		s.known, s.failed, s.registered = map[store.ExperimentKey]*experiments.Experiment{}, map[store.ExperimentKey]int{}, map[store.ExperimentKey]bool{}
	}
	for _, x := range s.definitions {
		d := x.Definition()
		s.known[store.ExperimentKey{Experiment: d.Name, Version: d.Version}] = x
	}
	var keys []store.ExperimentKey
	for _, x := range all {
		if s.known[x] == nil || s.registered[x] {
			keys = append(keys, x)
		}
	}
	slices.SortStableFunc(keys, func(a, b store.ExperimentKey) int { return cmp.Compare(s.failed[a], s.failed[b]) })
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	var errs []error
	for _, key := range keys {
		x, err := s.define(ctx, key.Experiment, key.Version)
		var unavailable *serviceerror.Unavailable
		switch {
		case errors.Is(err, errAway), errors.As(err, &unavailable):
			return errors.Join(errs...) // so no other could be had; the log has it that Temporal is away
		case err != nil:
			s.failed[key]++
			errs = append(errs, fmt.Errorf("the definition of experiment %s, version %s: %w", key.Experiment, key.Version, err))
		case x != nil:
			s.known[key], s.registered[key] = x.Experiment, x.Registered
			delete(s.failed, key)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// afterOf is the time from an assignment to its seal; 0: never.
func afterOf(d experiments.Definition) time.Duration {
	if d.Maturity == 0 {
		return 0
	}
	return d.Maturity + d.Grace
}
