package webhooks

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/internal/strictjson"
)

const headerStripeSignature = "Stripe-Signature"

// Stripe is the scheme of Stripe's webhooks: HMAC-SHA256 over "timestamp.body", as v1 in Stripe-Signature. A delivery's
// ID, Type and ObservedAt are the event's id, type and created. A request that is not authentic or not recent is
// refused with 400, as in Stripe's own examples.
//
// When the header has several timestamps, the last one is signed and must be recent.
//
// Stripe's test mode moves no money, but its events reach live endpoints of Connect too. An event with "livemode":
// false is answered with 202 and ignored, unless TestMode is set.
type Stripe struct {
	// Secrets are the endpoint's secrets, such as "whsec_…": one, or two while it is rolled. Required.
	Secrets []string
	// Tolerance is [DefaultTolerance] when zero.
	Tolerance time.Duration
	// TestMode takes the events of Stripe's test mode as well: for an endpoint that no customer pays through.
	TestMode bool
}

type stripeVerifier struct {
	keys      [][]byte
	tolerance time.Duration
	testMode  bool
}

// Verifier implements [Scheme].
func (s Stripe) Verifier() (Verifier, error) {
	k, err := keys("secrets", s.Secrets)
	if err != nil {
		return nil, err
	}
	t, err := tolerance(s.Tolerance)
	return stripeVerifier{k, t, s.TestMode}, err
}

func (stripeVerifier) Provider() string { return "stripe" }

func (v stripeVerifier) Verify(r Request) error {
	header, err := single(r.Header, headerStripeSignature)
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid header: it appears more than once")
	}
	if header == "" {
		return refuse(http.StatusBadRequest, "no Stripe-Signature header")
	}
	stamp, signatures, ok := stripeHeader(header)
	if !ok {
		return refuse(http.StatusBadRequest, "invalid header")
	}
	at, ok := unixTime(stamp)
	if !ok {
		return refuse(http.StatusBadRequest, "invalid header: the timestamp is not a number of seconds")
	}
	if reason := checkTime(at, r.At, v.tolerance); reason != "" {
		return refuse(http.StatusBadRequest, "%s", reason)
	}
	wanted := sums(v.keys, stamp, ".", string(r.Body))
	for _, s := range signatures {
		if signature, ok := hexSum(s); ok && anyEqual(signature, wanted) {
			return nil
		}
	}
	return refuse(http.StatusBadRequest, "no valid signature")
}

// stripeHeader reads "t=…,v1=…,v1=…": the last timestamp and the v1 signatures. Other members are of schemes that may
// not be used.
func stripeHeader(header string) (stamp string, signatures []string, ok bool) {
	for member := range strings.SplitSeq(header, ",") {
		name, value, found := strings.Cut(member, "=")
		if !found {
			return "", nil, false
		}
		switch name {
		case "t":
			stamp = value
		case "v1":
			signatures = append(signatures, value)
		}
	}
	return stamp, signatures, len(signatures) <= maxSignatures
}

func (v stripeVerifier) Parse(r Request) (Parsed, error) {
	var event struct {
		ID       string          `json:"id"`
		Type     string          `json:"type"`
		Created  json.RawMessage `json:"created"`
		LiveMode *bool           `json:"livemode"`
	}
	if err := object(r.Body, &event); err != nil {
		return Parsed{}, err
	}
	if event.ID == "" {
		return Parsed{}, refuse(http.StatusBadRequest, "the event has no id")
	}
	test := event.LiveMode != nil && !*event.LiveMode
	if test && !v.testMode {
		return Parsed{Ignored: "an event of Stripe's test mode"}, nil
	}
	return Parsed{Deliveries: []Delivery{{
		Provider:   v.Provider(),
		ID:         event.ID,
		Type:       event.Type,
		Body:       r.Body,
		Header:     r.Header,
		ReceivedAt: r.At,
		ObservedAt: jsonTime(event.Created),
		Test:       test,
	}}}, nil
}

// jsonTime reads a time that is a number of seconds or RFC 3339, and returns the zero time for anything else.
func jsonTime(raw json.RawMessage) time.Time {
	if t, ok := unixTime(string(raw)); ok {
		return t
	}
	var t strictjson.Time
	if json.Unmarshal(raw, &t) != nil {
		return time.Time{}
	}
	return t.Time
}
