package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// What two readers could understand in two ways changes nothing.
func TestAmbiguousBodies(t *testing.T) {
	t.Parallel()
	b := standard(t)
	for body, field := range map[string]string{
		`{"workflow_id":"order-7","name":"x","value":1} garbage`:                                                        "",
		`{"workflow_id":"order-7","name":"x","value":1}}`:                                                               "",
		`{"workflow_id":"order-7","name":"x","value":1}]`:                                                               "",
		`{"workflow_id":"order-7","name":"x","value":1,"value":2}`:                                                      "value",
		`{"workflow_id":"order-7","name":"x","value":1,"Value":2}`:                                                      "Value",
		`{"workflow_id":"order-7","name":"x","value":1,"step":{"id":"1","id":"2","type":"t"}}`:                          "id",
		`{"workflow_id":"order-7","name":"x","value":1,"sessions":[{"key":"a","id":"1","KEY":"b"}]}`:                    "KEY",
		"{\"workflow_id\":\"order-7\",\"name\":\"x\",\"value\":1,\"key\":\"\xff\"}":                                     "",
		`{"workflow_id":"order-7","name":"x","value":1,"key":"\udcff"}`:                                                 "key",
		`{"workflow_id":"order-7","name":"x","value":9007199254740993}`:                                                 "value",
		`{"workflow_id":"order-7","name":"x","value":-12345678901234567890}`:                                            "value",
		`{"workflow_id":"order-7","name":"x","value":true,"idempotency_key":"a","idempotency_key":"b"}`:                 "idempotency_key",
		`{"workflow_id":"order-7","workflow_id":"order-8","name":"x","value":true}`:                                     "workflow_id",
		`{"workflow_id":"order-7","name":"x","value":1,"reason":"` + strings.Repeat("r", 8) + `","reason":"something"}`: "reason",
	} {
		b.refused(b.post("/v1/scores", body), 400, "invalid", field)
	}
	for body, field := range map[string]string{
		`{"name":"x","key":"y"} {}`:                            "",
		`{"name":"x","key":"y","key":"z"}`:                     "key",
		`{"name":"x","key":"y","payload":{"a":{"b":1,"b":2}}}`: "b",
		"{\"name\":\"x\",\"key\":\"\xc3\x28\"}":                "",
		`{"name":"x","key":"\ud800"}`:                          "key",
		`{"name":"x","key":"y","value":9007199254740995}`:      "value",
	} {
		b.refused(b.post("/v1/outcomes", body), 400, "invalid", field)
	}
	all, err := b.store.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Empty(t, all)
	require.Empty(t, b.delivered)
}

func TestWhatIsNotAmbiguous(t *testing.T) {
	t.Parallel()
	b := standard(t)
	require.Equal(t, 201, b.post("/v1/scores", `{"workflow_id":"order-7","name":"big","value":9007199254740992,"observed_at":"2016-12-31t23:59:60z"}`).Code)
	big := b.revisions("big")
	require.Len(t, big, 1)
	want, err := scoring.NumberValue(1 << 53)
	require.NoError(t, err)
	require.Equal(t, want, big[0].Value)
	require.Equal(t, time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC), big[0].ObservedAt)
	require.Equal(t, 201, b.post("/v1/outcomes", `{"name":"x","key":"\ud83d\ude00","payload":{"a":1,"A":2,"n":9007199254740993}}`).Code)
	require.Equal(t, "😀", b.delivered[0].Key)
	require.JSONEq(t, `{"a":1,"A":2,"n":9007199254740993}`, string(b.delivered[0].Payload), "a payload is its sender's")
}

func TestTwoIdempotencyKeys(t *testing.T) {
	t.Parallel()
	b := standard(t)
	send := func(keys ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/v1/scores", strings.NewReader(`{"workflow_id":"order-7","name":"x","value":true}`))
		r.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + secret}, "Idempotency-Key": keys}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	b.refused(send("a", "b"), 400, "invalid", "Idempotency-Key")
	b.refused(send("", "b"), 400, "invalid", "Idempotency-Key")
	require.Empty(t, b.revisions("x"))
	require.Equal(t, 201, send("a", "a").Code, "a proxy may repeat a header")
	require.Equal(t, 200, send("a").Code)
}

// A key that was used before an upgrade stands for the same request after it: the digest is of these very bytes.
func TestDigestStays(t *testing.T) {
	t.Parallel()
	b := standard(t)
	body := `{"workflow_id":"order-7","name":"quality","value":0.5,"observed_at":"2026-01-02T03:04:05Z"}`
	require.Equal(t, 201, b.post("/v1/scores", body, "Idempotency-Key", "a").Code)
	sum := sha256.Sum256([]byte(body))
	require.Equal(t, hex.EncodeToString(sum[:]), b.store.seen["scores/a"])
	outcome := `{"id":"e","name":"paid","key":"order-7","value":null,"payload":{"a":1},"observed_at":"2026-01-02T03:04:05Z"}`
	require.Equal(t, 201, b.post("/v1/outcomes", outcome).Code)
	sum = sha256.Sum256([]byte(outcome))
	require.Equal(t, hex.EncodeToString(sum[:]), b.store.seen["outcomes/e"])
}
