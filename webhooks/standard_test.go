package webhooks_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/webhooks"
)

const standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// noon is when every test of this package happens, unless a case says otherwise.
var noon = time.Unix(1790000000, 0)

func clock() time.Time { return noon }

// signed returns a Standard Webhooks request.
func signed(t *testing.T, secret, id string, at time.Time, body string) webhooks.Request {
	t.Helper()
	h, err := webhooks.Sign(secret, id, at, []byte(body))
	require.NoError(t, err)
	return webhooks.Request{Header: h, Body: []byte(body), At: noon}
}

func verifier(t *testing.T, s webhooks.Scheme) webhooks.Verifier {
	t.Helper()
	v, err := s.Verifier()
	require.NoError(t, err)
	return v
}

// requireRefused requires a refusal with the status, and returns its reason.
func requireRefused(t *testing.T, status int, err error) string {
	t.Helper()
	var refusal *webhooks.VerifyError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, status, refusal.Status, refusal.Reason)
	require.NotEmpty(t, refusal.Reason)
	return refusal.Reason
}

func TestStandardWebhooksTolerance(t *testing.T) {
	t.Parallel()
	v := verifier(t, webhooks.StandardWebhooks{Secrets: []string{standardSecret}})
	for _, off := range []time.Duration{-300 * time.Second, 0, 300 * time.Second} {
		require.NoError(t, v.Verify(signed(t, standardSecret, "m", noon.Add(off), "{}")), off)
	}
	require.Equal(t, "timestamp too old",
		requireRefused(t, 401, v.Verify(signed(t, standardSecret, "m", noon.Add(-301*time.Second), "{}"))))
	require.Equal(t, "timestamp too new",
		requireRefused(t, 401, v.Verify(signed(t, standardSecret, "m", noon.Add(301*time.Second), "{}"))))

	wide := verifier(t, webhooks.StandardWebhooks{Secrets: []string{standardSecret}, Tolerance: time.Hour})
	require.NoError(t, wide.Verify(signed(t, standardSecret, "m", noon.Add(-time.Hour), "{}")))
	requireRefused(t, 401, wide.Verify(signed(t, standardSecret, "m", noon.Add(-time.Hour-time.Second), "{}")))
}

func TestStandardWebhooksRotation(t *testing.T) {
	t.Parallel()
	next := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
	both := verifier(t, webhooks.StandardWebhooks{Secrets: []string{standardSecret, next}})
	require.NoError(t, both.Verify(signed(t, standardSecret, "m", noon, "{}")))
	require.NoError(t, both.Verify(signed(t, next, "m", noon, "{}")))

	// The sender rotates: it sends both signatures, in either order, to a receiver that knows one.
	r, other := signed(t, standardSecret, "m", noon, "{}"), signed(t, next, "m", noon, "{}")
	for _, list := range []string{
		r.Header.Get("webhook-signature") + " " + other.Header.Get("webhook-signature"),
		other.Header.Get("webhook-signature") + " " + r.Header.Get("webhook-signature"),
	} {
		r.Header.Set("webhook-signature", list)
		require.NoError(t, verifier(t, webhooks.StandardWebhooks{Secrets: []string{next}}).Verify(r))
	}
	third := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 24)))
	requireRefused(t, 401, verifier(t, webhooks.StandardWebhooks{Secrets: []string{third}}).Verify(r))
}

func TestStandardWebhooksPublicKey(t *testing.T) {
	t.Parallel()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", ed25519.SeedSize)))
	public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	v := verifier(t, webhooks.StandardWebhooks{PublicKeys: []string{public}})
	stamp := strconv.FormatInt(noon.Unix(), 10)
	r := webhooks.Request{Header: http.Header{}, Body: []byte("{}"), At: noon}
	r.Header.Set("webhook-id", "m")
	r.Header.Set("webhook-timestamp", stamp)
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte("m."+stamp+".{}")))
	r.Header.Set("webhook-signature", "v1,AAAA v1a,"+signature)
	require.NoError(t, v.Verify(r))
	// The same bytes under the name of the other algorithm, and another body.
	r.Header.Set("webhook-signature", "v1,"+signature)
	requireRefused(t, 401, v.Verify(r))
	r.Header.Set("webhook-signature", "v1a,"+signature)
	r.Body = []byte("[]")
	requireRefused(t, 401, v.Verify(r))
	// A receiver that has secrets only does not take the public scheme.
	r.Body = []byte("{}")
	requireRefused(t, 401, verifier(t, webhooks.StandardWebhooks{Secrets: []string{standardSecret}}).Verify(r))
}

func TestStandardWebhooksSvix(t *testing.T) {
	t.Parallel()
	svix := webhooks.StandardWebhooks{Secrets: []string{standardSecret}, Svix: true}
	r := signed(t, standardSecret, "m", noon, "{}")
	require.NoError(t, verifier(t, svix).Verify(r), "the standard names are still read")
	renamed := webhooks.Request{Header: http.Header{}, Body: r.Body, At: noon}
	for name, values := range r.Header {
		renamed.Header[strings.Replace(name, "Webhook-", "Svix-", 1)] = values
	}
	require.NoError(t, verifier(t, svix).Verify(renamed))
	parsed, err := verifier(t, svix).Parse(renamed)
	require.NoError(t, err)
	require.Equal(t, "m", parsed.Deliveries[0].ID)
	requireRefused(t, 400, verifier(t, standard).Verify(renamed))
	// One set of names or the other: an id of one is not joined with the signature of the other.
	renamed.Header.Set("webhook-id", "another")
	requireRefused(t, 400, verifier(t, svix).Verify(renamed))
}

func TestStandardWebhooksMalformed(t *testing.T) {
	t.Parallel()
	v := verifier(t, webhooks.StandardWebhooks{Secrets: []string{standardSecret}})
	for name, change := range map[string]func(h http.Header){
		"id twice":            func(h http.Header) { h.Add("webhook-id", "m") },
		"timestamp twice":     func(h http.Header) { h.Add("webhook-timestamp", "1") },
		"signature twice":     func(h http.Header) { h.Add("webhook-signature", h.Get("webhook-signature")) },
		"no timestamp":        func(h http.Header) { h.Del("webhook-timestamp") },
		"empty id":            func(h http.Header) { h.Set("webhook-id", "") },
		"timestamp in words":  func(h http.Header) { h.Set("webhook-timestamp", "noon") },
		"timestamp with sign": func(h http.Header) { h.Set("webhook-timestamp", "+1790000000") },
		"timestamp too long":  func(h http.Header) { h.Set("webhook-timestamp", "9999999999999999999") },
		"a long list": func(h http.Header) {
			h.Set("webhook-signature", strings.Repeat(h.Get("webhook-signature")+" ", 40))
		},
	} {
		r := signed(t, standardSecret, "m", noon, "{}")
		change(r.Header)
		err := v.Verify(r)
		t.Log(name, requireRefused(t, 400, err))
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func() (http.Header, error){
		"empty secret": func() (http.Header, error) { return webhooks.Sign("", "m", noon, nil) },
		"short secret": func() (http.Header, error) { return webhooks.Sign("whsec_AAAA", "m", noon, nil) },
		"empty id":     func() (http.Header, error) { return webhooks.Sign(standardSecret, "", noon, nil) },
		"id with dot":  func() (http.Header, error) { return webhooks.Sign(standardSecret, "m.1", noon, nil) },
		"before 1970":  func() (http.Header, error) { return webhooks.Sign(standardSecret, "m", time.Unix(-1, 0), nil) },
	} {
		_, err := call()
		requireInvalid(t, err, name)
	}
}
