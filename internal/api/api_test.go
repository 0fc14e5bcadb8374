package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/internal/api"
	"github.com/verdict-dev/verdict/internal/proxy"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

const secret = "s3cret"

// server is a Temporal server that knows some runs, or is away.
type server struct {
	runs map[string]string // workflow id → newest run id
	away bool
}

func (s server) DescribeWorkflowExecution(_ context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if s.away {
		return nil, serviceerror.NewUnavailable("away")
	}
	newest, ok := s.runs[workflowID]
	if !ok || (runID != "" && runID != newest) {
		return nil, serviceerror.NewNotFound("no such run")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: newest},
	}}, nil
}

// keeper is a store that remembers requests.
type keeper struct {
	store.Store
	mu   sync.Mutex
	seen map[string]string
	err  error
	hang bool
}

func (k *keeper) RecordOnce(ctx context.Context, key, digest string, records []scoring.Record) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return false, k.err
	}
	if k.hang {
		<-ctx.Done()
		return false, ctx.Err()
	}
	if was, ok := k.seen[key]; ok {
		if was != digest {
			return false, store.ErrConflict
		}
		return false, nil
	}
	if err := k.Record(ctx, records); err != nil {
		return false, err
	}
	k.seen[key] = digest
	return true, nil
}

type bench struct {
	*testing.T
	store     *keeper
	handler   http.Handler
	delivered []scoring.Outcome
	failure   error
}

func newBench(t *testing.T, s server, g api.Guard) *bench {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	b := &bench{T: t, store: &keeper{Store: db, seen: map[string]string{}}}
	mux := api.New(g, api.Options{
		Store: b.store, Temporal: s, Namespace: "default", TokenKeys: [][]byte{tokenKey}, Logger: slog.New(slog.DiscardHandler),
		Report: reportOf(db),
		Deliver: func(ctx context.Context, o scoring.Outcome) (bool, error) {
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if b.failure != nil {
				return false, b.failure
			}
			for _, d := range b.delivered {
				if d.ID == o.ID {
					return true, nil
				}
			}
			b.delivered = append(b.delivered, o)
			return false, nil
		},
	})
	b.handler = mux
	return b
}

var tokenKey = []byte(strings.Repeat("k", token.MinKey))

// standard is a server with one run, behind a token.
func standard(t *testing.T) *bench {
	return newBench(t, server{runs: map[string]string{"order-7": "r7"}}, api.Guard{Tokens: []string{"old", secret}})
}

// post sends a JSON body with the token; more headers come in pairs.
func (b *bench) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	return b.send(http.MethodPost, path, body, append([]string{"Content-Type", "application/json", "Authorization", "Bearer " + secret}, headers...)...)
}

func (b *bench) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// refused checks that an answer is a problem.
func (b *bench) refused(w *httptest.ResponseRecorder, status int, kind, field string) {
	b.Helper()
	require.Equal(b, status, w.Code, w.Body.String())
	require.Equal(b, "application/problem+json", w.Header().Get("Content-Type"))
	var p api.Problem
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(b, "urn:verdict:problem:"+kind, p.Type)
	require.Equal(b, status, p.Status)
	require.Equal(b, http.StatusText(status), p.Title)
	require.Equal(b, field, p.Field)
	require.NotEmpty(b, p.Detail)
	require.NotContains(b, w.Body.String(), secret)
}

// revisions returns all revisions of a score.
func (b *bench) revisions(name string) []scoring.Record {
	b.Helper()
	all, err := b.store.Scores(b.Context(), store.Filter{Name: name, History: true})
	require.NoError(b, err)
	return all
}

