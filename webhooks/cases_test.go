package webhooks_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

// token is what CloudEvents cases show: they have no secret, and a receiver without one is refused.
const token = "token of the tests"

var errNoScheme = errors.New("no scheme")

func (c delivery) scheme() (webhooks.Scheme, error) {
	tolerance := time.Duration(c.Tolerance) * time.Second
	switch c.Provider {
	case "github":
		return webhooks.GitHub{Secrets: c.Secrets}, nil
	case "stripe":
		return webhooks.Stripe{Secrets: c.Secrets, Tolerance: tolerance}, nil
	case "slack":
		return webhooks.Slack{Secrets: c.Secrets, Tolerance: tolerance}, nil
	case "standard-webhooks":
		_, svix := c.Headers["svix-id"]
		return webhooks.StandardWebhooks{Secrets: c.Secrets, Tolerance: tolerance, Svix: svix}, nil
	case "cloudevents":
		return webhooks.CloudEvents{Tokens: append([]string{token}, c.Secrets...)}, nil
	default:
		return nil, errNoScheme
	}
}

func (c delivery) now() time.Time {
	if c.Now == nil {
		return noon
	}
	return time.Unix(*c.Now, 0)
}

func (c delivery) request() *http.Request {
	r := httptest.NewRequest(c.Method, "/", strings.NewReader(c.Body))
	for k, v := range c.Headers {
		r.Header.Set(k, v)
	}
	if c.Provider == "cloudevents" && r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// ready are the mappings of the package, as one receiver for everything would use them.
var ready = map[string]webhooks.Mapping{
	"github":            webhooks.Combine(webhooks.PullRequests, webhooks.Issues),
	"stripe":            webhooks.Combine(webhooks.Checkouts, webhooks.Refunds),
	"slack":             webhooks.Reactions,
	"standard-webhooks": webhooks.Scores,
	"cloudevents":       webhooks.Scores,
}

// scoreOf says which score an outcome decides, in the words of the cases. Outcomes that carry the sender's own name are not
// here.
var scoreOf = map[string]string{
	webhooks.PullRequestMerged: "pr_merged",
	webhooks.PullRequestClosed: "pr_merged",
	webhooks.CheckoutPaid:      "converted",
	webhooks.CheckoutFailed:    "converted",
	webhooks.CheckoutExpired:   "converted",
	webhooks.ChargeRefunded:    "converted",
}

// probe makes one outcome of each delivery, for cases that do not say what it means.
func probe(webhooks.Delivery) ([]scoring.Outcome, error) {
	return []scoring.Outcome{{Name: "probe", Key: "probe"}}, nil
}

// check runs a case through the exported API and says which expectation does not hold.
func (c delivery) check(all []delivery) error {
	scheme, err := c.scheme()
	if err != nil {
		return err
	}
	mapping := ready[c.Provider]
	if c.Expect.Outcome == nil {
		mapping = probe
	}
	m := newMemory()
	h, err := webhooks.New(scheme, webhooks.Options{Mapping: mapping, Sink: m, Rejected: m.Rejected, Now: c.now})
	if err != nil {
		// Refused before any request could come: the cases call that a 500.
		return c.Expect.refusal(500, err.Error())
	}
	v, err := scheme.Verifier()
	if err != nil {
		return err
	}
	r := c.request()
	if r.Method != http.MethodPost {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if valid := w.Code < 300; w.Code != c.Expect.Status || valid != (c.Expect.Verify == "valid") {
			return fmt.Errorf("status %d for %s", w.Code, r.Method)
		}
		return nil
	}
	req := webhooks.Request{Header: r.Header, Query: r.URL.Query(), Body: []byte(c.Body), At: c.now()}
	err = v.Verify(req)
	var parsed webhooks.Parsed
	var unread error
	if err == nil {
		parsed, unread = v.Parse(req)
	}
	if c.Provider == "cloudevents" && err == nil {
		err = unread // it has no signature: being an event is all that can be verified
	}
	if c.Expect.DuplicateOf != "" {
		original := c
		if i := slices.IndexFunc(all, func(o delivery) bool { return o.ID == c.Expect.DuplicateOf }); i >= 0 {
			original = all[i]
		}
		h.ServeHTTP(httptest.NewRecorder(), original.request())
	}
	before := len(m.rows)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), c.Expect.Response) {
		return fmt.Errorf("the answer is %q", w.Body)
	}
	if err != nil {
		var refusal *webhooks.VerifyError
		if !errors.As(err, &refusal) || refusal.Status != w.Code {
			return fmt.Errorf("the verifier says %w, the handler %d", err, w.Code)
		}
		if len(m.rows) != 0 || len(m.rejected) != 1 {
			return fmt.Errorf("refused, but there are outcomes %v and rejections %v", m.rows, m.rejected)
		}
		return c.Expect.refusal(w.Code, refusal.Reason)
	}
	return c.Expect.accepted(c.Provider, w, parsed, unread, m, before)
}

