package service

import (
	"net/http"

	"github.com/verdict-dev/verdict/internal/app/page"
	"github.com/verdict-dev/verdict/internal/report"
)

// page is the report as a page.
func (s *Service) page(cfg Config) http.Handler {
	return page.New(page.Options{
		Store: cfg.Store, Ask: report.AskTemporal(s.temporal), UI: cfg.UI, Definitions: cfg.Definitions, Define: report.DefinedByControl(s.temporal), Closed: report.ClosedOnTemporal(s.temporal, cfg.Client.Namespace), Namespace: cfg.Client.Namespace, Logger: s.log,
	})
}
