package webhooks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// Encoding is how a signature is written in its header.
type Encoding string

// The encodings.
const (
	Hex    Encoding = "hex"
	Base64 Encoding = "base64" // standard alphabet, padded
)

// HMAC is for senders that sign JSON with HMAC-SHA256 in their own way: over the raw body or, with a TimestampHeader,
// over a timestamp and the body. A request that is not authentic or not recent is refused with 401.
//
// Without a timestamp a delivery can be replayed: it is then the same outcome, provided that its id is part of the body.
type HMAC struct {
	// Required.

	// Secrets are the shared secrets: one, or several while they are rotated.
	Secrets []string
	// Header is the name of the header with the signature.
	Header string

	// Optional.

	// Name is the provider's name. Default: "hmac".
	Name string
	// Prefix precedes the signature in its header, such as "sha256=".
	Prefix string
	// Encoding is [Hex] when empty.
	Encoding Encoding
	// TimestampHeader is the name of the header with the time of sending, in seconds since 1970.
	TimestampHeader string
	// Content returns the signed bytes when there is a timestamp. Default: timestamp + "." + body.
	Content func(timestamp string, body []byte) []byte
	// Tolerance is [DefaultTolerance] when zero. It needs a TimestampHeader.
	Tolerance time.Duration
	// IDHeader is the name of the header with the delivery's id. Default: the body's "id", a text or a number; without
	// one, the hash of the body, so that two events with the very same body count as one.
	IDHeader string
	// TypeHeader is the name of the header with the kind of event. Default: the body's "type".
	TypeHeader string
}

type hmacVerifier struct {
	HMAC
	keys [][]byte
}

// Verifier implements [Scheme].
func (s HMAC) Verifier() (Verifier, error) {
	k, err := keys("secrets", s.Secrets)
	if err != nil {
		return nil, err
	}
	if s.Header == "" {
		return nil, scoring.Invalid("header", "is required")
	}
	if s.TimestampHeader == "" && (s.Content != nil || s.Tolerance != 0) {
		return nil, scoring.Invalid("timestamp header", "is required with a content or tolerance")
	}
	switch s.Encoding {
	case "":
		s.Encoding = Hex
	case Hex, Base64:
	default:
		return nil, scoring.Invalid("encoding", "%q is not hex or base64", s.Encoding)
	}
	if s.Content == nil {
		s.Content = func(timestamp string, body []byte) []byte { return []byte(timestamp + "." + string(body)) }
	}
	s.Name = first(s.Name, "hmac")
	if err := scoring.CheckName("name", s.Name); err != nil {
		return nil, err
	}
	s.Tolerance, err = tolerance(s.Tolerance)
	return hmacVerifier{s, k}, err
}

func (v hmacVerifier) Provider() string { return v.Name }

func (v hmacVerifier) Verify(r Request) error {
	const status = http.StatusUnauthorized
	header, err := single(r.Header, v.Header)
	if err != nil {
		return refuse(status, "invalid header: more than one signature")
	}
	if header == "" {
		return refuse(status, "missing signature")
	}
	content := r.Body
	if v.TimestampHeader != "" {
		stamp, err := single(r.Header, v.TimestampHeader)
		if err != nil || stamp == "" {
			return refuse(status, "missing required headers: one timestamp")
		}
		at, ok := unixTime(stamp)
		if !ok {
			return refuse(status, "invalid header: the timestamp is not a number of seconds")
		}
		if reason := checkTime(at, r.At, v.Tolerance); reason != "" {
			return refuse(status, "%s", reason)
		}
		content = v.Content(stamp, r.Body)
	}
	encoded, ok := strings.CutPrefix(header, v.Prefix)
	if !ok {
		return refuse(status, "bad signature prefix")
	}
	signature, err := v.decode(encoded)
	if err != nil || !anyEqual(signature, sums(v.keys, string(content))) {
		return refuse(status, "signature mismatch")
	}
	return nil
}

func (v hmacVerifier) decode(s string) ([]byte, error) {
	if v.Encoding == Base64 {
		return base64.StdEncoding.Strict().DecodeString(s)
	}
	return hex.DecodeString(s)
}

func (v hmacVerifier) Parse(r Request) (Parsed, error) {
	var in struct {
		ID   json.RawMessage `json:"id"`
		Type string          `json:"type"`
	}
	if err := object(r.Body, &in); err != nil {
		return Parsed{}, err
	}
	if err := strictjson.Members(r.Body, "id", "type"); err != nil {
		return Parsed{}, refuse(http.StatusBadRequest, "%s", clip(err.Error(), 200))
	}
	d := Delivery{Provider: v.Name, Type: in.Type, Body: r.Body, Header: r.Header, ReceivedAt: r.At}
	var err error
	if v.TypeHeader != "" {
		if d.Type, err = single(r.Header, v.TypeHeader); err != nil {
			return Parsed{}, refuse(http.StatusBadRequest, "invalid header: more than one type")
		}
	}
	if v.IDHeader == "" {
		d.ID = first(textOrNumber(in.ID), bodyID(r.Body))
	} else if d.ID, err = single(r.Header, v.IDHeader); err != nil || d.ID == "" {
		return Parsed{}, refuse(http.StatusBadRequest, "the delivery needs one %s", v.IDHeader)
	}
	return Parsed{Deliveries: []Delivery{d}}, nil
}

// textOrNumber returns a JSON text or number as text, and "" for anything else.
func textOrNumber(raw json.RawMessage) string {
	var n json.Number // takes numbers, and texts that are numbers
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
