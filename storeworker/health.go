package storeworker

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// health answers the probes.
type health struct {
	ready *atomic.Bool
	parts *parts
	// alone are the names of the parts that take a delivery while the other is down.
	alone []string
}

// live reports that the process answers. It does not check dependencies: a restart would not mend them.
func (h health) live(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readiness is 200 if the worker has started, is not about to stop, and a delivery would be held: by Temporal or, while
// that is down, by the store. It names the parts that are down; the log has the reason.
func (h health) readiness(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	away := h.parts.look(context.WithoutCancel(r.Context()))
	there := slices.ContainsFunc(h.alone, func(name string) bool { return !slices.Contains(away, name) })
	switch {
	case !h.ready.Load():
		http.Error(w, "not ready: "+strings.Join(append([]string{"worker"}, away...), ", "), http.StatusServiceUnavailable)
	case !there:
		http.Error(w, "not ready: "+strings.Join(away, ", "), http.StatusServiceUnavailable)
	case len(away) > 0:
		fmt.Fprintln(w, "ok; away: "+strings.Join(away, ", "))
	default:
		fmt.Fprintln(w, "ok")
	}
}
