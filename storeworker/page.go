package storeworker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/page"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// errAway replaces an answer of Temporal while it is down.
var errAway = errors.New("temporal is away")

// page is the report as a page.
func (s *Worker) page(cfg Options) http.Handler {
	o := s.reports(cfg)
	return page.New(page.Options{
		Store: cfg.Store, UI: cfg.UI, Definitions: o.Definitions, Namespace: cfg.Client.Namespace, Away: s.parts.look, Logger: s.log,
		Ask: o.Ask, Define: o.Define, Closed: o.Closed,
	})
}

// report returns the results of an experiment's version.
func (s *Worker) report(cfg Options) func(context.Context, store.ExperimentKey) (results.Experiment, error) {
	return func(ctx context.Context, key store.ExperimentKey) (results.Experiment, error) {
		o := s.reports(cfg)
		o.Experiment, o.Version, o.Now = key.Experiment, key.Version, time.Now()
		all, err := report.Build(ctx, cfg.Store, o)
		if err != nil {
			return results.Experiment{}, err
		}
		return all.Experiments[0], nil
	}
}

// reports are how reports are made. While Temporal is down it is not asked, because viewers would wait for it.
func (s *Worker) reports(cfg Options) report.Options {
	away := func(ctx context.Context) bool { return slices.Contains(s.parts.look(ctx), "temporal") }
	of := report.Options{}.WithTemporal(s.temporal, cfg.Client.Namespace)
	return report.Options{
		Definitions: cfg.Definitions,
		Ask: func(ctx context.Context, run scoring.Run) (report.RunState, error) {
			if away(ctx) {
				return "", errAway
			}
			return of.Ask(ctx, run)
		},
		Define: func(ctx context.Context, name, version string) (*report.Defined, error) {
			if away(ctx) {
				return nil, errAway
			}
			return of.Define(ctx, name, version)
		},
		Closed: func(ctx context.Context, types []string) ([]report.Ended, error) {
			if away(ctx) {
				return nil, errAway
			}
			return of.Closed(ctx, types)
		},
	}
}
