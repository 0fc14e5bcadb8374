package service

import (
	"context"
	"errors"

	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/webhooks"
)

var silent = slog.New(slog.DiscardHandler)

// stopFunc is a worker or a store that is stopped.
type stopFunc func()

func (f stopFunc) Stop()        { f() }
func (f stopFunc) Close() error { f(); return nil }

// A stop lets requests that are under way end, and takes the worker and then the store away from nobody.
func TestStopOrder(t *testing.T) {
	t.Parallel()
	var order []string
	s := &Service{log: silent, fatal: make(chan error, 1)}
	h := health{ready: &s.ready, log: silent}
	underWay, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", h.readiness)
	mux.HandleFunc("/webhooks/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(underWay)
		<-release
		order = append(order, "webhook answered")
	})
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.serve(mux)
	s.worker = stopFunc(func() {
		_, err := net.Dial("tcp", s.listener.Addr().String())
		require.Error(t, err, "requests are taken while the worker stops")
		order = append(order, "worker stopped")
	})
	s.store = stopFunc(func() { order = append(order, "store closed") })
	s.ready.Store(true)

	answered := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.URL() + "/webhooks/slow")
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	<-underWay
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	require.Eventually(t, func() bool {
		w := httptest.NewRecorder()
		h.readiness(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code == http.StatusServiceUnavailable
	}, time.Minute, time.Millisecond)
	close(release)
	require.NoError(t, <-answered)
	require.NoError(t, <-stopped)
	require.Equal(t, []string{"webhook answered", "worker stopped", "store closed"}, order)
	http.DefaultClient.CloseIdleConnections()
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	broken := errors.New("postgres://u:hunter2@h does not answer")
	var failing atomic.Pointer[error]
	h := health{ready: &ready, log: silent, checks: []check{
		{"temporal", func(context.Context) error { return nil }},
		{"store", func(context.Context) error {
			if err := failing.Load(); err != nil {
				return *err
			}
			return nil
		}},
	}}
	probe := func(handle http.HandlerFunc) (int, string) {
		w := httptest.NewRecorder()
		handle(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code, w.Body.String()
	}
	code, body := probe(h.readiness)
	require.Equal(t, 503, code)
	require.Equal(t, "not ready: worker\n", body)
	ready.Store(true)
	code, _ = probe(h.readiness)
	require.Equal(t, 200, code)
	failing.Store(&broken)
	code, body = probe(h.readiness)
	require.Equal(t, 503, code)
	require.Equal(t, "not ready: store\n", body)
	failing.Store(nil)
	code, _ = probe(h.readiness)
	require.Equal(t, 200, code)
	ready.Store(false)
	code, _ = probe(h.readiness)
	require.Equal(t, 503, code)
	code, _ = probe(h.live)
	require.Equal(t, 200, code, "what is not ready is alive all the same")
}

// A probe that gets no answer does not wait for ever.
func TestReadinessIsBounded(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	h := health{ready: &ready, log: silent, checks: []check{{"temporal", func(ctx context.Context) error {
		_, ok := ctx.Deadline()
		require.True(t, ok)
		return nil
	}}}}
	h.readiness(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

func TestWebhooksNeedASecret(t *testing.T) {
	t.Parallel()
	all, err := Webhooks{}.handlers(webhooks.Options{Sink: delivery{}})
	require.NoError(t, err)
	require.Empty(t, all)
	one := []string{"s3cret"}
	all, err = Webhooks{
		Standard: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, GitHub: one, Stripe: one, Slack: one, CloudEvents: one, HMAC: one,
	}.handlers(webhooks.Options{Sink: delivery{}})
	require.NoError(t, err)
	for _, path := range []string{"standard", "github", "stripe", "slack", "cloudevents", "hmac"} {
		h := all["/webhooks/"+path]
		require.NotNil(t, h, path)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", http.NoBody))
		require.Contains(t, []int{400, 401}, w.Code, path)
	}
	require.Len(t, all, 6)
	err = Webhooks{Standard: []string{"no base64!"}, GitHub: []string{""}}.Validate()
	require.ErrorContains(t, err, "webhooks of standard")
	require.ErrorContains(t, err, "webhooks of github")
}

func TestRefusedDeliveriesAreInTheLedger(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	refused := rejections{db, silent}
	all, err := Webhooks{GitHub: []string{"s3cret"}}.handlers(webhooks.Options{Sink: delivery{}, Rejected: refused.One, RejectedMore: refused.More})
	require.NoError(t, err)
	h := all["/webhooks/github"]
	const flood = 3000
	for i := range flood {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/github", http.NoBody)
		r.Header.Set("X-GitHub-Delivery", fmt.Sprint("d", i))
		r.Header.Set("X-Hub-Signature-256", "sha256=00")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 401, w.Code)
	}
	require.NoError(t, h.(io.Closer).Close())
	// Anybody can send what is refused: a flood of it fills no table, and each is counted.
	entries, err := db.Ledger(t.Context(), store.LedgerFilter{State: store.Rejected})
	require.NoError(t, err)
	require.Len(t, entries, 11)
	deliveries := 0
	for _, e := range entries {
		require.Equal(t, "github", e.Outcome.Source)
		require.Equal(t, "the signature is not an HMAC-SHA256 in hex", e.Reason)
		deliveries += e.Deliveries
	}
	require.Equal(t, flood, deliveries)
	r, err := report.Build(t.Context(), db, report.Options{Now: time.Now()})
	require.NoError(t, err)
	require.Equal(t, report.Ledger{Rejected: flood}, r.Ledger)
}

// What does not start leaves nothing open.
func TestStartFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	_, err = Start(t.Context(), Config{
		Client: client.Options{HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(silent)}, Store: db, Listen: "127.0.0.1:0", Logger: silent,
	})
	require.ErrorContains(t, err, "no Temporal server at 127.0.0.1:1")
	require.Error(t, db.Ping(t.Context()), "the store is still open")
}