// refusal says which expectation a refusal does not meet.
func (e expectation) refusal(status int, reason string) error {
	switch {
	case e.Verify != "invalid":
		return fmt.Errorf("refused with %d: %s", status, reason)
	case e.Status != 0 && e.Status != status:
		return fmt.Errorf("status %d", status)
	case e.Error != "" && (kind(e.Error) == "" || kind(e.Error) != kind(reason)):
		return fmt.Errorf("the reason is %q, which is %q and not %q", reason, kind(reason), kind(e.Error))
	}
	return nil
}

// kind sorts reasons, ours and the cases', so that they can be compared.
func kind(reason string) string {
	reason = strings.ToLower(reason)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(reason, w) })
	}
	switch {
	case has("invalid secret", "secret configured", "create webhook"):
		return "configuration"
	case has("invalid header"):
		return "malformed"
	case has("timestamp"):
		return "time"
	case has("missing", "no stripe-signature"):
		return "missing"
	case has("cloudevent"):
		return "format"
	case has("signature", "sha256"):
		return "signature"
	default:
		return ""
	}
}

// accepted says which expectation a verified delivery does not meet.
func (e expectation) accepted(provider string, w *httptest.ResponseRecorder, parsed webhooks.Parsed, unread error, m *memory, before int) error {
	if e.Verify != "valid" {
		return errors.New("verified")
	}
	want := 200
	switch {
	case e.Status != 0:
		want = e.Status
	case unread != nil:
		want = 400
	case string(e.Outcome) == "null", e.Count != nil && *e.Count == 0:
		want = 202
	}
	if w.Code != want {
		return fmt.Errorf("status %d, not %d: %v", w.Code, want, m.rejected)
	}
	if e.Error != "" && (len(m.rejected) == 0 || kind(e.Error) == "" || kind(e.Error) != kind(m.rejected[0])) {
		return fmt.Errorf("rejections %v", m.rejected)
	}
	if e.Count != nil && len(parsed.Deliveries) != *e.Count {
		return fmt.Errorf("%d deliveries", len(parsed.Deliveries))
	}
	keys := e.DedupKeys
	if e.DedupKey != "" {
		keys = append(keys, e.DedupKey)
	}
	if keys != nil {
		var ids []string
		for _, d := range parsed.Deliveries {
			ids = append(ids, d.ID)
		}
		if !slices.Equal(ids, keys) {
			return fmt.Errorf("deliveries %q", ids)
		}
	}
	for _, key := range keys {
		if _, ok := m.rows[provider+":"+key]; !ok {
			return fmt.Errorf("no outcome with the delivery's id among %v", m.rows)
		}
	}
	for name, value := range e.Attributes {
		if got := parsed.Deliveries[0].Attributes[name]; got != value {
			return fmt.Errorf("attribute %s is %q", name, got)
		}
	}
	if e.ScoresWritten != nil && len(m.rows)-before != *e.ScoresWritten {
		return fmt.Errorf("%d outcomes written", len(m.rows)-before)
	}
	return e.outcome(m.rows)
}

func (e expectation) outcome(rows map[string]scoring.Outcome) error {
	switch {
	case e.Outcome == nil:
		return nil
	case string(e.Outcome) == "null" && len(rows) == 0:
		return nil
	case string(e.Outcome) == "null" || len(rows) != 1:
		return fmt.Errorf("outcomes %v", rows)
	}
	var want meaning
	if err := strictly(e.Outcome, &want); err != nil {
		return err
	}
	for o := range maps.Values(rows) {
		name := o.Name
		if score, ok := scoreOf[name]; ok {
			name = score
		}
		if name != want.Name || o.Key != want.Subject || !o.Value.Equal(want.Value) {
			return fmt.Errorf("outcome %s of %q is %s", name, o.Key, o.Value)
		}
		if err := want.paid(o.Payload); err != nil {
			return err
		}
	}
	return nil
}

