package webhooks

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	headerSlackSignature = "X-Slack-Signature"
	headerSlackTimestamp = "X-Slack-Request-Timestamp"
)

// Slack is the scheme of Slack's requests: HMAC-SHA256 over "v0:timestamp:body". It reads events, interactions (a form
// with the JSON in its field "payload") and slash commands (a form, which becomes a JSON object of its fields, with the
// Type "slash_command"). A delivery's Type is the event's type for events ("reaction_added") and the payload's otherwise.
//
// A request that is not authentic or not recent is refused with 401. The url_verification challenge is answered once
// its signature is verified. Success is always an empty 200, since Slack shows the answer to a command. Slack waits for
// 3 seconds only: Options.Timeout is 2 seconds unless it is set.
type Slack struct {
	// Secrets are the app's signing secrets: one, or two while it is rotated. Required.
	Secrets []string
	// Tolerance is [DefaultTolerance] when zero.
	Tolerance time.Duration
}

type slackVerifier struct {
	keys      [][]byte
	tolerance time.Duration
}

// Verifier implements [Scheme].
func (s Slack) Verifier() (Verifier, error) {
	k, err := keys("secrets", s.Secrets)
	if err != nil {
		return nil, err
	}
	t, err := tolerance(s.Tolerance)
	return slackVerifier{k, t}, err
}

func (Slack) patience() time.Duration { return 2 * time.Second }

func (slackVerifier) Provider() string { return "slack" }

func (v slackVerifier) Verify(r Request) error {
	const status = http.StatusUnauthorized
	header, errHeader := single(r.Header, headerSlackSignature)
	stamp, errStamp := single(r.Header, headerSlackTimestamp)
	if errHeader != nil || errStamp != nil {
		return refuse(status, "invalid header: it appears more than once")
	}
	if header == "" || stamp == "" {
		return refuse(status, "missing required headers")
	}
	at, ok := unixTime(stamp)
	if !ok {
		return refuse(status, "invalid header: the timestamp is not a number of seconds")
	}
	if reason := checkTime(at, r.At, v.tolerance); reason != "" {
		return refuse(status, "%s", reason)
	}
	encoded, ok := strings.CutPrefix(header, "v0=")
	if !ok {
		return refuse(status, "unknown signature version")
	}
	signature, ok := hexSum(encoded)
	if !ok || !anyEqual(signature, sums(v.keys, "v0:", stamp, ":", string(r.Body))) {
		return refuse(status, "signature mismatch")
	}
	return nil
}

func (v slackVerifier) Parse(r Request) (Parsed, error) {
	body, command := r.Body, false
	switch t := mediaType(r.Header); {
	case t == formType:
		var ok bool
		if body, command, ok = slackForm(r.Body); !ok {
			return Parsed{}, refuse(http.StatusBadRequest, "the form cannot be read")
		}
	case t != "" && !isJSON(t):
		return Parsed{}, refuse(http.StatusUnsupportedMediaType, "neither JSON nor a form")
	}
	var in struct {
		Type      string          `json:"type"`
		Challenge string          `json:"challenge"`
		EventID   string          `json:"event_id"`
		EventTime json.RawMessage `json:"event_time"`
		TriggerID string          `json:"trigger_id"`
		Event     struct {
			Type string `json:"type"`
		} `json:"event"`
	}
	if err := object(body, &in); err != nil {
		return Parsed{}, err
	}
	d := Delivery{
		Provider:   v.Provider(),
		Type:       in.Type,
		Body:       body,
		Header:     r.Header,
		ReceivedAt: r.At,
		ObservedAt: jsonTime(in.EventTime),
	}
	switch {
	case command:
		d.Type, d.ID = "slash_command", first(in.TriggerID, bodyID(r.Body))
	case in.Type == "url_verification":
		return Parsed{Answer: &in.Challenge}, nil
	case in.Type == "event_callback":
		if in.EventID == "" {
			return Parsed{}, refuse(http.StatusBadRequest, "the event has no event_id")
		}
		d.Type, d.ID = in.Event.Type, in.EventID
	default:
		d.ID = first(in.TriggerID, bodyID(r.Body))
	}
	return Parsed{Deliveries: []Delivery{d}, Answer: new(string)}, nil
}

// slackForm returns the JSON of an interaction, or the fields of a command as JSON.
func slackForm(form []byte) (body []byte, command, ok bool) {
	fields, err := url.ParseQuery(string(form))
	if err != nil || len(fields) == 0 {
		return nil, false, false
	}
	if fields.Has("payload") {
		body, ok = formPayload(form)
		return body, false, ok
	}
	flat := make(map[string]string, len(fields))
	for name, values := range fields {
		if len(values) != 1 {
			return nil, false, false
		}
		flat[name] = values[0]
	}
	body, err = json.Marshal(flat)
	return body, true, err == nil
}
