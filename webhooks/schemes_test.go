package webhooks_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/webhooks"
)

func mac(secret, content string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func githubSigned(secret, event, body string) http.Header {
	h := http.Header{}
	h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(secret, body)))
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("Content-Type", "application/json")
	return h
}

func stripeSigned(secret string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{"Stripe-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac(secret, stamp+"."+body))}}
}

func slackSigned(secret string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{
		"X-Slack-Request-Timestamp": {stamp},
		"X-Slack-Signature":         {"v0=" + hex.EncodeToString(mac(secret, "v0:"+stamp+":"+body))},
	}
}

const slackReaction = `{"type":"event_callback","event_id":"Ev1","event_time":1790000000,"event":{"type":"reaction_added",
	"user":"U1","reaction":"+1::skin-tone-2","item_user":"U2","event_ts":"1790000000.000500",
	"item":{"type":"message","channel":"C1","ts":"1789999999.000100"}}}`

func TestConstructionRefuses(t *testing.T) {
	t.Parallel()
	key24 := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 24)))
	for name, s := range map[string]webhooks.Scheme{
		"no scheme":                  nil,
		"github without secret":      webhooks.GitHub{},
		"github empty":               webhooks.GitHub{Secrets: []string{"good", ""}},
		"github blank":               webhooks.GitHub{Secrets: []string{" \n"}},
		"stripe without secret":      webhooks.Stripe{},
		"stripe empty":               webhooks.Stripe{Secrets: []string{""}},
		"stripe tolerance":           webhooks.Stripe{Secrets: []string{"s"}, Tolerance: -1},
		"slack without secret":       webhooks.Slack{},
		"slack empty":                webhooks.Slack{Secrets: []string{""}},
		"slack tolerance":            webhooks.Slack{Secrets: []string{"s"}, Tolerance: -1},
		"standard without key":       webhooks.StandardWebhooks{},
		"standard empty":             webhooks.StandardWebhooks{Secrets: []string{""}},
		"standard prefix alone":      webhooks.StandardWebhooks{Secrets: []string{"whsec_"}},
		"standard not base64":        webhooks.StandardWebhooks{Secrets: []string{"whsec_***"}},
		"standard too short":         webhooks.StandardWebhooks{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23))}},
		"standard too long":          webhooks.StandardWebhooks{Secrets: []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))}},
		"standard second is bad":     webhooks.StandardWebhooks{Secrets: []string{key24, ""}},
		"standard private key":       webhooks.StandardWebhooks{Secrets: []string{"whsk_" + key24}},
		"standard short public key":  webhooks.StandardWebhooks{PublicKeys: []string{"whpk_" + key24}},
		"standard tolerance":         webhooks.StandardWebhooks{Secrets: []string{key24}, Tolerance: -1},
		"cloudevents without token":  webhooks.CloudEvents{},
		"cloudevents empty":          webhooks.CloudEvents{Tokens: []string{""}},
		"cloudevents empty origin":   webhooks.CloudEvents{Tokens: []string{"t"}, Origins: []string{""}},
		"hmac without secret":        webhooks.HMAC{Header: "X-S"},
		"hmac empty":                 webhooks.HMAC{Header: "X-S", Secrets: []string{""}},
		"hmac without header":        webhooks.HMAC{Secrets: []string{"s"}},
		"hmac encoding":              webhooks.HMAC{Header: "X-S", Secrets: []string{"s"}, Encoding: "rot13"},
		"hmac tolerance of nothing":  webhooks.HMAC{Header: "X-S", Secrets: []string{"s"}, Tolerance: time.Minute},
		"hmac negative tolerance":    webhooks.HMAC{Header: "X-S", Secrets: []string{"s"}, TimestampHeader: "X-T", Tolerance: -1},
		"hmac name with a line feed": webhooks.HMAC{Header: "X-S", Secrets: []string{"s"}, Name: "a\nb"},
	} {
		_, err := webhooks.New(s, webhooks.Options{Mapping: webhooks.Scores, Sink: newMemory()})
		requireInvalid(t, err, name)
	}
	good := webhooks.Options{Mapping: webhooks.Scores, Sink: newMemory()}
	for name, change := range map[string]func(*webhooks.Options){
		"no mapping":    func(o *webhooks.Options) { o.Mapping = nil },
		"no sink":       func(o *webhooks.Options) { o.Sink = nil },
		"max body":      func(o *webhooks.Options) { o.MaxBody = -1 },
		"timeout":       func(o *webhooks.Options) { o.Timeout = -1 },
		"max in flight": func(o *webhooks.Options) { o.MaxInFlight = -1 },
		"source":        func(o *webhooks.Options) { o.Source = strings.Repeat("x", 1000) },
	} {
		o := good
		change(&o)
		_, err := webhooks.New(standard, o)
		requireInvalid(t, err, name)
	}
	for _, secret := range []string{"whsec_" + key24, key24, base64.StdEncoding.EncodeToString(make([]byte, 64))} {
		_, err := webhooks.New(webhooks.StandardWebhooks{Secrets: []string{secret}}, good)
		require.NoError(t, err)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	secrets := []string{"old", "new"}
	hm := webhooks.HMAC{Secrets: secrets, Header: "X-Signature"}
	for name, try := range map[string]func(secret string) error{
		"github": func(s string) error {
			return verifier(t, webhooks.GitHub{Secrets: secrets}).Verify(request(githubSigned(s, "push", "{}"), "{}"))
		},
		"stripe": func(s string) error {
			return verifier(t, webhooks.Stripe{Secrets: secrets}).Verify(request(stripeSigned(s, noon, "{}"), "{}"))
		},
		"slack": func(s string) error {
			return verifier(t, webhooks.Slack{Secrets: secrets}).Verify(request(slackSigned(s, noon, "{}"), "{}"))
		},
		"cloudevents": func(s string) error {
			return verifier(t, webhooks.CloudEvents{Tokens: secrets}).Verify(request(http.Header{"Authorization": {"Bearer " + s}}, "{}"))
		},
		"hmac": func(s string) error {
			return verifier(t, hm).Verify(request(http.Header{"X-Signature": {hex.EncodeToString(mac(s, "{}"))}}, "{}"))
		},
	} {
		require.NoError(t, try("old"), name)
		require.NoError(t, try("new"), name)
		require.Error(t, try("older"), name)
		require.Error(t, try(""), name)
	}
}

