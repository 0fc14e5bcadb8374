package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// checkLimit bounds each check of a readiness probe.
const checkLimit = 2 * time.Second

type check struct {
	name string
	do   func(context.Context) error
}

// health answers the probes.
type health struct {
	ready  *atomic.Bool
	checks []check
	log    *slog.Logger
}

// live says that the process answers, and nothing of what it depends on: a restart would not mend that.
func (h health) live(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readiness is 200 if the worker has started, is not about to stop, and everything that it needs answers. What fails is
// named; why is in the log, since errors have addresses in them.
func (h health) readiness(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	var failed []string
	if !h.ready.Load() {
		failed = append(failed, "worker")
	}
	for _, c := range h.checks {
		ctx, cancel := context.WithTimeout(r.Context(), checkLimit)
		err := c.do(ctx)
		cancel()
		if err != nil {
			h.log.Warn("not ready", "check", c.name, "error", err)
			failed = append(failed, c.name)
		}
	}
	if len(failed) > 0 {
		http.Error(w, "not ready: "+strings.Join(failed, ", "), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
