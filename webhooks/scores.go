package webhooks

import (
	"encoding/json"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// Scores is the mapping for senders that speak of outcomes in their own words. The body, or the member "data" of a body
// that has no "name" (the envelope of Standard Webhooks), is an object with
//
//	name         what happened; default: the delivery's type
//	key          the thing it happened to; "subject" and "workflow_id" are other names for it; default: the delivery's subject
//	value        optional: a number or a boolean; an integer beyond 2^53 must be one that a float64 holds
//	observed_at  optional: when it happened, RFC 3339; default: the delivery's
//	payload      optional: JSON for a scorer's predicate; default: the whole object
//
// A delivery without any key, name and value is not for us. One with a name or a value but no key is refused, as is a
// value of another type, and a body that says one of these twice or is not UTF-8. For a CloudEvent, its type and subject
// are enough.
func Scores(d Delivery) ([]scoring.Outcome, error) {
	if len(d.Body) > 0 && !json.Valid(d.Body) {
		return nil, scoring.Invalid("body", "is not JSON")
	}
	data, err := unwrapped(d.Body)
	if err != nil {
		return nil, err
	}
	var in struct {
		Name       string          `json:"name"`
		Key        string          `json:"key"`
		Subject    string          `json:"subject"`
		WorkflowID string          `json:"workflow_id"`
		Value      json.RawMessage `json:"value"`
		ObservedAt strictjson.Time `json:"observed_at"`
		Payload    json.RawMessage `json:"payload"`
	}
	var value scoring.Value
	if isObject(data) {
		if err := strictjson.Members(data, "name", "key", "subject", "workflow_id", "value", "observed_at", "payload"); err != nil {
			return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
		}
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
		}
		if value, err = valueOf(in.Value); err != nil {
			return nil, err
		}
	}
	key := first(in.Key, in.Subject, in.WorkflowID, d.Subject)
	if key == "" && in.Name == "" && !value.IsSet() {
		return nil, nil
	}
	payload := in.Payload
	if payload == nil {
		payload = data
	}
	return []scoring.Outcome{{
		Name:       first(in.Name, d.Type),
		Key:        key,
		Value:      value,
		Payload:    payload,
		ObservedAt: in.ObservedAt.Time,
	}}, nil
}

// unwrapped returns the member "data" of an envelope, or the body itself.
func unwrapped(body []byte) (json.RawMessage, error) {
	if !isObject(body) {
		return body, nil
	}
	if err := strictjson.Members(body, "name", "data"); err != nil {
		return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
	}
	var envelope struct {
		Name json.RawMessage `json:"name"`
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &envelope) == nil && envelope.Name == nil && isObject(envelope.Data) {
		return envelope.Data, nil
	}
	return body, nil
}

// valueOf reads a number, a boolean or null.
func valueOf(raw json.RawMessage) (v scoring.Value, err error) {
	if len(raw) == 0 {
		return v, nil
	}
	if strictjson.Rounded(raw) {
		return v, scoring.Invalid("value", "the integer %.40s is over 2^53 and would be rounded", raw)
	}
	return v, v.UnmarshalJSON(raw)
}
