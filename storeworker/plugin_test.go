package storeworker_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
)

var paid = verdict.NewScorer("paid", "1", func(ctx workflow.Context, order string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("order.paid", order).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
	return got.Score(), err
})

func orders(ctx workflow.Context, order string) error {
	verdict.Score(ctx, "items", 3)
	verdict.Defer(ctx, paid, order)
	return nil
}

func open(t *testing.T) store.Store {
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func request(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(said)
}

// One process is the user's worker and the store worker: what a run scores and defers is recorded, and what comes by the handlers
// that it mounts settles it, in a namespace whose payloads are encrypted.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	db, queue := open(t), devservertest.Name(t)
	plugin := storeworker.NewPlugin(
		verdict.Config{Store: db, Scorers: []verdict.ScorerDefinition{paid}, StoreTaskQueue: queue + "-verdict"}, storeworker.Options{})
	seen := &counted{DataConverter: harness.Encrypting("k")}
	c := server.Dial(t, client.Options{Plugins: []client.Plugin{plugin}, DataConverter: seen})
	mux := http.NewServeMux()
	mux.Handle("/verdict/", http.StripPrefix("/verdict", plugin.Handler()))
	site := httptest.NewServer(mux)
	t.Cleanup(func() { site.Close(); http.DefaultClient.CloseIdleConnections() })
	status, _ := request(t, http.MethodGet, site.URL+"/verdict/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status, "no worker has started")

	var workers []worker.Worker
	for _, q := range []string{queue, queue + "-2"} {
		w := worker.New(c, q, worker.Options{})
		w.RegisterWorkflow(orders)
		require.NoError(t, w.Start())
		workers = append(workers, w)
	}
	own := worker.New(c, queue+"-verdict", worker.Options{})
	require.ErrorContains(t, own.Start(), "the store worker's own")

	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: queue, TaskQueue: queue}, orders, "o1")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	workers[1].Stop()
	status, said := request(t, http.MethodPost, site.URL+"/verdict/v1/outcomes", `{"id":"e1","name":"order.paid","key":"o1"}`)
	require.Equal(t, http.StatusCreated, status, said)
	harness.Eventually(t, harness.Patience, func() error {
		_, page := request(t, http.MethodGet, site.URL+"/verdict/", "")
		return contains(page, ">paid<", ">items<", ">true<")
	})
	status, said = request(t, http.MethodGet, site.URL+"/verdict/readyz", "")
	require.Equal(t, http.StatusOK, status, said)

	workers[0].Stop()
	status, _ = request(t, http.MethodGet, site.URL+"/verdict/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status, "the last worker has stopped")
	require.NoError(t, db.Ping(t.Context()), "the store is the user's to close")
	require.Positive(t, seen.n.Load(), "the codec was not used")
}

// What docs/deploying.md alerts on is there to be had, by the name that it gives: ours from the start, Temporal's once it happens.
func TestAlertsCanBeHad(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/deploying.md")
	require.NoError(t, err)
	_, alerts, ok := strings.Cut(string(document), "\n## Alerts\n")
	require.True(t, ok)
	alerts, _, _ = strings.Cut(alerts, "\n## ")
	found := regexp.MustCompile("`((?:verdict|temporal)_[a-z_]*[a-z])[`{]").FindAllStringSubmatch(alerts, -1)
	require.Greater(t, len(found), 12)

	server := devservertest.ForTest(t)
	queue := devservertest.Name(t)
	plugin := storeworker.NewPlugin(verdict.Config{
		Store: open(t), Scorers: []verdict.ScorerDefinition{paid}, StoreTaskQueue: queue + "-verdict",
	}, storeworker.Options{})
	c := server.Dial(t, client.Options{Plugins: []client.Plugin{plugin}})
	w := worker.New(c, queue, worker.Options{})
	var failed atomic.Bool
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		if failed.CompareAndSwap(false, true) {
			panic("a workflow task fails")
		}
		return orders(ctx, queue)
	}, workflow.RegisterOptions{Name: "fails once"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	served := func() string {
		r := httptest.NewRecorder()
		plugin.Metrics().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "http://127.0.0.1/metrics", nil))
		return r.Body.String()
	}
	missing := func(all string, prefix string) (names []string) {
		for _, name := range found {
			if strings.HasPrefix(name[1], prefix) && !regexp.MustCompile(`(?m)^`+name[1]+`(_bucket)?[{ ]`).MatchString(all) {
				names = append(names, name[1])
			}
		}
		return names
	}
	served() // what counts requests is there after the first
	require.Empty(t, missing(served(), "verdict_"))
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: queue, TaskQueue: queue}, "fails once")
	require.NoError(t, err)
	harness.Eventually(t, harness.Patience, func() error {
		if names := missing(served(), ""); names != nil {
			return fmt.Errorf("not served: %v", names)
		}
		return contains(served(), `verdict_recorded_total{`)
	})
}
