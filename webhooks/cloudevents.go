package webhooks

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// CloudEvents is the scheme of CloudEvents 1.0 over HTTP, in binary, structured (JSON) and batched (JSON) mode. It has no
// signatures: as in "HTTP 1.1 Web Hooks for Event Delivery" 1.0, §3, the sender shows a token, in Authorization (Bearer) or
// in the query as access_token, where it may end up in logs. Without a valid token the request is refused with 401, and
// with 415 if it is not an event in a known format.
//
// A delivery's ID is its source and id, "source|id"; Type, Subject and ObservedAt are the event's type, subject and
// time. When some events of a batch are malformed, the others are delivered and the sender gets a 400.
//
// OPTIONS asks for permission to send (§4) and needs no token: it protects the sender and gives no access.
type CloudEvents struct {
	// Tokens are accepted: one, or two while it is rotated. Required.
	Tokens []string
	// Origins are the origins, as in WebHook-Request-Origin, that get permission to send. Empty: any.
	Origins []string
}

type cloudEventsVerifier struct{ tokens [][]byte }

// Verifier implements [Scheme].
func (s CloudEvents) Verifier() (Verifier, error) {
	k, err := keys("tokens", s.Tokens)
	if err != nil {
		return nil, err
	}
	for _, o := range s.Origins {
		if o == "" {
			return nil, scoring.Invalid("origins", "one is empty")
		}
	}
	// Hashes have one length, so that comparing them does not reveal the length of a token.
	for i := range k {
		k[i] = hashed(string(k[i]))
	}
	return cloudEventsVerifier{k}, nil
}

func hashed(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

func (cloudEventsVerifier) Provider() string { return "cloudevents" }

func (v cloudEventsVerifier) Verify(r Request) error {
	token, err := bearer(r)
	if err != nil {
		return err
	}
	if !anyEqual(hashed(token), v.tokens) {
		return refuse(http.StatusUnauthorized, "unknown bearer token")
	}
	return nil
}

// bearer returns the token of a request. RFC 6750, §2: a request must not have more than one.
func bearer(r Request) (string, error) {
	query, header := r.Query["access_token"], r.Header.Values("Authorization")
	switch {
	case len(query)+len(header) == 0:
		return "", refuse(http.StatusUnauthorized, "missing bearer token")
	case len(query)+len(header) > 1:
		return "", refuse(http.StatusBadRequest, "more than one bearer token")
	case len(query) == 1:
		return query[0], nil
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(http.StatusUnauthorized, "missing bearer token")
	}
	return strings.TrimLeft(token, " "), nil
}

// handshake answers the validation request of §4.
func (s CloudEvents) handshake(w http.ResponseWriter, r *http.Request) {
	origin, err := single(r.Header, "WebHook-Request-Origin")
	switch {
	case err != nil:
		reply(w, http.StatusBadRequest, "more than one origin\n")
	case origin == "":
		w.WriteHeader(http.StatusNoContent) // not a handshake
	case len(s.Origins) > 0 && !slices.ContainsFunc(s.Origins, func(o string) bool { return strings.EqualFold(o, origin) }):
		reply(w, http.StatusForbidden, "this origin may not send\n")
	default:
		w.Header().Set("WebHook-Allowed-Origin", origin)
		w.Header().Set("WebHook-Allowed-Rate", "*") // the handler asks to come back later when it is too much
		w.WriteHeader(http.StatusOK)
	}
}
