package webhooks_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/webhooks"
)

// seedBodies adds the bodies of the case file, and some that are nothing.
func seedBodies(f *testing.F, provider string, add func(headers map[string]string, body string)) {
	f.Helper()
	data, err := os.ReadFile("testdata/webhooks.json")
	require.NoError(f, err)
	var file struct{ Cases []delivery }
	require.NoError(f, json.Unmarshal(data, &file))
	for _, c := range file.Cases {
		if c.Provider == provider {
			add(c.Headers, c.Body)
		}
	}
	for _, body := range []string{"", "{}", "[]", "null", `{"id":1}`, "{\"a\":\"\x00\"}", "payload={}", "payload=%7B%7D"} {
		add(map[string]string{}, body)
	}
}

// receive sends a request, which is authentic, to a handler with the ready mappings, and requires what must hold whatever
// its body is: it is never anything but held, not for us, or refused for good; what is held is valid; and a copy of the
// request adds nothing.
func receive(t *testing.T, s webhooks.Scheme, m webhooks.Mapping, header http.Header, body string) {
	t.Helper()
	sink := newMemory()
	h := handler(t, s, sink, m)
	code := post(h, header.Clone(), body).Code
	require.Contains(t, []int{200, 202, 400, 415}, code)
	if code == 202 || code == 415 {
		require.Empty(t, sink.rows)
	}
	if code == 400 || code == 415 {
		require.NotEmpty(t, sink.rejected)
	}
	for id, o := range sink.rows {
		require.NoError(t, o.Validate())
		require.Equal(t, id, o.ID)
		require.Equal(t, noon, o.ReceivedAt)
	}
	before := len(sink.rows)
	require.Equal(t, code, post(h, header.Clone(), body).Code)
	require.Len(t, sink.rows, before)
}

func FuzzGitHub(f *testing.F) {
	seedBodies(f, "github", func(h map[string]string, body string) {
		f.Add(h["X-Hub-Signature-256"], h["X-GitHub-Event"], h["X-GitHub-Delivery"], h["Content-Type"], body)
	})
	s := webhooks.GitHub{Secrets: []string{"It's a Secret to Everybody"}}
	f.Fuzz(func(t *testing.T, signature, event, id, contentType, body string) {
		header := githubSigned(s.Secrets[0], event, body)
		header.Set("X-GitHub-Delivery", id)
		header.Set("Content-Type", contentType)
		receive(t, s, webhooks.Combine(webhooks.PullRequests, webhooks.Issues), header, body)

		right := header.Get("X-Hub-Signature-256")
		header.Set("X-Hub-Signature-256", signature)
		if verifier(t, s).Verify(request(header, body)) == nil {
			require.Equal(t, right, strings.ToLower(signature))
		}
	})
}

func FuzzStripe(f *testing.F) {
	seedBodies(f, "stripe", func(h map[string]string, body string) { f.Add(h["Stripe-Signature"], body) })
	s := webhooks.Stripe{Secrets: []string{"whsec_test_secret"}}
	f.Fuzz(func(t *testing.T, signature, body string) {
		receive(t, s, webhooks.Checkouts, stripeSigned(s.Secrets[0], noon, body), body)

		if verifier(t, s).Verify(request(http.Header{"Stripe-Signature": {signature}}, body)) != nil {
			return
		}
		i := strings.LastIndex(","+signature, ",t=")
		stamp, _, _ := strings.Cut(signature[i+2:], ",")
		requireRecent(t, stamp)
		require.Contains(t, strings.ToLower(signature), "v1="+hex.EncodeToString(mac(s.Secrets[0], stamp+"."+body)))
	})
}

// requireRecent requires that a timestamp lies within the default tolerance of noon.
func requireRecent(t *testing.T, stamp string) {
	t.Helper()
	n, err := strconv.ParseInt(stamp, 10, 64)
	require.NoError(t, err)
	require.InDelta(t, noon.Unix(), n, 300)
}