func TestScoreIsRecorded(t *testing.T) {
	t.Parallel()
	b := standard(t)
	w := b.post("/v1/scores", `{"workflow_id":"order-7","name":"quality","value":0.5,"key":"judge@1","reason":"fair",
		"step":{"id":"3","type":"Summarize"},"observed_at":"2026-01-02T03:04:05Z","sessions":[{"key":"customer","id":"42"}]}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	require.JSONEq(t, `{"run":{"namespace":"default","workflow_id":"order-7","run_id":"r7"},"step":{"id":"3","type":"Summarize"},
		"name":"quality","key":"judge@1","state":"scored","value":0.5}`, w.Body.String())
	all := b.revisions("quality")
	require.Len(t, all, 1)
	require.Equal(t, scoring.FromClient, all[0].Source)
	require.Equal(t, "fair", all[0].Reason)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), all[0].ObservedAt)
	require.Equal(t, []scoring.Session{{Key: "customer", ID: "42"}}, all[0].Sessions)
}

func TestNotApplicableHasNoValue(t *testing.T) {
	t.Parallel()
	b := standard(t)
	w := b.post("/v1/scores", `{"workflow_id":"order-7","name":"quality","state":"not_applicable"}`)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	require.Equal(t, scoring.Declined, b.revisions("quality")[0].State)
	require.False(t, b.revisions("quality")[0].Value.IsSet())
	b.refused(b.post("/v1/scores", `{"workflow_id":"order-7","name":"quality","state":"not_applicable","value":1}`), 422, "invalid", "value")
}

func TestChangedMindIsThreeRevisions(t *testing.T) {
	t.Parallel()
	b := standard(t)
	for _, v := range []string{"true", "false", "true"} {
		require.Equal(t, http.StatusCreated, b.post("/v1/scores", `{"workflow_id":"order-7","name":"thumbs_up","value":`+v+`}`).Code)
	}
	require.Len(t, b.revisions("thumbs_up"), 3)
	now, err := b.store.Scores(t.Context(), store.Filter{Name: "thumbs_up"})
	require.NoError(t, err)
	require.Len(t, now, 1)
	require.Equal(t, scoring.BoolValue(true), now[0].Value)
	require.Equal(t, 3, now[0].Revision)
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	b := standard(t)
	up := `{"workflow_id":"order-7","name":"thumbs_up","value":true}`
	down := `{"workflow_id":"order-7","name":"thumbs_up","value":false}`
	require.Equal(t, 201, b.post("/v1/scores", up, "Idempotency-Key", "a").Code)
	w := b.post("/v1/scores", up, "Idempotency-Key", "a")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"repeated":true`)
	b.refused(b.post("/v1/scores", down, "Idempotency-Key", "a"), 409, "conflict", "idempotency_key")
	require.Len(t, b.revisions("thumbs_up"), 1)

	// A repeated request that comes late must not undo what came since.
	require.Equal(t, 201, b.post("/v1/scores", down, "Idempotency-Key", "b").Code)
	require.Equal(t, 200, b.post("/v1/scores", up, "Idempotency-Key", "a").Code)
	require.Len(t, b.revisions("thumbs_up"), 2)

	// The body's member does the same as the header, and the order and space of members do not matter.
	require.Equal(t, 200, b.post("/v1/scores", `{"idempotency_key":"a", "value":true, "name":"thumbs_up", "workflow_id":"order-7"}`).Code)
	b.refused(b.post("/v1/scores", `{"idempotency_key":"a","workflow_id":"order-7","name":"x","value":true}`, "Idempotency-Key", "b"), 422, "invalid", "idempotency_key")
	b.refused(b.post("/v1/scores", up, "Idempotency-Key", strings.Repeat("k", 513)), 422, "invalid", "idempotency_key")

	// A request that was refused has used up no key.
	b.refused(b.post("/v1/scores", `{"workflow_id":"order-7","name":"","value":true}`, "Idempotency-Key", "c"), 422, "invalid", "name")
	require.Equal(t, 201, b.post("/v1/scores", up, "Idempotency-Key", "c").Code)
}

