package webhooks

import (
	"encoding/json"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Scores is the mapping for senders that speak of outcomes in their own words. The body, or the member "data" of a body
// that has no "name" (the envelope of Standard Webhooks), is an object with
//
//	name         what happened; default: the delivery's type
//	key          to what it happened; "subject" and "workflow_id" are other names for it; default: the delivery's subject
//	value        optional: a number or a boolean
//	observed_at  optional: when it happened, RFC 3339; default: the delivery's
//	payload      optional: JSON for a scorer's predicate; default: the whole object
//
// A delivery without any key, name and value is not for us. One with a name or a value but no key is refused, as is a
// value of another type. For a CloudEvent, its type and subject are enough.
func Scores(d Delivery) ([]scoring.Outcome, error) {
	if len(d.Body) > 0 && !json.Valid(d.Body) {
		return nil, scoring.Invalid("body", "is not JSON")
	}
	data := unwrapped(d.Body)
	var in struct {
		Name       string          `json:"name"`
		Key        string          `json:"key"`
		Subject    string          `json:"subject"`
		WorkflowID string          `json:"workflow_id"`
		Value      scoring.Value   `json:"value"`
		ObservedAt time.Time       `json:"observed_at"`
		Payload    json.RawMessage `json:"payload"`
	}
	if isObject(data) {
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
		}
	}
	key := first(in.Key, in.Subject, in.WorkflowID, d.Subject)
	if key == "" && in.Name == "" && !in.Value.IsSet() {
		return nil, nil
	}
	payload := in.Payload
	if payload == nil {
		payload = data
	}
	return []scoring.Outcome{{
		Name:       first(in.Name, d.Type),
		Key:        key,
		Value:      in.Value,
		Payload:    payload,
		ObservedAt: in.ObservedAt,
	}}, nil
}

// unwrapped returns the member "data" of an envelope, or the body itself.
func unwrapped(body []byte) json.RawMessage {
	var envelope struct {
		Name json.RawMessage `json:"name"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &envelope) == nil && envelope.Name == nil && isObject(envelope.Data) {
		return envelope.Data
	}
	return body
}
