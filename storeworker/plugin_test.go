package storeworker_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
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
