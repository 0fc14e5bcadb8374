package webhooks

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

func (v cloudEventsVerifier) Parse(r Request) (Parsed, error) {
	switch t := mediaType(r.Header); {
	case t == "application/cloudevents+json":
		d, err := v.structured(r, r.Body)
		if err != nil {
			return Parsed{}, err
		}
		return Parsed{Deliveries: []Delivery{d}}, nil
	case t == "application/cloudevents-batch+json":
		return v.batch(r)
	case strings.HasPrefix(t, "application/cloudevents"):
		return Parsed{}, refuse(http.StatusUnsupportedMediaType, "CloudEvents in a format other than JSON")
	case r.Header.Get("Ce-Specversion") == "":
		return Parsed{}, refuse(http.StatusUnsupportedMediaType, "not a CloudEvent")
	}
	d, err := v.binary(r)
	if err != nil {
		return Parsed{}, err
	}
	return Parsed{Deliveries: []Delivery{d}}, nil
}

// batch reads a JSON array of events. For events that cannot be read it returns an error along with the others.
func (v cloudEventsVerifier) batch(r Request) (Parsed, error) {
	var events []json.RawMessage
	if err := json.Unmarshal(r.Body, &events); err != nil || events == nil {
		return Parsed{}, refuse(http.StatusBadRequest, "body is not a JSON array")
	}
	var out Parsed
	var refused []error
	for _, e := range events {
		d, err := v.structured(r, e)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		out.Deliveries = append(out.Deliveries, d)
	}
	return out, errors.Join(refused...)
}

// structured reads an event in the JSON format.
func (v cloudEventsVerifier) structured(r Request, event []byte) (Delivery, error) {
	var members map[string]json.RawMessage
	if err := strictjson.Members(event); err != nil {
		return Delivery{}, refuse(http.StatusBadRequest, "the event is not a JSON object that says one thing: %s", clip(err.Error(), 200))
	}
	if err := json.Unmarshal(event, &members); err != nil {
		return Delivery{}, refuse(http.StatusBadRequest, "the event is not a JSON object")
	}
	attributes := make(map[string]string, len(members))
	for name, raw := range members {
		// null is the same as not there.
		if name == "data" || name == "data_base64" || string(raw) == "null" {
			continue
		}
		value, err := attribute(raw)
		if err != nil {
			return Delivery{}, refuse(http.StatusBadRequest, "attribute %.40q: %s", name, err)
		}
		attributes[name] = value
	}
	data, err := structuredData(members, attributes["datacontenttype"])
	if err != nil {
		return Delivery{}, refuse(http.StatusBadRequest, "%s", err)
	}
	return v.delivery(r, attributes, data)
}

// attribute returns the canonical text of a text, boolean or integer.
func attribute(raw json.RawMessage) (string, error) {
	var value any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return "", err
	}
	switch x := value.(type) {
	case string:
		return x, nil
	case bool:
		return string(raw), nil
	case json.Number:
		if _, err := x.Int64(); err == nil {
			return x.String(), nil
		}
	}
	return "", errors.New("must be a text, a boolean or an integer")
}

// structuredData returns the data of an event in the JSON format (§3.1.2).
func structuredData(members map[string]json.RawMessage, contentType string) ([]byte, error) {
	data, plain := members["data"]
	encoded, binary := members["data_base64"]
	var text string
	switch {
	case plain && binary:
		return nil, errors.New("data appears twice")
	case binary:
		if err := json.Unmarshal(encoded, &text); err != nil {
			return nil, errors.New("data_base64 is not a text")
		}
		out, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("data_base64 is not base64")
		}
		return out, nil
	case !plain || dataIsJSON(contentType):
		return data, nil
	default:
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, errors.New("data that is not JSON must be text")
		}
		return []byte(text), nil
	}
}

