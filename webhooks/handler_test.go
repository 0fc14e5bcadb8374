package webhooks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

func requireInvalid(t *testing.T, err error, msg ...any) {
	t.Helper()
	require.ErrorAs(t, err, new(*scoring.InvalidError), msg...)
}

// memory is a sink that keeps outcomes by their id, as a store does, and the reasons of rejections.
type memory struct {
	mu       sync.Mutex
	rows     map[string]scoring.Outcome
	rejected []string
	more     map[string]int
	log      bytes.Buffer
}

func newMemory() *memory {
	return &memory{rows: map[string]scoring.Outcome{}, more: map[string]int{}}
}

func (m *memory) Deliver(_ context.Context, o scoring.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.rows[o.ID]; !ok {
		m.rows[o.ID] = o
	}
	return nil
}

func (m *memory) Rejected(_ context.Context, source, deliveryID, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rejected = append(m.rejected, source+" "+deliveryID+" "+reason)
}

func (m *memory) RejectedMore(_ context.Context, source, reason string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.more[source+": "+reason] += n
}

// moreRejected returns how many were rejected of which only the number was told.
func (m *memory) moreRejected() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.more)
}

// Write is the log.
func (m *memory) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Write(line)
}

func (m *memory) logged() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// handler makes a handler whose sink is m, with the options changed.
func handler(t *testing.T, s webhooks.Scheme, m *memory, mapping webhooks.Mapping, change ...func(*webhooks.Options)) http.Handler {
	t.Helper()
	o := webhooks.Options{Mapping: mapping, Sink: m, Rejected: m.Rejected, RejectedMore: m.RejectedMore, Now: clock}
	for _, c := range change {
		c(&o)
	}
	h, err := webhooks.New(s, o)
	require.NoError(t, err)
	return h
}

// post sends a request to a handler.
func post(h http.Handler, header http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var standard = webhooks.StandardWebhooks{Secrets: []string{standardSecret}}

const merged = `{"name":"pr.merged","key":"octo/hello#1","value":true}`

func TestHandlerHolds(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, standard, m, webhooks.Scores)
	for range 3 {
		require.Equal(t, 200, post(h, signed(t, standardSecret, "m1", noon, merged).Header, merged).Code)
	}
	require.Equal(t, map[string]scoring.Outcome{"standard-webhooks:m1": {
		ID: "standard-webhooks:m1", Name: "pr.merged", Key: "octo/hello#1", Value: scoring.BoolValue(true),
		Payload: []byte(merged), ReceivedAt: noon, Source: "standard-webhooks",
	}}, m.rows)
	require.Empty(t, m.rejected)
}

func TestHandlerRefusesBeforeTheSink(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, standard, m, webhooks.Scores)
	header := signed(t, standardSecret, "m1", noon, merged).Header
	require.Equal(t, 401, post(h, header, strings.Replace(merged, "true", "false", 1)).Code)
	require.Equal(t, 400, post(h, signed(t, standardSecret, "m2", noon, "no JSON").Header, "no JSON").Code)
	noKey := `{"name":"pr.merged","value":true}`
	require.Equal(t, 400, post(h, signed(t, standardSecret, "m3", noon, noKey).Header, noKey).Code)
	require.Equal(t, 202, post(h, signed(t, standardSecret, "m4", noon, "{}").Header, "{}").Code)
	require.Empty(t, m.rows)
	require.Len(t, m.rejected, 3)
	require.Equal(t, "standard-webhooks m1 no matching signature", m.rejected[0])
}

func TestHandlerAsksToComeAgain(t *testing.T) {
	t.Parallel()
	m := newMemory()
	away := webhooks.SinkFunc(func(context.Context, scoring.Outcome) error { return errors.New("store is away") })
	h := handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) { o.Sink = away })
	w := post(h, signed(t, standardSecret, "m1", noon, merged).Header, merged)
	require.Equal(t, 503, w.Code)
	require.Equal(t, "10", w.Header().Get("Retry-After"))
	require.NotContains(t, w.Body.String(), "store is away", "what goes on inside is not the sender's business")
	require.Empty(t, m.rejected, "it will come again")
}

func TestHandlerMethod(t *testing.T) {
	t.Parallel()
	h := handler(t, standard, newMemory(), webhooks.Scores)
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		require.Equal(t, 405, w.Code, method)
		require.Equal(t, "POST", w.Header().Get("Allow"))
	}
}

func TestHandlerBodyLimit(t *testing.T) {
	t.Parallel()
	h := handler(t, standard, newMemory(), webhooks.Scores, func(o *webhooks.Options) { o.MaxBody = int64(len(merged)) })
	require.Equal(t, 200, post(h, signed(t, standardSecret, "m1", noon, merged).Header, merged).Code)
	longer := merged + " "
	require.Equal(t, 413, post(h, signed(t, standardSecret, "m1", noon, longer).Header, longer).Code)

	// A length that is declared is believed, and nothing is read.
	r := httptest.NewRequest(http.MethodPost, "/", unreadable{t})
	r.ContentLength = 1 << 40
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 413, w.Code)

	// A length that is not declared is counted.
	r = httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(longer)))
	r.Header = signed(t, standardSecret, "m1", noon, longer).Header
	require.EqualValues(t, -1, r.ContentLength)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 413, w.Code)
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}