func FuzzSlack(f *testing.F) {
	seedBodies(f, "slack", func(h map[string]string, body string) {
		f.Add(h["X-Slack-Signature"], h["X-Slack-Request-Timestamp"], h["Content-Type"], body)
	})
	f.Add("v0=", "1790000000", "application/json", slackReaction)
	f.Add("v0=", "1790000000", "application/json", `{"type":"url_verification","challenge":"c"}`)
	f.Add("v0=", "1790000000", "application/x-www-form-urlencoded", "payload=%7B%22type%22%3A%22block_actions%22%7D")
	s := webhooks.Slack{Secrets: []string{"8f742231b10e8888abcd99yyyzzz85a5"}}
	f.Fuzz(func(t *testing.T, signature, stamp, contentType, body string) {
		header := slackSigned(s.Secrets[0], noon, body)
		header.Set("Content-Type", contentType)
		receive(t, s, webhooks.Reactions, header, body)

		forged := http.Header{"X-Slack-Signature": {signature}, "X-Slack-Request-Timestamp": {stamp}}
		if verifier(t, s).Verify(request(forged, body)) == nil {
			requireRecent(t, stamp)
			require.Equal(t, "v0="+hex.EncodeToString(mac(s.Secrets[0], "v0:"+stamp+":"+body)), strings.ToLower(signature))
		}
	})
}

func FuzzStandardWebhooks(f *testing.F) {
	seedBodies(f, "standard-webhooks", func(h map[string]string, body string) {
		f.Add(h["webhook-id"], h["webhook-timestamp"], h["webhook-signature"], body)
	})
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(standardSecret, "whsec_"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, id, stamp, signature, body string) {
		if header, err := webhooks.Sign(standardSecret, id, noon, []byte(body)); err == nil {
			receive(t, standard, webhooks.Scores, header, body)
		}
		forged := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		if verifier(t, standard).Verify(request(forged, body)) == nil {
			requireRecent(t, stamp)
			right := "v1," + base64.StdEncoding.EncodeToString(mac(string(key), id+"."+stamp+"."+body))
			require.Contains(t, strings.Fields(signature), right)
		}
	})
}

func FuzzCloudEvents(f *testing.F) {
	seedBodies(f, "cloudevents", func(h map[string]string, body string) {
		f.Add(h["Content-Type"], h["ce-specversion"], h["ce-id"], h["ce-source"], h["ce-type"], h["ce-time"], "k", body)
	})
	f.Fuzz(func(t *testing.T, contentType, version, id, source, kind, at, subject, body string) {
		header := http.Header{"Authorization": {"Bearer " + token}}
		for name, value := range map[string]string{"Content-Type": contentType, "ce-specversion": version, "ce-id": id,
			"ce-source": source, "ce-type": kind, "ce-time": at, "ce-subject": subject} {
			if value != "" {
				header.Set(name, value)
			}
		}
		receive(t, events, webhooks.Scores, header, body)
		receive(t, events, probe, header, body)
	})
}

func FuzzHMAC(f *testing.F) {
	seedBodies(f, "standard-webhooks", func(_ map[string]string, body string) { f.Add("", "1790000000", body) })
	s := webhooks.HMAC{Secrets: []string{"s"}, Header: "X-Signature", Encoding: webhooks.Base64, TimestampHeader: "X-Time"}
	f.Fuzz(func(t *testing.T, signature, stamp, body string) {
		now := strconv.FormatInt(noon.Unix(), 10)
		header := http.Header{"X-Time": {now}, "X-Signature": {base64.StdEncoding.EncodeToString(mac("s", now+"."+body))}}
		receive(t, s, webhooks.Scores, header, body)

		forged := http.Header{"X-Time": {stamp}, "X-Signature": {signature}}
		if verifier(t, s).Verify(request(forged, body)) == nil {
			requireRecent(t, stamp)
			decoded, err := base64.StdEncoding.DecodeString(signature)
			require.NoError(t, err)
			require.Equal(t, mac("s", stamp+"."+body), decoded)
		}
	})
}
