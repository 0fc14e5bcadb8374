package webhooks

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	headerGitHubSignature = "X-Hub-Signature-256"
	headerGitHubDelivery  = "X-Github-Delivery"
	headerGitHubEvent     = "X-Github-Event"
)

// GitHub is the scheme of GitHub's webhooks: HMAC-SHA256 over the raw body, in X-Hub-Signature-256. Bodies are JSON or
// forms with the JSON in their field "payload". A delivery's Type is X-GitHub-Event. A request that is not authentic is
// refused with 401.
//
// GitHub signs neither a time nor the delivery's id: anyone who has seen a delivery can send it again under another id.
// Only TLS keeps others from seeing it.
type GitHub struct {
	// Secrets are the webhook's secrets: one, or two while it is rotated. Required.
	Secrets []string
}

type githubVerifier struct{ keys [][]byte }

// Verifier implements [Scheme].
func (s GitHub) Verifier() (Verifier, error) {
	k, err := keys("secrets", s.Secrets)
	return githubVerifier{k}, err
}

func (githubVerifier) Provider() string { return "github" }

func (v githubVerifier) Verify(r Request) error {
	fail := func(reason string) error {
		return &VerifyError{Status: http.StatusUnauthorized, Reason: reason, DeliveryID: r.Header.Get(headerGitHubDelivery)}
	}
	header, err := single(r.Header, headerGitHubSignature)
	if err != nil {
		return fail("invalid header: more than one signature")
	}
	if header == "" {
		return fail("missing signature")
	}
	encoded, ok := strings.CutPrefix(header, "sha256=")
	if !ok {
		return fail("bad signature prefix: only sha256 is accepted")
	}
	signature, ok := hexSum(encoded)
	if !ok {
		return fail("the signature is not an HMAC-SHA256 in hex")
	}
	if !anyEqual(signature, sums(v.keys, string(r.Body))) {
		return fail("signature mismatch")
	}
	return nil
}

func (v githubVerifier) Parse(r Request) (Parsed, error) {
	id, errID := single(r.Header, headerGitHubDelivery)
	event, errEvent := single(r.Header, headerGitHubEvent)
	fail := func(status int, reason string) (Parsed, error) {
		return Parsed{}, &VerifyError{Status: status, Reason: reason, DeliveryID: id}
	}
	if errID != nil || errEvent != nil || id == "" || event == "" {
		return fail(http.StatusBadRequest, "the delivery needs one X-GitHub-Delivery and one X-GitHub-Event")
	}
	body := r.Body
	switch t := mediaType(r.Header); {
	case t == formType:
		var ok bool
		if body, ok = formPayload(r.Body); !ok {
			return fail(http.StatusBadRequest, "the form must have exactly one payload")
		}
	case t != "" && !isJSON(t):
		return fail(http.StatusUnsupportedMediaType, "neither JSON nor a form")
	}
	if err := object(body, &struct{}{}); err != nil {
		return fail(http.StatusBadRequest, "body is not a JSON object")
	}
	if event == "ping" {
		return Parsed{Answer: new(string)}, nil
	}
	return Parsed{Deliveries: []Delivery{{
		Provider:   v.Provider(),
		ID:         id,
		Type:       event,
		Body:       body,
		Header:     r.Header,
		ReceivedAt: r.At,
	}}}, nil
}

const formType = "application/x-www-form-urlencoded"

// formPayload returns the field "payload" of a form, which must be there once.
func formPayload(form []byte) ([]byte, bool) {
	fields, err := url.ParseQuery(string(form))
	if err != nil || len(fields["payload"]) != 1 {
		return nil, false
	}
	return []byte(fields.Get("payload")), true
}
