package scoring

import (
	"cmp"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Outcome is an event from outside that says what really happened: a pull request was merged, a charge cleared.
type Outcome struct {
	// ID is unique for the event and the same in every delivery of it: a delivery id. At most [MaxOutcomeID] bytes.
	ID string `json:"id"`
	// Name says what kind of thing happened, such as "pull_request.merged". At most [MaxName] bytes.
	Name string `json:"name"`
	// Key names the thing that it happened to, such as "octo/hello#12". At most [MaxKey] bytes.
	Key string `json:"key"`
	// Value is optional.
	Value Value `json:"value"`
	// Payload is optional JSON for a scorer's own predicate. At most [MaxPayload] bytes.
	Payload json.RawMessage `json:"payload,omitempty"`
	// ObservedAt is when it happened, as its source says. The zero time means ReceivedAt.
	ObservedAt time.Time `json:"observed_at,omitzero"`
	// ReceivedAt is when it reached Verdict.
	ReceivedAt time.Time `json:"received_at,omitzero"`
	// Source says who told: "github", "stripe", "cli".
	Source string `json:"source,omitempty"`
	// Namespace is the Temporal namespace of the receiver: the outcome counts for runs of it alone. Empty: for all. Received in
	// several namespaces, it counts in each of them once.
	Namespace string `json:"namespace,omitempty"`
	// Retried marks a delivery that may have been kept already, on another way: with the same ReceivedAt it is the same one.
	// It is not kept.
	Retried bool `json:"retried,omitempty"`
}

// Validate refuses an outcome without id, name or key, and one that breaks a limit.
func (o Outcome) Validate() error {
	if err := checkText("outcome id", o.ID, MaxOutcomeID, true); err != nil {
		return err
	}
	if err := CheckName("outcome name", o.Name); err != nil {
		return err
	}
	if err := checkText("outcome key", o.Key, MaxKey, true); err != nil {
		return err
	}
	if len(o.Payload) > MaxPayload {
		return Invalid("payload", "%d bytes, at most %d are allowed", len(o.Payload), MaxPayload)
	}
	if len(o.Payload) > 0 && !json.Valid(o.Payload) {
		return Invalid("payload", "not valid JSON")
	}
	if !utf8.Valid(o.Payload) {
		return Invalid("payload", "not valid UTF-8")
	}
	if err := CheckTime("observed at", o.ObservedAt); err != nil {
		return err
	}
	if err := CheckTime("received at", o.ReceivedAt); err != nil {
		return err
	}
	if o.Namespace != "" {
		if err := CheckID("namespace", o.Namespace); err != nil {
			return err
		}
	}
	return CheckKey("source", o.Source)
}

// Tidy returns o with the payload that it was sent with: on its way <, >, &, U+2028 and U+2029 become escapes of six bytes, and
// with them it may be longer than [MaxPayload].
func (o Outcome) Tidy() Outcome {
	if len(o.Payload) > 0 {
		o.Payload = unescaped(o.Payload)
	}
	return o
}

// Mark stands for the id where many of them travel: a digest of 32 characters.
func (o Outcome) Mark() string { return mark(o.ID) }

// When returns the time that decides whether o is in a window: when it was observed, or received if its source did not
// say. A time later than the receipt is taken as the receipt: nothing is observed before it happens.
func (o Outcome) When() time.Time {
	if o.ObservedAt.IsZero() || (!o.ReceivedAt.IsZero() && o.ObservedAt.After(o.ReceivedAt)) {
		return o.ReceivedAt
	}
	return o.ObservedAt
}

// Compare orders outcomes by when they happened and then by id, so that every process sees the same order.
func (o Outcome) Compare(p Outcome) int {
	return cmp.Or(o.When().Compare(p.When()), cmp.Compare(o.ID, p.ID))
}

// Before tells whether o comes before p in the order of [Outcome.Compare].
func (o Outcome) Before(p Outcome) bool { return o.Compare(p) < 0 }