func request(h http.Header, body string) webhooks.Request {
	return webhooks.Request{Header: h, Body: []byte(body), At: noon}
}

func TestTolerance(t *testing.T) {
	t.Parallel()
	hm := webhooks.HMAC{Secrets: []string{"s"}, Header: "X-Signature", TimestampHeader: "X-Time"}
	for name, c := range map[string]struct {
		scheme webhooks.Scheme
		sign   func(at time.Time) http.Header
		status int
	}{
		"stripe": {webhooks.Stripe{Secrets: []string{"s"}}, func(at time.Time) http.Header { return stripeSigned("s", at, "{}") }, 400},
		"slack":  {webhooks.Slack{Secrets: []string{"s"}}, func(at time.Time) http.Header { return slackSigned("s", at, "{}") }, 401},
		"hmac": {hm, func(at time.Time) http.Header {
			stamp := strconv.FormatInt(at.Unix(), 10)
			return http.Header{"X-Time": {stamp}, "X-Signature": {hex.EncodeToString(mac("s", stamp+".{}"))}}
		}, 401},
	} {
		v := verifier(t, c.scheme)
		for _, seconds := range []int{-300, -299, 0, 299, 300} {
			at := noon.Add(time.Duration(seconds) * time.Second)
			require.NoError(t, v.Verify(request(c.sign(at), "{}")), "%s %d", name, seconds)
		}
		require.Equal(t, "timestamp too old", requireRefused(t, c.status, v.Verify(request(c.sign(noon.Add(-301*time.Second)), "{}"))))
		require.Equal(t, "timestamp too new", requireRefused(t, c.status, v.Verify(request(c.sign(noon.Add(301*time.Second)), "{}"))))
		// A clock between two seconds: the tolerance is exact.
		r := request(c.sign(noon.Add(-300*time.Second)), "{}")
		r.At = noon.Add(time.Nanosecond)
		requireRefused(t, c.status, v.Verify(r))
	}
}