func TestIdempotencyOfOutcomes(t *testing.T) {
	t.Parallel()
	b := standard(t)
	merged := `{"name":"pull_request.merged","key":"octo/hello#12","value":true}`
	closed := `{"name":"pull_request.closed","key":"octo/hello#12","value":false}`
	require.Equal(t, 201, b.post("/v1/outcomes", merged, "Idempotency-Key", "a").Code)
	require.Equal(t, 200, b.post("/v1/outcomes", merged, "Idempotency-Key", "a").Code)
	require.Equal(t, 201, b.post("/v1/outcomes", `{"id":"b","name":"x","key":"y"}`, "Idempotency-Key", "b").Code)
	b.refused(b.post("/v1/outcomes", closed, "Idempotency-Key", "a"), 409, "conflict", "idempotency_key")
	b.refused(b.post("/v1/outcomes", `{"id":"c","name":"x","key":"y"}`, "Idempotency-Key", "d"), 422, "invalid", "id")
	require.Len(t, b.delivered, 2)
	require.Equal(t, "a", b.delivered[0].ID)
	require.Equal(t, "api", b.delivered[0].Source)
	require.False(t, b.delivered[0].ReceivedAt.IsZero())

	// Without a key each is a new event.
	require.Equal(t, 201, b.post("/v1/outcomes", merged).Code)
	require.Equal(t, 201, b.post("/v1/outcomes", merged).Code)
	require.Len(t, b.delivered, 4)

	// The store being away keeps nothing from being held.
	b.store.err = errors.New("away")
	require.Equal(t, 201, b.post("/v1/outcomes", merged, "Idempotency-Key", "e").Code)
	require.Equal(t, 200, b.post("/v1/outcomes", merged, "Idempotency-Key", "e").Code)

	// Nor does Temporal being away lose a key: the event is not held, and the caller comes again.
	b.store.err, b.failure = nil, errors.New("away")
	b.refused(b.post("/v1/outcomes", merged, "Idempotency-Key", "f"), 503, "unavailable", "")
	b.failure = nil
	require.Equal(t, 200, b.post("/v1/outcomes", merged, "Idempotency-Key", "f").Code)
	require.Equal(t, "f", b.delivered[len(b.delivered)-1].ID)
}

func TestRunIsNamedInEachWay(t *testing.T) {
	t.Parallel()
	b := standard(t)
	gone := scoring.Run{Namespace: "default", WorkflowID: "order-1", RunID: "r1"}
	require.NoError(t, b.store.Flush(t.Context(), scoring.Flush{
		Facts: scoring.RunFacts{Run: gone, StartedAt: time.Unix(1, 0), Keys: []string{"message-1"}}, Sequence: 1, At: time.Unix(2, 0),
	}))
	sealed, err := token.Seal(tokenKey, gone)
	require.NoError(t, err)
	for _, target := range []string{
		`"workflow_id":"order-1","run_id":"r1"`, // only the store still knows it
		`"workflow_id":"order-1"`,
		`"run_key":"message-1"`,
		`"token":"` + sealed + `"`,
	} {
		w := b.post("/v1/scores", `{`+target+`,"name":"quality","value":1}`)
		require.Equal(t, 201, w.Code, w.Body.String())
		require.Contains(t, w.Body.String(), `"run_id":"r1"`)
	}
	for target, want := range map[string]struct {
		status      int
		kind, field string
	}{
		`"workflow_id":"order-2"`:                           {404, "not-found", ""},
		`"workflow_id":"order-7","run_id":"other"`:          {404, "not-found", ""},
		`"token":"forged"`:                                  {422, "invalid", "token"},
		`"run_id":"r1"`:                                     {422, "invalid", "workflow_id"},
		`"workflow_id":"order-7","run_key":"message-1"`:     {422, "invalid", "workflow_id"},
		`"workflow_id":"` + strings.Repeat("w", 1001) + `"`: {422, "invalid", "workflow_id"},
	} {
		b.refused(b.post("/v1/scores", `{`+target+`,"name":"quality","value":1}`), want.status, want.kind, want.field)
	}
}

