package storeworker

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
)

// Metrics of the store worker, in addition to the ones of Temporal's SDK and of the plugin.
const (
	metricAway     = "verdict_away"             // gauge by part: 1 while it takes no writes
	metricLook     = "verdict_look"             // timer by part: how long a try to write takes
	metricWebhooks = "verdict_webhook_requests" // counter by endpoint and status
	metricRequests = "verdict_http_requests"    // counter by handler and status
	metricLatency  = "verdict_http_request"     // timer by handler
)

// maxSeries is how many series a registry holds. Further ones count in the series of their name without labels, so that
// no label can fill the memory.
const maxSeries = 5000

// registry keeps numbers and writes them in the text format of Prometheus, under the names that Temporal documents for it:
// counters end with _total and timers with _seconds.
type registry struct {
	set *metrics.Set

	mu     sync.Mutex
	series map[string]bool
}

func newRegistry() *registry {
	r := &registry{set: metrics.NewSet(), series: map[string]bool{}}
	for _, name := range []string{ // an alert needs the 0 before the first
		activities.MetricRecorded, activities.MetricHandedOver, activities.MetricLate, activities.MetricLost,
		activities.MetricUndecodable, activities.MetricRefused, metricWebhooks, metricRequests,
	} {
		r.set.NewCounter(counterName(name))
	}
	return r
}

func counterName(name string) string { return strings.TrimSuffix(clean(name), "_total") + "_total" }
func timerName(name string) string   { return clean(name) + "_seconds" }

// clean returns a name that Prometheus takes.
func clean(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c == ':' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '_'
	}, name)
}

// label escapes the value of a label.
var label = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// named returns the series of a name with tags, unless there are too many.
func (r *registry) named(name string, tags map[string]string) string {
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		labels = append(labels, clean(k)+`="`+label.Replace(strings.ToValidUTF8(tags[k], "?"))+`"`)
	}
	if labels == nil {
		return name
	}
	series := name + "{" + strings.Join(labels, ",") + "}"
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.series[series] {
		if len(r.series) >= maxSeries {
			return name
		}
		r.series[series] = true
	}
	return series
}

// ServeHTTP implements http.Handler.
func (r *registry) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	r.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}

// tee is a metrics handler that counts in a registry, and in the user's own if there is one.
type tee struct {
	*registry
	tags map[string]string
	next client.MetricsHandler
}

// handler returns the metrics handler of a client that had next, which may be nil.
func (r *registry) handler(next client.MetricsHandler) client.MetricsHandler {
	if next == nil {
		next = client.MetricsNopHandler
	}
	if t, ok := next.(tee); ok && t.registry == r {
		return t
	}
	return tee{registry: r, next: next}
}

// WithTags implements client.MetricsHandler.
func (t tee) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(t.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return tee{t.registry, all, t.next.WithTags(tags)}
}

// Counter implements client.MetricsHandler.
func (t tee) Counter(name string) client.MetricsCounter {
	next := t.next.Counter(name)
	c := found(func() *metrics.Counter { return t.set.GetOrCreateCounter(t.named(counterName(name), t.tags)) })
	if c == nil {
		return next
	}
	return counterFunc(func(n int64) { c.AddInt64(n); next.Inc(n) })
}

// Gauge implements client.MetricsHandler.
func (t tee) Gauge(name string) client.MetricsGauge {
	next := t.next.Gauge(name)
	g := found(func() *metrics.Gauge { return t.set.GetOrCreateGauge(t.named(clean(name), t.tags), nil) })
	if g == nil {
		return next
	}
	return gaugeFunc(func(v float64) { g.Set(v); next.Update(v) })
}

// Timer implements client.MetricsHandler.
func (t tee) Timer(name string) client.MetricsTimer {
	next := t.next.Timer(name)
	h := found(func() *metrics.PrometheusHistogram {
		return t.set.GetOrCreatePrometheusHistogram(t.named(timerName(name), t.tags))
	})
	if h == nil {
		return next
	}
	return timerFunc(func(d time.Duration) { h.Update(max(d, 0).Seconds()); next.Record(d) })
}

// found returns the result of get, or nil where the library panics: a name that begins with a digit, or that has
// another kind already. That must not fail a user's code that counts.
func found[T any](get func() *T) (got *T) {
	defer func() {
		if recover() != nil {
			got = nil
		}
	}()
	return get()
}

type (
	counterFunc func(int64)
	gaugeFunc   func(float64)
	timerFunc   func(time.Duration)
)

func (f counterFunc) Inc(n int64)          { f(n) }
func (f gaugeFunc) Update(v float64)       { f(v) }
func (f timerFunc) Record(d time.Duration) { f(d) }

// setAway sets the gauges of the parts.
func setAway(m client.MetricsHandler, all []part, away []string) {
	for _, p := range all {
		v := 0.0
		if slices.Contains(away, p.name) {
			v = 1
		}
		m.WithTags(map[string]string{"part": p.name}).Gauge(metricAway).Update(v)
	}
}

// timed measures how long a part takes.
func timed(m client.MetricsHandler, p part) part {
	do := p.do
	p.do = func(ctx context.Context) error {
		begun := time.Now()
		defer func() { m.WithTags(map[string]string{"part": p.name}).Timer(metricLook).Record(time.Since(begun)) }()
		return do(ctx)
	}
	return p
}

// counted counts and times the answers of a handler.
func counted(m client.MetricsHandler, handler string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, begun := &statusWriter{ResponseWriter: w, status: http.StatusOK}, time.Now()
		defer func() {
			m.WithTags(map[string]string{"handler": handler, "status": fmt.Sprint(s.status)}).Counter(metricRequests).Inc(1)
			m.WithTags(map[string]string{"handler": handler}).Timer(metricLatency).Record(time.Since(begun))
		}()
		h.ServeHTTP(s, r)
	})
}

// countedHook counts the answers of a sender's endpoint by their status.
func countedHook(m client.MetricsHandler, endpoint string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			m.WithTags(map[string]string{"endpoint": endpoint, "status": fmt.Sprint(s.status)}).Counter(metricWebhooks).Inc(1)
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
