package webhooks

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/scoring"
)

// DefaultTolerance is how far a signed timestamp may be from the clock, in either direction.
const DefaultTolerance = 5 * time.Minute

// maxSignatures bounds the signatures that one header may list, so that a long header costs no more than a short one.
const maxSignatures = 32

var errTwice = errors.New("header appears more than once")

// keys checks secrets and returns them as bytes.
func keys(field string, secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, scoring.Invalid(field, "none is configured: anyone could send deliveries")
	}
	out := make([][]byte, len(secrets))
	for i, s := range secrets {
		if strings.TrimSpace(s) == "" {
			return nil, scoring.Invalid(field, "number %d is empty: anyone could send deliveries", i+1)
		}
		out[i] = []byte(s)
	}
	return out, nil
}

// tolerance returns the default for zero, and refuses a negative one.
func tolerance(d time.Duration) (time.Duration, error) {
	if d < 0 {
		return 0, scoring.Invalid("tolerance", "%s is negative", d)
	}
	if d == 0 {
		return DefaultTolerance, nil
	}
	return d, nil
}

// single returns the value of a header, "" if it is not there, or errTwice: two proxies, or a proxy and this
// package, could otherwise each believe another one.
func single(h http.Header, name string) (string, error) {
	switch v := h.Values(name); len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	default:
		return "", errTwice
	}
}

// unixTime reads seconds since 1970 in plain decimal digits.
func unixTime(s string) (time.Time, bool) {
	if len(s) == 0 || len(s) > 12 || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// checkTime returns the problem with a signed timestamp, or "" if it is within the tolerance, its ends included.
func checkTime(t, now time.Time, tolerance time.Duration) string {
	switch age := now.Sub(t); {
	case age > tolerance:
		return "timestamp too old"
	case age < -tolerance:
		return "timestamp too new"
	default:
		return ""
	}
}

// sum returns the HMAC-SHA256 of the parts, one after the other.
func sum(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// sums returns the HMAC-SHA256 of the parts with each of the keys.
func sums(keys [][]byte, parts ...string) [][]byte {
	out := make([][]byte, len(keys))
	for i, key := range keys {
		out[i] = sum(key, parts...)
	}
	return out
}

// anyEqual tells whether a signature is one of the wanted, in constant time for each pair.
func anyEqual(signature []byte, wanted [][]byte) bool {
	for _, w := range wanted {
		if hmac.Equal(signature, w) {
			return true
		}
	}
	return false
}

// hexSum decodes an HMAC-SHA256 in hexadecimal.
func hexSum(s string) ([]byte, bool) {
	b, err := hex.DecodeString(s)
	return b, err == nil && len(b) == sha256.Size
}

// mediaType returns the media type of the body in lower case, without parameters: "" when none is named, and one that
// is neither JSON nor a form when it cannot be read.
func mediaType(h http.Header) string {
	v := h.Get("Content-Type")
	t, _, err := mime.ParseMediaType(v)
	if v != "" && err != nil {
		return "invalid"
	}
	return t
}

// isJSON tells whether a media type is JSON.
func isJSON(t string) bool {
	return t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json")
}

// object reads a JSON object into v, as far as the types match: a member of another type leaves v's field unchanged,
// because an unusual member is no reason to lose the event. Text that is not UTF-8 is refused: in it, two ids or keys
// could become one.
func object(body []byte, v any) error {
	if !json.Valid(body) || !isObject(body) {
		return refuse(http.StatusBadRequest, "body is not a JSON object")
	}
	if !utf8.Valid(body) {
		return refuse(http.StatusBadRequest, "body is not UTF-8")
	}
	if err := json.Unmarshal(body, v); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
		return refuse(http.StatusBadRequest, "body cannot be read: %s", clip(err.Error(), 200))
	}
	return nil
}

// isObject tells whether valid JSON is an object.
func isObject(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

// bodyID is the id of a delivery that has none: the same body is the same event.
func bodyID(body []byte) string {
	hash := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(hash[:])
}

// first returns the first that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// clip cuts s to at most n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
