package storeworker

import (
	"context"
	"errors"

	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/report"
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
	s := &Worker{log: silent, fatal: make(chan error, 1)}
	h := health{ready: &s.ready, parts: &parts{log: silent}}
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
	s.workers = append(s.workers, stopFunc(func() {
		_, err := net.Dial("tcp", s.listener.Addr().String())
		require.Error(t, err, "requests are taken while the worker stops")
		order = append(order, "worker stopped")
	}))
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

// A replica is ready as long as one of the two that can hold a delivery does; what is away is named.
func TestReadiness(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	var log harness.Log
	secret := errors.New("postgres://u:hunter2@h does not answer")
	var temporal, store error
	now := time.Now()
	h := health{ready: &ready, parts: &parts{
		log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now },
		all: []part{{"temporal", func(context.Context) error { return temporal }}, {"store", func(context.Context) error { return store }}},
	}}
	probe := func(handle http.HandlerFunc) (int, string) {
		now = now.Add(checkFresh)
		w := httptest.NewRecorder()
		handle(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code, w.Body.String()
	}
	expect := func(status int, body string) {
		t.Helper()
		code, got := probe(h.readiness)
		require.Equal(t, status, code)
		require.Equal(t, body, got)
	}
	expect(503, "not ready: worker\n")
	ready.Store(true)
	expect(200, "ok\n")
	store = secret
	expect(200, "ok; away: store\n")
	expect(200, "ok; away: store\n")
	temporal = secret
	expect(503, "not ready: temporal, store\n")
	store = nil
	expect(200, "ok; away: temporal\n")
	ready.Store(false)
	expect(503, "not ready: worker, temporal\n")
	code, _ := probe(h.live)
	require.Equal(t, 200, code, "what is not ready is alive all the same")
	temporal = nil
	expect(503, "not ready: worker\n")
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"), "each that goes away is said once: %s", &log)
	require.Equal(t, 2, strings.Count(log.String(), "level=INFO"), "and so is each that is back")
}

// However many ask, and however long a part does not answer, each is looked at once in a while and for a while.
func TestLooksAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int32
		p := &parts{log: silent, all: []part{{"store", func(ctx context.Context) error {
			looks.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}}}}
		begin := time.Now()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 {
			require.Equal(t, []string{"store"}, p.look(gone), "whoever asks may hang up")
		}
		require.Equal(t, int32(1), looks.Load())
		require.Equal(t, checkLimit, time.Since(begin))

		// A probe waits for a second only, and one part is enough.
		p.all = append(p.all, part{"temporal", func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil }})
		time.Sleep(checkFresh)
		begin = time.Now()
		require.Equal(t, []string{"store"}, p.look(t.Context()))
		require.Less(t, time.Since(begin), time.Second)
		p.all[0].do = func(context.Context) error { return nil }
		time.Sleep(checkFresh)
		begin = time.Now()
		require.Empty(t, p.look(t.Context()))
		require.Equal(t, 100*time.Millisecond, time.Since(begin))
	})
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
	_, err = Start(t.Context(), Options{
		Client: client.Options{HostPort: "127.0.0.1:1", Logger: sdklog.NewStructuredLogger(silent)}, Store: db, Listen: "127.0.0.1:0", Logger: silent,
	})
	require.ErrorContains(t, err, "no Temporal server at 127.0.0.1:1")
	require.Error(t, db.Ping(t.Context()), "the store is still open")
}