// A key that no run has declared yet is no mistake: the run may be open.
func TestScoreIsHeldUntilTheKeyIsDeclared(t *testing.T) {
	t.Parallel()
	b := standard(t)
	up := `{"run_key":"message-1","name":"thumbs_up","value":true}`
	w := b.post("/v1/scores", up, "Idempotency-Key", "a")
	require.Equal(t, 202, w.Code, w.Body.String())
	require.JSONEq(t, `{"name":"thumbs_up","state":"scored","value":true,"held":true}`, w.Body.String())
	w = b.post("/v1/scores", up, "Idempotency-Key", "a")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"repeated":true`)
	b.refused(b.post("/v1/scores", `{"run_key":"message-1","name":"thumbs_up","value":false}`, "Idempotency-Key", "a"), 409, "conflict", "idempotency_key")
	require.Equal(t, 202, b.post("/v1/scores", `{"run_key":"mistyped","name":"thumbs_up","value":false}`).Code)
	ledger, err := b.store.Ledger(t.Context(), store.LedgerFilter{State: store.Held})
	require.NoError(t, err)
	require.Len(t, ledger, 2)

	run := scoring.Run{Namespace: "default", WorkflowID: "order-1", RunID: "r1"}
	require.NoError(t, b.store.Flush(t.Context(), scoring.Flush{
		Facts: scoring.RunFacts{Run: run, StartedAt: time.Unix(1, 0), Keys: []string{"message-1"}}, Sequence: 1, At: time.Unix(2, 0),
	}))
	all := b.revisions("thumbs_up")
	require.Len(t, all, 1)
	require.Equal(t, run, all[0].Run)
	w = b.post("/v1/scores", `{"run_key":"message-1","name":"thumbs_up","value":false}`, "Idempotency-Key", "b")
	require.Equal(t, 201, w.Code)
	require.Contains(t, w.Body.String(), `"run_id":"r1"`)
	w = b.post("/v1/scores", up, "Idempotency-Key", "a")
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Body.String(), `"run_id":"r1"`)
}

func TestAmbiguousKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := standard(t)
	for _, id := range []string{"r1", "r2"} {
		require.NoError(t, b.store.Flush(t.Context(), scoring.Flush{Facts: scoring.RunFacts{
			Run: scoring.Run{Namespace: "default", WorkflowID: "w" + id, RunID: id}, FirstRunID: id, Keys: []string{"m"},
		}, Sequence: 1, At: time.Unix(2, 0)}))
	}
	b.refused(b.post("/v1/scores", `{"run_key":"m","name":"quality","value":1}`), 422, "ambiguous", "run_key")
}

// While the server is away only what the store knows is sure to exist.
func TestServerAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, server{away: true}, api.Guard{Tokens: []string{secret}})
	require.NoError(t, b.store.Record(t.Context(), []scoring.Record{{
		Score: scoring.Bool("seen", true), Run: scoring.Run{Namespace: "default", WorkflowID: "order-1", RunID: "r1"},
		Source: scoring.FromClient, RecordedAt: time.Unix(1, 0),
	}}))
	require.Equal(t, 201, b.post("/v1/scores", `{"workflow_id":"order-1","run_id":"r1","name":"quality","value":1}`).Code)
	w := b.post("/v1/scores", `{"workflow_id":"order-9","run_id":"r9","name":"quality","value":1}`)
	b.refused(w, 503, "unavailable", "")
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

// A store that hangs holds up nobody for long: Temporal holds an outcome, and a score is to be sent again.
func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	b := standard(t)
	b.store.hang = true
	require.Equal(t, 201, b.post("/v1/outcomes", `{"id":"evt-1","name":"paid","key":"order-7"}`).Code)
	require.Len(t, b.delivered, 1)
	w := b.post("/v1/scores", `{"workflow_id":"order-7","name":"quality","value":1}`, "Idempotency-Key", "a")
	b.refused(w, 503, "unavailable", "")
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	b := standard(t)
	for body, want := range map[string]struct {
		status int
		field  string
	}{
		``:   {400, ""},
		`[]`: {422, ""},
		`{`:  {400, ""},
		`{"workflow_id":"order-7","name":"x","value":1}{}`:                                {400, ""},
		`{"workflow_id":"order-7","name":"x","valeu":1}`:                                  {400, "valeu"},
		`{"workflow_id":"order-7","name":"x"}`:                                            {422, "value"},
		`{"workflow_id":"order-7","name":"x","value":null}`:                               {422, "value"},
		`{"workflow_id":"order-7","name":"x","value":"1"}`:                                {422, "value"},
		`{"workflow_id":"order-7","name":"x","value":1e999}`:                              {422, "value"},
		`{"workflow_id":"order-7","name":7,"value":1}`:                                    {422, "name"},
		`{"workflow_id":"order-7","name":"x","value":1,"observed_at":"now"}`:              {422, "observed_at"},
		`{"workflow_id":"order-7","name":"x","state":"pending"}`:                          {422, "state"},
		`{"workflow_id":"order-7","name":"x","state":"great","value":1}`:                  {422, "state"},
		`{"workflow_id":"order-7","name":"a\u0000b","value":1}`:                           {422, "name"},
		`{"workflow_id":"order-7","name":"x","value":1,"sessions":[{"key":"","id":"1"}]}`: {422, "sessions"},
	} {
		b.refused(b.post("/v1/scores", body), want.status, "invalid", want.field)
	}
	b.refused(b.post("/v1/outcomes", `{"name":"x"}`), 422, "invalid", "key")
	b.refused(b.post("/v1/outcomes", `{"key":"x"}`), 422, "invalid", "name")
	b.refused(b.post("/v1/outcomes", `{"name":"x","key":"y","payload":"`+strings.Repeat("p", scoring.MaxPayload)+`"}`), 422, "invalid", "payload")
	require.Empty(t, b.delivered)
	all, err := b.store.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestLimitsOfHTTP(t *testing.T) {
	t.Parallel()
	b := standard(t)
	auth := []string{"Authorization", "Bearer " + secret}
	for _, path := range []string{"/v1/scores", "/v1/outcomes"} {
		w := b.send(http.MethodDelete, path, "", auth...)
		b.refused(w, 405, "method-not-allowed", "")
		require.Equal(t, "GET, HEAD, POST", w.Header().Get("Allow"))
		b.refused(b.send(http.MethodPost, path, `{}`, auth...), 415, "unsupported-media-type", "Content-Type")
		b.refused(b.send(http.MethodPost, path, `{}`, append(auth, "Content-Type", "text/plain")...), 415, "unsupported-media-type", "Content-Type")
		b.refused(b.post(path, `{"name":"`+strings.Repeat("x", 200<<10)+`"}`), 413, "too-large", "")
	}
	require.Equal(t, 201, b.send(http.MethodPost, "/v1/outcomes", `{"name":"x","key":"y"}`, append(auth, "Content-Type", "application/json; charset=utf-8")...).Code)
}

func TestGuard(t *testing.T) {
	t.Parallel()
	b := standard(t)
	good := `{"name":"x","key":"y"}`
	w := b.send(http.MethodPost, "/v1/outcomes", good, "Content-Type", "application/json")
	b.refused(w, 401, "unauthorized", "Authorization")
	require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
	for _, shown := range []string{"Bearer wrong", "Bearer ", secret, "bearer" + secret, "Basic " + secret} {
		b.refused(b.send(http.MethodPost, "/v1/outcomes", good, "Content-Type", "application/json", "Authorization", shown), 401, "unauthorized", "Authorization")
	}
	require.Equal(t, 201, b.post("/v1/outcomes", good, "Authorization", "bearer old").Code, "a token that is rotated out")

	open := newBench(t, server{}, api.Guard{Loopback: true})
	for host, status := range map[string]int{"127.0.0.1:8080": 201, "localhost": 201, "[::1]:8080": 201, "example.com": 403, "127.0.0.1.example.com": 403} {
		r := httptest.NewRequest(http.MethodPost, "http://"+host+"/v1/outcomes", strings.NewReader(good))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		open.handler.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, host)
	}
	through := func(g api.Guard, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080/v1/outcomes", strings.NewReader(good))
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("Content-Type", "application/json")
		change(r)
		w := httptest.NewRecorder()
		newBench(t, server{}, g).handler.ServeHTTP(w, r)
		return w
	}
	// A proxy on this host that rewrites Host opens the door to everybody, unless it is one that is trusted with that.
	trusted, err := proxy.Parse([]string{"127.0.0.1"})
	require.NoError(t, err)
	for name, change := range map[string]func(*http.Request){
		"X-Forwarded-For":  func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"X-Forwarded-Host": func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "localhost") },
		"X-Real-Ip":        func(r *http.Request) { r.Header.Set("X-Real-IP", "::1") },
		"Forwarded":        func(r *http.Request) { r.Header.Set("Forwarded", "for=127.0.0.1") },
		"Via":              func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"HTTP/1.0":         func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 1, 0 },
	} {
		w := through(api.Guard{Loopback: true}, change)
		b.refused(w, 403, "forbidden", name)
		require.Contains(t, w.Body.String(), "VERDICT_TRUSTED_PROXIES")
		require.Equal(t, 201, through(api.Guard{Loopback: true, Proxies: trusted}, change).Code, name)
		elsewhere := func(r *http.Request) { change(r); r.RemoteAddr = "127.0.0.2:1" }
		b.refused(through(api.Guard{Loopback: true, Proxies: trusted}, elsewhere), 403, "forbidden", name)
		b.refused(through(api.Guard{Loopback: true, Proxies: trusted}, func(r *http.Request) { change(r); r.Host = "example.com" }), 403, "forbidden", "Host")
		b.refused(through(api.Guard{Tokens: []string{secret}, Loopback: true, Proxies: trusted}, change), 401, "unauthorized", "Authorization")
	}
	b.refused(through(api.Guard{Loopback: true}, func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }), 403, "forbidden", "Origin")
	b.refused(through(api.Guard{Loopback: true}, func(r *http.Request) { r.Header.Set("Origin", "null") }), 403, "forbidden", "Origin")
	require.Equal(t, 201, through(api.Guard{Loopback: true}, func(r *http.Request) { r.Header.Set("Origin", "http://localhost:8080") }).Code)

	closed := newBench(t, server{}, api.Guard{})
	closed.refused(closed.post("/v1/outcomes", good), 403, "forbidden", "")
}

func FuzzScores(f *testing.F) {
	f.Add(`{"workflow_id":"order-7","name":"quality","value":0.5}`)
	f.Add(`{"workflow_id":"order-7","name":"quality","state":"not_applicable","sessions":[{"key":"a","id":"b"}]}`)
	f.Add(`{"token":"x","value":1e400}`)
	db, err := sqlite.Open(f.Context(), sqlite.Memory)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, db.Close()) })
	h := api.New(api.Guard{Tokens: []string{secret}}, api.Options{
		Store: db, Temporal: server{runs: map[string]string{"order-7": "r7"}}, TokenKeys: [][]byte{tokenKey}, Logger: slog.New(slog.DiscardHandler),
	})
	f.Fuzz(func(t *testing.T, body string) {
		b := &bench{T: t, handler: h}
		w := b.post("/v1/scores", body)
		require.Contains(t, []int{201, 400, 404, 413, 422}, w.Code, w.Body.String())
		require.True(t, json.Valid(w.Body.Bytes()))
	})
}
