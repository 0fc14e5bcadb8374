package page

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// get makes the page and returns its status and body.
func get(t *testing.T, h http.Handler) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Code, w.Body.String()
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	hostile := scoring.Run{Namespace: "my space", WorkflowID: `order/7?<script>alert(1)</script>`, RunID: "r7"}
	_, err := s.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "new", By: scoring.ByWeight,
		Probabilities: map[string]float64{"new": .5, "old": .5}, Unit: "r7", Run: hostile, FirstRunID: "r7", At: start,
	})
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), []scoring.Record{
		{Score: scoring.Number("<b>quality</b>", .75), Run: hostile, Source: scoring.FromClient, RecordedAt: start},
		{Score: scoring.Number("rank", .5), Step: scoring.Step{ID: "1", Type: "Retrieve"}, Run: hostile, Source: scoring.FromActivity, RecordedAt: start},
	}))
	_, body := get(t, New(Options{
		Store: s, UI: "http://ui", Now: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler),
		Ask: func(context.Context, scoring.Run) (report.RunState, error) { return report.Gone, nil },
	}))
	require.NotContains(t, body, "<script")
	require.NotContains(t, body, "<b>")
	require.Contains(t, body, `href="http://ui/namespaces/my%20space/workflows/order%2F7%3F%3Cscript%3Ealert%281%29%3C%2Fscript%3E/r7/history"`)
	require.Contains(t, body, "2026-03-01 12:00:00 UTC")
	for _, text := range []string{"prompt", "Retrieve", "new", "old", "gone", "0.75", "prefers-color-scheme: dark"} {
		require.Contains(t, body, text)
	}
	// Tables have headers, for who hears them.
	require.Equal(t, strings.Count(body, "<table"), strings.Count(body, "</table>"))
	require.Equal(t, strings.Count(body, "<table"), strings.Count(body, "<thead>"))
}

func TestEmptyPage(t *testing.T) {
	t.Parallel()
	status, body := get(t, New(Options{Store: open(t), Logger: slog.New(slog.DiscardHandler)}))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "No experiment has assigned anything yet.")
}

// countingStore counts how often it is read.
type countingStore struct {
	store.Store
	reads int
	err   error
}

func (s *countingStore) Experiments(ctx context.Context) ([]store.ExperimentKey, error) {
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Experiments(ctx)
}

func TestManyWhoLookReadOnce(t *testing.T) {
	t.Parallel()
	s := &countingStore{Store: open(t)}
	now := start
	h := New(Options{Store: s, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	for range 10 {
		get(t, h)
	}
	require.Equal(t, 1, s.reads)
	now = now.Add(freshness)
	get(t, h)
	require.Equal(t, 2, s.reads)
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	s := &countingStore{Store: open(t), err: errors.New("postgres://u:hunter2@h is away")}
	status, body := get(t, New(Options{Store: s, Logger: slog.New(slog.DiscardHandler)}))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, body, "hunter2")
}
