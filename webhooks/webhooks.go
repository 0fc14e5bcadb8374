package webhooks

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Sink keeps outcomes. It is called from many goroutines at once.
type Sink interface {
	// Deliver returns nil only once o is durably held. An outcome whose id is held already is nil as well. It returns soon
	// after ctx is done. A [scoring.InvalidError] means that the same outcome will always be refused, and the sender
	// learns that; after any other error the sender tries again.
	Deliver(ctx context.Context, o scoring.Outcome) error
}

// SinkFunc is a function that is a [Sink].
type SinkFunc func(ctx context.Context, o scoring.Outcome) error

// Deliver calls f.
func (f SinkFunc) Deliver(ctx context.Context, o scoring.Outcome) error { return f(ctx, o) }

// Request is an HTTP request whose body has been read.
type Request struct {
	Header http.Header
	Query  url.Values
	// Body is the raw body, which signatures cover.
	Body []byte
	// At is when it was received.
	At time.Time
}

// Delivery is one event of a verified request.
type Delivery struct {
	// Provider is [Verifier.Provider].
	Provider string
	// ID is the same whenever the event is delivered again.
	ID string
	// Type is the kind of event, as the provider names it; empty when it has no name for it.
	Type string
	// Subject is the subject of the event, where the provider has a place for it apart from the body (CloudEvents).
	Subject string
	// Body is the event as JSON. CloudEvents may carry other media types: see Attributes["datacontenttype"].
	Body []byte
	// Attributes are the decoded context attributes of a CloudEvent, extensions included. Nil for other providers.
	Attributes map[string]string
	// Header is the header of the request. The signatures of most providers do not cover it.
	Header http.Header
	// ReceivedAt is when the request came in.
	ReceivedAt time.Time
	// ObservedAt is when the event happened, as its sender says. Zero when it does not say.
	ObservedAt time.Time
	// Test tells that the provider sent it from its test mode, and that the scheme takes such events.
	Test bool
}

// Mapping turns a delivery into outcomes: none ("not for us"), one or several. It is a pure function, so that the same
// delivery means the same outcomes each time. It sets Name, Key and, where there is one, Value, Payload and ObservedAt
// of each outcome; the handler fills in empty fields: ID from the delivery's id and the outcome's place in the result,
// ObservedAt and ReceivedAt from the delivery, and Source. An error means that a delivery should have been an outcome
// but cannot be read as one: it is refused for good.
type Mapping func(d Delivery) ([]scoring.Outcome, error)

// Combine returns a mapping that gives the outcomes of all of the mappings, in order. When mappings are added, add them at
// the end: an outcome's id has its place in it.
func Combine(mappings ...Mapping) Mapping {
	return func(d Delivery) ([]scoring.Outcome, error) {
		var all []scoring.Outcome
		for _, m := range mappings {
			out, err := m(d)
			if err != nil {
				return nil, err
			}
			all = append(all, out...)
		}
		return all, nil
	}
}

// Scheme is the configuration of a way of signing deliveries. The schemes of this package are structs; a user may add one.
type Scheme interface {
	// Verifier checks the configuration. It refuses one without a secret with a [scoring.InvalidError].
	Verifier() (Verifier, error)
}

// Verifier checks and reads requests. It is safe for concurrent use.
type Verifier interface {
	// Provider is the scheme's name, such as "github".
	Provider() string
	// Verify checks that r is authentic and recent, and only that. A refusal is a [VerifyError].
	Verify(r Request) error
	// Parse reads the events of a verified request. A refusal is a [VerifyError], or several of them joined for the events of
	// a batch; the events that could be read come with it.
	Parse(r Request) (Parsed, error)
}

// Parsed is the content of a verified request.
type Parsed struct {
	// Deliveries are its events. A ping or a challenge has none.
	Deliveries []Delivery
	// Answer, if not nil, is the body that the provider needs to see on success, with status 200.
	Answer *string
	// Ignored says why an authentic event is not for us, for the sender's log and ours; empty if nothing was ignored.
	Ignored string
}

// VerifyError is why a request was refused.
type VerifyError struct {
	// Status is the HTTP status of the answer to the sender.
	Status int
	// Reason says why, without any secret in it.
	Reason string
	// DeliveryID is the id that the request claims, if it is known. When verification failed it may be forged.
	DeliveryID string
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("verdict: webhook refused with %d: %s", e.Status, e.Reason)
}

// refuse returns a [VerifyError] with a formatted reason.
func refuse(status int, format string, args ...any) error {
	return &VerifyError{Status: status, Reason: fmt.Sprintf(format, args...)}
}
