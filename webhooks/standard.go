package webhooks

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// standardHeaders are the names of the headers of one sender.
type standardHeaders struct{ id, timestamp, signature string }

var (
	webhookHeaders = standardHeaders{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}
	svixHeaders    = standardHeaders{"Svix-Id", "Svix-Timestamp", "Svix-Signature"}
)

// StandardWebhooks is the scheme of https://www.standardwebhooks.com, version 1.0.0: "v1" (HMAC-SHA256) and "v1a"
// (ed25519) signatures over "id.timestamp.body". At least one secret or public key is required.
//
// A delivery's Type is the body's "type", its ObservedAt the body's "timestamp". A request with a required header
// missing or malformed is refused with 400, one that is not authentic or not recent with 401.
type StandardWebhooks struct {
	// Secrets are in base64, each of 24 to 64 bytes. The prefix "whsec_" may be left out.
	Secrets []string
	// PublicKeys are ed25519 keys in base64. The prefix "whpk_" may be left out.
	PublicKeys []string
	// Svix reads the headers svix-id, svix-timestamp and svix-signature, which many senders still use, from a request that
	// has no webhook-id.
	Svix bool
	// Tolerance is [DefaultTolerance] when zero.
	Tolerance time.Duration
}

type standardVerifier struct {
	svix      bool
	secrets   [][]byte
	keys      []ed25519.PublicKey
	tolerance time.Duration
}

// Verifier implements [Scheme].
func (s StandardWebhooks) Verifier() (Verifier, error) {
	if len(s.Secrets) == 0 && len(s.PublicKeys) == 0 {
		return nil, scoring.Invalid("secrets", "no secret or public key is configured: anyone could send deliveries")
	}
	v := standardVerifier{svix: s.Svix}
	for _, secret := range s.Secrets {
		key, err := standardSecret(secret)
		if err != nil {
			return nil, err
		}
		v.secrets = append(v.secrets, key)
	}
	for _, public := range s.PublicKeys {
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(public, "whpk_"))
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, scoring.Invalid("public keys", "must be %d bytes in base64", ed25519.PublicKeySize)
		}
		v.keys = append(v.keys, key)
	}
	var err error
	v.tolerance, err = tolerance(s.Tolerance)
	return v, err
}

// standardSecret decodes a secret. Errors never show any of it.
func standardSecret(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return nil, scoring.Invalid("secrets", `must be base64, after the prefix "whsec_"`)
	}
	if len(key) < 24 || len(key) > 64 {
		return nil, scoring.Invalid("secrets", "%d bytes, 24 to 64 are allowed", len(key))
	}
	return key, nil
}

func (standardVerifier) Provider() string { return "standard-webhooks" }

func (v standardVerifier) Verify(r Request) error {
	names := v.headers(r.Header)
	id, errID := single(r.Header, names.id)
	stamp, errStamp := single(r.Header, names.timestamp)
	list, errList := single(r.Header, names.signature)
	fail := func(status int, reason string) error {
		return &VerifyError{Status: status, Reason: reason, DeliveryID: id}
	}
	if errID != nil || errStamp != nil || errList != nil {
		return fail(http.StatusBadRequest, "invalid header: it appears more than once")
	}
	if id == "" || stamp == "" || list == "" {
		return fail(http.StatusBadRequest, "missing required headers")
	}
	at, ok := unixTime(stamp)
	if !ok {
		return fail(http.StatusBadRequest, "invalid header: the timestamp is not a number of seconds")
	}
	if reason := checkTime(at, r.At, v.tolerance); reason != "" {
		return fail(http.StatusUnauthorized, reason)
	}
	signatures := strings.Fields(list)
	if len(signatures) > maxSignatures {
		return fail(http.StatusBadRequest, "invalid header: too many signatures")
	}
	if !v.matches(id, stamp, r.Body, signatures) {
		return fail(http.StatusUnauthorized, "no matching signature")
	}
	return nil
}

// headers returns the names to read a request by: never some of one set and some of the other.
func (v standardVerifier) headers(h http.Header) standardHeaders {
	if v.svix && len(h.Values(webhookHeaders.id)) == 0 {
		return svixHeaders
	}
	return webhookHeaders
}

func (v standardVerifier) matches(id, stamp string, body []byte, signatures []string) bool {
	wanted := make([][]byte, len(v.secrets))
	for i, key := range v.secrets {
		wanted[i] = []byte(standardSignature(key, id, stamp, body))
	}
	for _, s := range signatures {
		if anyEqual([]byte(s), wanted) {
			return true
		}
		encoded, ok := strings.CutPrefix(s, "v1a,")
		if !ok || len(v.keys) == 0 {
			continue
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		message := []byte(id + "." + stamp + "." + string(body))
		for _, key := range v.keys {
			if ed25519.Verify(key, message, signature) {
				return true
			}
		}
	}
	return false
}

// standardSignature returns one entry of the signature header.
func standardSignature(key []byte, id, stamp string, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(sum(key, id, ".", stamp, ".", string(body)))
}

func (v standardVerifier) Parse(r Request) (Parsed, error) {
	var event struct {
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
	}
	if err := object(r.Body, &event); err != nil {
		return Parsed{}, err
	}
	// A timestamp in another format is ignored; the event still counts.
	observed, _ := scoring.ParseTime("timestamp", event.Timestamp)
	return Parsed{Deliveries: []Delivery{{
		Provider:   v.Provider(),
		ID:         r.Header.Get(v.headers(r.Header).id),
		Type:       event.Type,
		Body:       r.Body,
		Header:     r.Header,
		ReceivedAt: r.At,
		ObservedAt: observed,
	}}}, nil
}

// Sign returns the headers that make body a delivery of the [StandardWebhooks] scheme, sent at the given time. The id is the
// same for every attempt to deliver the same event. To rotate, send the signatures of both secrets, with a space between.
// It refuses a secret that the receiver would refuse, an id that is empty or has a dot, and a time before 1970.
func Sign(secret, id string, at time.Time, body []byte) (http.Header, error) {
	key, err := standardSecret(secret)
	if err != nil {
		return nil, err
	}
	if err := scoring.CheckID("id", id); err != nil {
		return nil, err
	}
	if strings.Contains(id, ".") {
		return nil, scoring.Invalid("id", "must not have a dot, which separates the signed parts")
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	if _, ok := unixTime(stamp); !ok {
		return nil, scoring.Invalid("time", "%s cannot be signed", at)
	}
	h := http.Header{}
	h.Set(webhookHeaders.id, id)
	h.Set(webhookHeaders.timestamp, stamp)
	h.Set(webhookHeaders.signature, standardSignature(key, id, stamp, body))
	return h, nil
}