// paid compares the amount with that of a payload, which has it in the smallest unit of a currency with two digits.
func (m meaning) paid(payload []byte) error {
	if m.Amount == nil {
		return nil
	}
	var p struct {
		Total *int64 `json:"amount_total"`
		Back  *int64 `json:"amount_refunded"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return err
	}
	got := p.Total
	if got == nil {
		got = p.Back
	}
	want, err := m.Amount.Float64()
	switch {
	case err != nil:
		return err
	case got == nil:
		return fmt.Errorf("there is no amount in %s", payload)
	case float64(*got) != want && float64(*got) != 100*want:
		return fmt.Errorf("the amount is %d", *got)
	}
	return nil
}

func TestCases(t *testing.T) {
	t.Parallel()
	cases := readCases(t)
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			sum := sha256.Sum256([]byte(c.Body))
			require.Equal(t, c.BodySHA256, hex.EncodeToString(sum[:]))
			if c.Provider == "segment" {
				requireSegmentRefused(t, c)
				return
			}
			require.NoError(t, c.check(cases))
		})
	}
}

// requireSegmentRefused shows that a valid HMAC-SHA1 opens nothing, not even in the scheme that can be fitted to almost
// everything.
func requireSegmentRefused(t *testing.T, c delivery) {
	t.Helper()
	require.ErrorIs(t, c.check(nil), errNoScheme)
	m := newMemory()
	h := handler(t, webhooks.HMAC{Secrets: c.Secrets, Header: "X-Signature"}, m, probe)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, c.request())
	require.Equal(t, 401, w.Code)
	require.Empty(t, m.rows)
}

// TestCasesCanFail corrupts each expectation of each case in turn and requires that the case then fails.
func TestCasesCanFail(t *testing.T) {
	t.Parallel()
	cases := readCases(t)
	corrupted := 0
	for _, c := range cases {
		if c.Provider == "segment" {
			continue
		}
		for name, e := range corruptions(t, c.Expect) {
			wrong := c
			wrong.Expect = e
			require.Error(t, wrong.check(cases), "%s does not notice a wrong %s", c.ID, name)
			corrupted++
		}
	}
	require.Greater(t, corrupted, len(cases))
	t.Log(corrupted, "corrupted expectations were noticed")
}

func corruptions(t *testing.T, e expectation) map[string]expectation {
	t.Helper()
	out := map[string]expectation{}
	add := func(name string, change func(e *expectation)) {
		wrong := e
		change(&wrong)
		out[name] = wrong
	}
	add("verify", func(e *expectation) { e.Verify = map[string]string{"valid": "invalid", "invalid": "valid"}[e.Verify] })
	if e.Status != 0 {
		add("http_status", func(e *expectation) { e.Status++ })
	}
	if e.Error != "" {
		add("error", func(e *expectation) { e.Error = "the moon is full" })
		add("kind of error", func(e *expectation) {
			other := "missing signature"
			if kind(e.Error) == "missing" {
				other = "signature mismatch"
			}
			e.Error = other
		})
	}
	if e.DedupKey != "" {
		add("dedup_key", func(e *expectation) { e.DedupKey += "x" })
	}
	if len(e.DedupKeys) > 0 {
		add("dedup_keys", func(e *expectation) { e.DedupKeys = append([]string{"x"}, e.DedupKeys[1:]...) })
		add("number of dedup_keys", func(e *expectation) { e.DedupKeys = append(slices.Clone(e.DedupKeys), "x") })
	}
	if e.Response != "" {
		add("response_body_contains", func(e *expectation) { e.Response += "x" })
	}
	if e.Count != nil {
		add("count", func(e *expectation) { n := *e.Count + 1; e.Count = &n })
	}
	for name := range e.Attributes {
		add("attribute "+name, func(e *expectation) {
			e.Attributes = maps.Clone(e.Attributes)
			e.Attributes[name] += "x"
		})
	}
	if e.ScoresWritten != nil {
		add("scores_written", func(e *expectation) { n := *e.ScoresWritten + 1; e.ScoresWritten = &n })
	}
	if e.Outcome == nil {
		return out
	}
	if string(e.Outcome) == "null" {
		add("outcome", func(e *expectation) { e.Outcome = []byte(`{"subject":"a","name":"b","value":true}`) })
		return out
	}
	add("no outcome", func(e *expectation) { e.Outcome = []byte("null") })
	var members map[string]any
	require.NoError(t, json.Unmarshal(e.Outcome, &members))
	for name := range members {
		add("outcome's "+name, func(e *expectation) {
			wrong := maps.Clone(members)
			switch was := wrong[name].(type) {
			case bool:
				wrong[name] = !was
			case float64:
				wrong[name] = was + 1
			default:
				wrong[name] = fmt.Sprint(was, "x")
			}
			var buf bytes.Buffer
			require.NoError(t, json.NewEncoder(&buf).Encode(wrong))
			e.Outcome = buf.Bytes()
		})
	}
	return out
}

// TestCasesNeedTheSink shows that no case is told 2xx for an outcome that is not held.
func TestCasesNeedTheSink(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, c := range readCases(t) {
		scheme, err := c.scheme()
		if err != nil {
			continue
		}
		away := webhooks.SinkFunc(func(context.Context, scoring.Outcome) error { return errors.New("away") })
		h, err := webhooks.New(scheme, webhooks.Options{Mapping: probe, Sink: away, Now: c.now})
		if err != nil {
			continue
		}
		r := c.request()
		parsed, _ := verifier(t, scheme).Parse(webhooks.Request{Header: r.Header, Body: []byte(c.Body), At: c.now()})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 300 {
			require.Empty(t, parsed.Deliveries, c.ID)
			continue
		}
		if w.Code == 503 {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			tried++
		}
	}
	require.NotZero(t, tried)
}
