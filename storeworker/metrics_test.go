package storeworker

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func written(r *registry) string {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	own, r := newRegistry(), newRegistry()
	m := r.handler(own.handler(nil))
	require.Equal(t, m, r.handler(m), "what counts already does not count twice")
	tagged := m.WithTags(map[string]string{"b": "1"}).WithTags(map[string]string{"a": "x\"\\\n\x00\xff"})
	tagged.Counter("verdict_lost").Inc(2)
	tagged.Counter("requests_total").Inc(1)
	m.Gauge("verdict_away").Update(.5)
	m.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	for _, registry := range []*registry{own, r} {
		got := written(registry)
		for _, line := range []string{
			"verdict_lost_total{a=\"x\\\"\\\\\\n\x00?\",b=\"1\"} 2\n", "verdict_lost_total 0\n", "requests_total{", "verdict_away 0.5\n",
			`temporal_request_latency_seconds_bucket{le="0.05"} 1`, "temporal_request_latency_seconds_count 1\n", "process_resident_memory_bytes ",
		} {
			require.Contains(t, got, line)
		}
	}
	// What the library refuses counts nowhere, and fails nobody.
	m.Gauge("verdict_lost_total").Update(1)
	m.Counter("9").Inc(1)
	m.Timer("").Record(-time.Second)
}

// No label fills the memory.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRegistry()
	m := r.handler(nil)
	for i := range maxSeries + 100 {
		m.WithTags(map[string]string{"key": fmt.Sprint(i)}).Counter("seen").Inc(1)
	}
	got := written(r)
	require.Equal(t, maxSeries, strings.Count(got, "seen_total{"))
	require.Contains(t, got, "seen_total 100\n")
}
