package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// source is the source of outcomes that come through the API and say none.
const source = "api"

// outcomeRequest is the body of POST /v1/outcomes.
type outcomeRequest struct {
	// ID is the same for every delivery of the event. It is the idempotency key as well; one of the two is enough, and
	// without either the event is a new one each time.
	ID         string          `json:"id,omitempty"`
	Name       string          `json:"name"`
	Key        string          `json:"key"`
	Value      value           `json:"value"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	ObservedAt strictjson.Time `json:"observed_at,omitzero"`
	Source     string          `json:"source,omitempty"`

	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// outcomeAnswer describes the held outcome.
type outcomeAnswer struct {
	ID string `json:"id"`
	// Repeated tells that the event was delivered before.
	Repeated bool `json:"repeated,omitempty"`
}

func (a *api) outcomes(r *http.Request, body []byte) (int, any, error) {
	var in outcomeRequest
	if err := decode(body, &in); err != nil {
		return 0, nil, err
	}
	key, err := idempotency(r, in.IdempotencyKey)
	if err != nil {
		return 0, nil, err
	}
	in.IdempotencyKey = ""
	if in.ID == "" {
		in.ID = key
	}
	if key != "" && key != in.ID {
		return 0, nil, scoring.Invalid("outcome id", "an event has one id: id and the idempotency key are different")
	}
	named := in.ID != ""
	if !named {
		in.ID = uuid.NewString()
	}
	o := scoring.Outcome{
		ID: in.ID, Name: in.Name, Key: in.Key, Value: in.Value.Value, Payload: in.Payload,
		ObservedAt: in.ObservedAt.Time, ReceivedAt: time.Now().UTC(), Source: in.Source,
	}
	if o.Source == "" {
		o.Source = source
	}
	if err := o.Validate(); err != nil {
		return 0, nil, err
	}
	first := true
	if named {
		if first, err = a.remember(r.Context(), in); err != nil {
			return 0, nil, err
		}
	}
	duplicate, err := a.Deliver(r.Context(), o)
	if err != nil {
		return 0, nil, err
	}
	status := http.StatusCreated
	if !first || duplicate {
		status = http.StatusOK
	}
	return status, outcomeAnswer{o.ID, !first || duplicate}, nil
}

// remember keeps an event's id with a digest of its content, before the event is handed over: handing over is
// idempotent by the id, so a crash in between loses nothing. A store that is away must not keep Temporal from holding
// the event; then another event of the same id goes unnoticed, but still changes nothing.
func (a *api) remember(ctx context.Context, in outcomeRequest) (first bool, err error) {
	hash, err := digest(in)
	if err != nil {
		return false, err
	}
	first, err = a.once(ctx, "outcomes/"+in.ID, hash)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		a.Logger.Warn("an outcome's id could not be remembered", "outcome", in.ID, "error", err)
		return true, nil
	}
	return first, err
}