// TestStripeTwoTimestamps: neither of two timestamps may be recent while the other one is signed.
func TestStripeTwoTimestamps(t *testing.T) {
	t.Parallel()
	v := verifier(t, webhooks.Stripe{Secrets: []string{"s"}})
	old := stripeSigned("s", noon.Add(-time.Hour), "{}").Get("Stripe-Signature")
	recent := "t=" + strconv.FormatInt(noon.Unix(), 10)
	for _, header := range []string{recent + "," + old, old + "," + recent} {
		requireRefused(t, 400, v.Verify(request(http.Header{"Stripe-Signature": {header}}, "{}")))
	}
	good := stripeSigned("s", noon, "{}").Get("Stripe-Signature")
	require.NoError(t, v.Verify(request(http.Header{"Stripe-Signature": {"t=1," + good}}, "{}")))
	requireRefused(t, 400, v.Verify(request(http.Header{"Stripe-Signature": {good, good}}, "{}")))
	requireRefused(t, 400, v.Verify(request(http.Header{"Stripe-Signature": {good + strings.Repeat(",v1=00", 40)}}, "{}")))
}

func TestGitHubRequests(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, webhooks.GitHub{Secrets: []string{"s"}}, m, probe)
	send := func(body string, change func(h http.Header)) int {
		header := githubSigned("s", "push", body)
		change(header)
		return post(h, header, body).Code
	}
	same := func(http.Header) {}
	form := func(h http.Header) { h.Set("Content-Type", "application/x-www-form-urlencoded") }
	require.Equal(t, 200, send("{}", same))
	require.Equal(t, 200, send("{}", func(h http.Header) { h.Del("Content-Type") }))
	require.Equal(t, 200, send("payload=%7B%7D", form))
	require.Equal(t, 400, send("payload=%7B%7D&payload=%7B%7D", form))
	require.Equal(t, 400, send("other=%7B%7D", form))
	require.Equal(t, 400, send("payload=x", form))
	require.Equal(t, 400, send("[]", same))
	require.Equal(t, 415, send("<a/>", func(h http.Header) { h.Set("Content-Type", "application/xml") }))
	require.Equal(t, 415, send("{}", func(h http.Header) { h.Set("Content-Type", "/") }))
	require.Equal(t, 400, send("{}", func(h http.Header) { h.Del("X-GitHub-Delivery") }))
	require.Equal(t, 400, send("{}", func(h http.Header) { h.Del("X-GitHub-Event") }))
	require.Equal(t, 400, send("{}", func(h http.Header) { h.Add("X-GitHub-Delivery", "another") }))
	require.Equal(t, 401, send("{}", func(h http.Header) { h.Add("X-Hub-Signature-256", h.Get("X-Hub-Signature-256")) }))
	require.Equal(t, 401, send("{}", func(h http.Header) {
		h.Del("X-Hub-Signature-256")
		h.Set("X-Hub-Signature", "sha1=126f2c800419c60137ce748d7672e77b65cf16d6")
	}))
	require.Equal(t, 401, send("{}", func(h http.Header) {
		h.Set("X-Hub-Signature-256", strings.Replace(h.Get("X-Hub-Signature-256"), "sha256=", "sha1=", 1))
	}))
	require.Len(t, m.rows, 1)
}

func TestSlackRequests(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, webhooks.Slack{Secrets: []string{"s"}}, m, webhooks.Reactions)
	send := func(body, contentType string) *httptest.ResponseRecorder {
		header := slackSigned("s", noon, body)
		header.Set("Content-Type", contentType)
		return post(h, header, body)
	}
	const js, form = "application/json", "application/x-www-form-urlencoded"
	challenge := `{"type":"url_verification","challenge":"3eZbrw1a"}`
	w := send(challenge, js)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "3eZbrw1a", w.Body.String())
	// The challenge is nobody's to see without a signature.
	w = post(h, slackSigned("other", noon, challenge), challenge)
	require.Equal(t, 401, w.Code)
	require.NotContains(t, w.Body.String(), "3eZbrw1a")

	for range 2 { // Slack retries with the same event_id
		w = send(slackReaction, js)
		require.Equal(t, 200, w.Code)
		require.Empty(t, w.Body.String())
	}
	require.Len(t, m.rows, 1)
	require.Contains(t, m.rows, "slack:Ev1")

	command := send("command=%2Fgood&text=&trigger_id=1.2", form)
	require.Equal(t, 200, command.Code, "what is not for us is 200 too, or Slack shows an error")
	require.Empty(t, command.Body.String())
	require.Equal(t, 200, send(url.Values{"payload": {`{"type":"block_actions","trigger_id":"1.3"}`}}.Encode(), form).Code)
	require.Equal(t, 400, send(`{"type":"event_callback","event":{"type":"reaction_added"}}`, js).Code, "no event_id")
	require.Equal(t, 400, send("payload=%7B", form).Code)
	require.Equal(t, 400, send("a=1&a=2", form).Code)
	require.Equal(t, 400, send("", form).Code)
	require.Equal(t, 415, send("x", "text/plain").Code)
}

