package storeworker

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
)

// health answers the probes.
type health struct {
	ready *atomic.Bool
	parts *parts
}

// live reports that the process answers. It does not check dependencies: a restart would not mend them.
func (h health) live(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readiness is 200 if the worker has started, is not about to stop, and a delivery would be held: by the store or,
// while that is away, by Temporal. It names the parts that are down; the log has the reason.
func (h health) readiness(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	away := h.parts.look(context.WithoutCancel(r.Context()))
	switch {
	case !h.ready.Load():
		http.Error(w, "not ready: "+strings.Join(append([]string{"worker"}, away...), ", "), http.StatusServiceUnavailable)
	case len(away) == len(h.parts.all):
		http.Error(w, "not ready: "+strings.Join(away, ", "), http.StatusServiceUnavailable)
	case len(away) > 0:
		fmt.Fprintln(w, "ok; away: "+strings.Join(away, ", "))
	default:
		fmt.Fprintln(w, "ok")
	}
}
