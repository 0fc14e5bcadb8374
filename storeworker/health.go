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
	// alone are the names of the parts that take a delivery though the other is away.
	alone []string
}

// live says that the process answers, and nothing of what it depends on: a restart would not mend that.
func (h health) live(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readiness is 200 if the worker has started, is not about to stop, and a delivery would be held: by Temporal or, while that
// is away, by the store. What is away is named; why is in the log.
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