func TestSlackDeliveries(t *testing.T) {
	t.Parallel()
	v := verifier(t, webhooks.Slack{Secrets: []string{"s"}})
	parse := func(body string) webhooks.Delivery {
		parsed, err := v.Parse(request(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body))
		require.NoError(t, err)
		require.Len(t, parsed.Deliveries, 1)
		return parsed.Deliveries[0]
	}
	d := parse("command=%2Fgood&text=yes&trigger_id=1.2")
	require.Equal(t, "slash_command", d.Type)
	require.Equal(t, "1.2", d.ID)
	require.JSONEq(t, `{"command":"/good","text":"yes","trigger_id":"1.2"}`, string(d.Body))
	d = parse(url.Values{"payload": {`{"type":"block_actions","trigger_id":"1.3"}`}}.Encode())
	require.Equal(t, "block_actions", d.Type)
	require.Equal(t, "1.3", d.ID)
	// Without an id the body is the id.
	require.Equal(t, parse("command=a").ID, parse("command=a").ID)
	require.NotEqual(t, parse("command=a").ID, parse("command=b").ID)
}

func TestHMAC(t *testing.T) {
	t.Parallel()
	body := `{"id":7,"type":"order.paid","name":"n","key":"k"}`
	t.Run("hex with a prefix", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := handler(t, webhooks.HMAC{Secrets: []string{"s"}, Header: "X-Signature", Prefix: "sha256="}, m, webhooks.Scores)
		signature := hex.EncodeToString(mac("s", body))
		require.Equal(t, 200, post(h, http.Header{"X-Signature": {"sha256=" + signature}}, body).Code)
		require.Contains(t, m.rows, "hmac:7")
		require.Equal(t, 401, post(h, http.Header{"X-Signature": {signature}}, body).Code)
		require.Equal(t, 401, post(h, http.Header{"X-Signature": {"sha256="}}, body).Code)
		require.Equal(t, 401, post(h, http.Header{}, body).Code)
		require.Equal(t, 401, post(h, http.Header{"X-Signature": {"sha256=" + signature, "sha256=" + signature}}, body).Code)
	})
	t.Run("base64 with time, id and type in headers", func(t *testing.T) {
		t.Parallel()
		m := newMemory()
		h := handler(t, webhooks.HMAC{
			Name: "shop", Secrets: []string{"s"}, Header: "X-Signature", Encoding: webhooks.Base64, TimestampHeader: "X-Time",
			Content:  func(ts string, body []byte) []byte { return []byte(ts + ":" + string(body)) },
			IDHeader: "X-ID", TypeHeader: "X-Type",
		}, m, webhooks.Scores)
		stamp := strconv.FormatInt(noon.Unix(), 10)
		header := func() http.Header {
			return http.Header{
				"X-Signature": {base64.StdEncoding.EncodeToString(mac("s", stamp+":"+body))},
				"X-Time":      {stamp}, "X-Id": {"d1"}, "X-Type": {"paid"},
			}
		}
		require.Equal(t, 200, post(h, header(), body).Code)
		require.Contains(t, m.rows, "shop:d1")
		for name, status := range map[string]int{"X-Signature": 401, "X-Time": 401, "X-Id": 400} {
			missing, twice := header(), header()
			missing.Del(name)
			twice.Add(name, "another")
			require.Equal(t, status, post(h, missing, body).Code, name)
			require.Equal(t, status, post(h, twice, body).Code, name)
		}
		words := header()
		words.Set("X-Time", "noon")
		require.Equal(t, 401, post(h, words, body).Code)
	})
	t.Run("without an id the body is the id", func(t *testing.T) {
		t.Parallel()
		v := verifier(t, webhooks.HMAC{Secrets: []string{"s"}, Header: "X-Signature"})
		id := func(body string) string {
			parsed, err := v.Parse(request(http.Header{}, body))
			require.NoError(t, err)
			return parsed.Deliveries[0].ID
		}
		require.Equal(t, "a", id(`{"id":"a"}`))
		require.Equal(t, "12345678901234567890", id(`{"id":12345678901234567890}`))
		for _, body := range []string{`{}`, `{"id":null}`, `{"id":""}`, `{"id":{}}`, `{"id":true}`} {
			require.True(t, strings.HasPrefix(id(body), "sha256:"), body)
		}
	})
}
