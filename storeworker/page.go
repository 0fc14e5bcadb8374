package storeworker

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/verdict-dev/verdict/internal/page"
	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/scoring"
)

// errAway replaces an answer of Temporal while it is down.
var errAway = errors.New("temporal is away")

// page is the report as a page. While Temporal is down it is not asked, because viewers would wait for it.
func (s *Worker) page(cfg Options) http.Handler {
	away := func(ctx context.Context) bool { return slices.Contains(s.parts.look(ctx), "temporal") }
	ask, define := report.AskTemporal(s.temporal), report.DefinedByControl(s.temporal)
	closed := report.ClosedOnTemporal(s.temporal, cfg.Client.Namespace)
	return page.New(page.Options{
		Store: cfg.Store, UI: cfg.UI, Definitions: cfg.Definitions, Namespace: cfg.Client.Namespace, Away: s.parts.look, Logger: s.log,
		Ask: func(ctx context.Context, run scoring.Run) (report.RunState, error) {
			if away(ctx) {
				return "", errAway
			}
			return ask(ctx, run)
		},
		Define: func(ctx context.Context, name, version string) (*report.Defined, error) {
			if away(ctx) {
				return nil, errAway
			}
			return define(ctx, name, version)
		},
		Closed: func(ctx context.Context, types []string) ([]report.Ended, error) {
			if away(ctx) {
				return nil, errAway
			}
			return closed(ctx, types)
		},
	})
}
