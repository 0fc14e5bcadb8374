package storeworker

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.temporal.io/sdk/client"
)

// Metrics of the worker, at GET /metrics and on the metrics handler of its client.
const (
	metricAway     = "verdict_away"                   // gauge by part: 1 while it takes nothing that comes
	metricRequests = "verdict_webhook_requests_total" // counter by endpoint and status
)

// metrics are numbers by name and tags.
type metrics struct {
	handler client.MetricsHandler // nil: none

	mu     sync.Mutex
	values map[string]map[string]float64 // by name, then by tags as they are written
}

func (m *metrics) update(name string, tags map[string]string, change func(float64) float64) {
	var written []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		written = append(written, fmt.Sprintf("%s=%q", k, tags[k]))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]map[string]float64{}
	}
	if m.values[name] == nil {
		m.values[name] = map[string]float64{}
	}
	key := strings.Join(written, ",")
	m.values[name][key] = change(m.values[name][key])
}

// gauge sets a number.
func (m *metrics) gauge(name string, tags map[string]string, v float64) {
	m.update(name, tags, func(float64) float64 { return v })
	if m.handler != nil {
		m.handler.WithTags(tags).Gauge(name).Update(v)
	}
}

// count adds one.
func (m *metrics) count(name string, tags map[string]string) {
	m.update(name, tags, func(was float64) float64 { return was + 1 })
	if m.handler != nil {
		m.handler.WithTags(tags).Counter(name).Inc(1)
	}
}

// away sets the gauges of the parts.
func (m *metrics) away(all []part, away []string) {
	for _, p := range all {
		v := 0.0
		if slices.Contains(away, p.name) {
			v = 1
		}
		m.gauge(metricAway, map[string]string{"part": p.name}, v)
	}
}

// ServeHTTP writes the numbers in the text format of Prometheus.
func (m *metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.values)) {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		}
		fmt.Fprintf(w, "# TYPE %s %s\n", name, kind)
		for _, tags := range slices.Sorted(maps.Keys(m.values[name])) {
			fmt.Fprintf(w, "%s{%s} %v\n", name, tags, m.values[name][tags])
		}
	}
}

// counted counts the answers of an endpoint by their status.
func (m *metrics) counted(endpoint string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.count(metricRequests, map[string]string{"endpoint": endpoint, "status": fmt.Sprint(s.status)})
		}()
		h.ServeHTTP(s, r)
	})
}

// statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var _ io.Writer = (*statusWriter)(nil)