// dataIsJSON tells whether a datacontenttype says JSON, as none at all does.
func dataIsJSON(contentType string) bool {
	t := mediaType(http.Header{"Content-Type": {contentType}})
	return t == "" || isJSON(t)
}

// binary reads an event whose attributes are in the header.
func (v cloudEventsVerifier) binary(r Request) (Delivery, error) {
	attributes := map[string]string{}
	for header, values := range r.Header {
		name, ok := strings.CutPrefix(strings.ToLower(header), "ce-")
		if !ok {
			continue
		}
		if name == "datacontenttype" || len(values) != 1 {
			return Delivery{}, refuse(http.StatusBadRequest, "header %.40q is not allowed, or appears twice", header)
		}
		value, ok := headerValue(values[0])
		if !ok {
			return Delivery{}, refuse(http.StatusBadRequest, "header %.40q cannot be decoded", header)
		}
		attributes[name] = value
	}
	if t := r.Header.Get("Content-Type"); t != "" {
		attributes["datacontenttype"] = t
	}
	return v.delivery(r, attributes, r.Body)
}

// headerValue decodes an attribute in a header: double quotes first, then one round of percent-decoding (HTTP binding,
// §3.1.3.2). A percent sign that encodes nothing is itself: senders exist that do not encode. Whether the result is UTF-8
// is checked with the other rules for attributes.
func headerValue(s string) (string, bool) {
	if strings.HasPrefix(s, `"`) {
		var ok bool
		if s, ok = unquote(s); !ok {
			return "", false
		}
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), true
}

// unquote reads a quoted-string of RFC 7230, §3.2.6.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// disallowed tells of a character that no text of an event may have (CloudEvents 1.0, §2.4).
func disallowed(r rune) bool {
	return unicode.IsControl(r) || (r >= 0xFDD0 && r <= 0xFDEF) || r&0xFFFE == 0xFFFE
}

// delivery checks the attributes of an event (CloudEvents 1.0, §3) and makes a delivery of it.
func (v cloudEventsVerifier) delivery(r Request, attributes map[string]string, data []byte) (Delivery, error) {
	d := Delivery{
		Provider:   v.Provider(),
		Type:       attributes["type"],
		Subject:    attributes["subject"],
		Body:       data,
		Attributes: attributes,
		Header:     r.Header,
		ReceivedAt: r.At,
	}
	fail := func(status int, reason string) (Delivery, error) {
		return Delivery{}, &VerifyError{Status: status, Reason: reason, DeliveryID: d.ID}
	}
	source, id := attributes["source"], attributes["id"]
	if source != "" && id != "" {
		// A bar in the source is written as URIs must have it, so that only one pair gives this text.
		d.ID = strings.ReplaceAll(source, "|", "%7C") + "|" + id
	}
	switch version := attributes["specversion"]; {
	case version == "":
		return fail(http.StatusBadRequest, "the event has no specversion")
	case version != "1.0":
		return fail(http.StatusUnsupportedMediaType, "not a CloudEvent of version 1.0")
	case source == "" || id == "" || d.Type == "":
		return fail(http.StatusBadRequest, "the event needs a source, an id and a type")
	}
	for name, value := range attributes {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fail(http.StatusBadRequest, "an attribute's name has more than lower-case letters and digits")
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, disallowed) {
			return fail(http.StatusBadRequest, "an attribute has a control character or an invalid one")
		}
	}
	if _, err := url.Parse(source); err != nil {
		return fail(http.StatusBadRequest, "the source is not a URI reference")
	}
	if t, ok := attributes["time"]; ok {
		at, err := scoring.ParseTime("time", t)
		if err != nil {
			return fail(http.StatusBadRequest, "the time is not RFC 3339")
		}
		d.ObservedAt = at
	}
	if len(data) > 0 && dataIsJSON(attributes["datacontenttype"]) && !json.Valid(data) {
		return fail(http.StatusBadRequest, "the data is not JSON, contrary to its content type")
	}
	return d, nil
}
