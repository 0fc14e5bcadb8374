package crosscheck_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cloudhttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/slack-go/slack"
	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v85/webhook"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/webhooks"
)

// The well-kept libraries read the real clock, so these tests do too; no delivery lies near the tolerance's end.

// age draws how old a delivery is, and whether both sides must find it recent.
func age(t *rapid.T) (time.Duration, bool) {
	seconds := rapid.IntRange(-600, 600).Filter(func(s int) bool { return s < -310 || s > 310 || (s > -290 && s < 290) }).Draw(t, "age")
	return time.Duration(seconds) * time.Second, seconds > -300 && seconds < 300
}

// secret draws a secret that is not blank.
func secret(t *rapid.T) string {
	return rapid.StringN(1, 40, -1).Filter(func(s string) bool { return strings.TrimSpace(s) != "" }).Draw(t, "secret")
}

// damage changes one byte of what was signed, or of the signature, or nothing.
func damage(t *rapid.T, body []byte, h http.Header, signature string) []byte {
	switch rapid.IntRange(0, 3).Draw(t, "damage") {
	case 0:
		if len(body) == 0 {
			return []byte("x")
		}
		body = bytes.Clone(body)
		body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] ^= 1
	case 1:
		b := []byte(h.Get(signature))
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1
		h.Set(signature, string(b))
	}
	return body
}

func TestCrossCheckStandardWebhooks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := "whsec_" + base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key"))
		id := rapid.StringMatching(`[a-zA-Z0-9_-]{1,30}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		theirs, err := reference.NewWebhook(key)
		require.NoError(t, err)
		v, err := webhooks.StandardWebhooks{Secrets: []string{key}}.Verifier()
		require.NoError(t, err)
		now := time.Now()
		old, _ := age(t)
		h, err := webhooks.Sign(key, id, now.Add(-old), body)
		require.NoError(t, err)
		signature, err := theirs.Sign(id, now.Add(-old), body)
		require.NoError(t, err)
		require.Equal(t, signature, h.Get("webhook-signature"))

		body = damage(t, body, h, "Webhook-Signature")
		ours := v.Verify(webhooks.Request{Header: h, Body: body, At: now})
		require.Equal(t, theirs.Verify(body, h) == nil, ours == nil, "%v", ours)
	})
}

func TestCrossCheckStripe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, body := secret(t), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		v, err := webhooks.Stripe{Secrets: []string{key}}.Verifier()
		require.NoError(t, err)
		now := time.Now()
		old, recent := age(t)
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: key, Timestamp: now.Add(-old)})
		h := http.Header{"Stripe-Signature": {signed.Header}}
		body = damage(t, body, h, "Stripe-Signature")

		ours := v.Verify(webhooks.Request{Header: h, Body: body, At: now})
		theirs := webhook.ValidatePayload(body, h.Get("Stripe-Signature"), key)
		if ours == nil {
			require.NoError(t, theirs)
		}
		// Stricter on purpose: theirs takes any time in the future.
		if theirs == nil && (old > 0 || recent) {
			require.NoError(t, ours)
		}
	})
}

func TestCrossCheckSlack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, body := secret(t), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		v, err := webhooks.Slack{Secrets: []string{key}}.Verifier()
		require.NoError(t, err)
		now := time.Now()
		old, _ := age(t)
		h := slackSigned(key, now.Add(-old), string(body))
		body = damage(t, body, h, "X-Slack-Signature")

		ours := v.Verify(webhooks.Request{Header: h, Body: body, At: now})
		theirs, err := slack.NewSecretsVerifier(h, key)
		if err == nil {
			_, err = theirs.Write(body)
			require.NoError(t, err)
			err = theirs.Ensure()
		}
		require.Equal(t, err == nil, ours == nil, "ours %v, theirs %v", ours, err)
	})
}

// text draws what both sides read alike in a header: theirs does not decode percent signs or quotes.
func text(t *rapid.T, name string) string {
	return rapid.StringMatching(`[a-zA-Z0-9./:_-]{1,20}`).Draw(t, name)
}

func randomEvent(t *rapid.T) event.Event {
	e := event.New()
	e.SetID(text(t, "id"))
	e.SetType(text(t, "type"))
	e.SetSource("/s/" + text(t, "source"))
	if rapid.Bool().Draw(t, "subject?") {
		e.SetSubject(text(t, "subject"))
	}
	if rapid.Bool().Draw(t, "time?") {
		e.SetTime(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "time"), 0).UTC())
	}
	e.SetExtension("tenant", text(t, "tenant"))
	switch rapid.IntRange(0, 2).Draw(t, "data") {
	case 1:
		require.NoError(t, e.SetData(event.ApplicationJSON, map[string]string{"a": rapid.String().Draw(t, "a")}))
	case 2:
		require.NoError(t, e.SetData("application/octet-stream", rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "bytes")))
	}
	return e
}

func requireSameEvent(t *rapid.T, want event.Event, got webhooks.Delivery) {
	require.NoError(t, want.Validate())
	require.Equal(t, want.Source()+"|"+want.ID(), got.ID)
	require.Equal(t, want.Type(), got.Type)
	require.Equal(t, want.Subject(), got.Subject)
	require.Equal(t, want.Extensions()["tenant"], got.Attributes["tenant"])
	require.True(t, want.Time().Equal(got.ObservedAt) || want.Time().IsZero() && got.ObservedAt.IsZero())
	if want.DataContentType() == event.ApplicationJSON {
		require.JSONEq(t, string(want.Data()), string(got.Body))
		return
	}
	require.Equal(t, string(want.Data()), string(got.Body))
}

func TestCrossCheckCloudEvents(t *testing.T) {
	t.Parallel()
	v := cloudEvents(t)
	rapid.Check(t, func(t *rapid.T) {
		sent := randomEvent(t)
		ctx := binding.WithForceBinary(context.Background())
		if rapid.Bool().Draw(t, "structured") {
			ctx = binding.WithForceStructured(context.Background())
		}
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		require.NoError(t, cloudhttp.WriteRequest(ctx, binding.ToMessage(&sent), r))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		theirs, err := binding.ToEvent(context.Background(), cloudhttp.NewMessageFromHttpRequest(r))
		require.NoError(t, err)

		ours, err := v.Parse(webhooks.Request{Header: r.Header, Body: body})
		require.NoError(t, err)
		require.Len(t, ours.Deliveries, 1)
		requireSameEvent(t, *theirs, ours.Deliveries[0])
	})
}

func TestCrossCheckCloudEventsBatch(t *testing.T) {
	t.Parallel()
	v := cloudEvents(t)
	rapid.Check(t, func(t *rapid.T) {
		sent := make([]event.Event, rapid.IntRange(0, 5).Draw(t, "n"))
		for i := range sent {
			sent[i] = randomEvent(t)
		}
		body, err := json.Marshal(sent)
		require.NoError(t, err)
		ours, err := v.Parse(webhooks.Request{Header: http.Header{"Content-Type": {event.ApplicationCloudEventsBatchJSON}}, Body: body})
		require.NoError(t, err)
		require.Len(t, ours.Deliveries, len(sent))
		for i, e := range sent {
			requireSameEvent(t, e, ours.Deliveries[i])
		}
	})
}
