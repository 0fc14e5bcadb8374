package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// scoreRequest is the body of POST /v1/scores. The run is named in one of three ways: by its ids, by a key that it
// declared, or by a token that it made. A whole session is named by its key and id.
type scoreRequest struct {
	WorkflowID string `json:"workflow_id,omitempty"`
	RunID      string `json:"run_id,omitempty"` // empty: the newest run of the workflow id
	RunKey     string `json:"run_key,omitempty"`
	Token      string `json:"token,omitempty"`

	// Session is what the score is about in place of a run.
	Session *scoring.Session `json:"session,omitempty"`

	Step scoring.Step `json:"step,omitzero"`
	Name string       `json:"name"`
	// State is "scored" when empty. Only a scored score has a value.
	State scoring.State `json:"state,omitempty"`
	Value value         `json:"value"`
	// Category is in place of a value.
	Category string `json:"category,omitempty"`
	// Key tells scores of one name on one subject apart. The same key again is a revision.
	Key        string            `json:"key,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	ObservedAt strictjson.Time   `json:"observed_at,omitzero"`
	Sessions   []scoring.Session `json:"sessions,omitempty"`

	IdempotencyKey string `json:"idempotency_key,omitempty"`
}

// scoreAnswer describes the recorded score.
type scoreAnswer struct {
	Run  scoring.Run  `json:"run,omitzero"`
	Step scoring.Step `json:"step,omitzero"`
	// Session is what the score is about in place of a run.
	Session  scoring.Session `json:"session,omitzero"`
	Name     string          `json:"name"`
	Key      string          `json:"key,omitempty"`
	State    scoring.State   `json:"state"`
	Value    scoring.Value   `json:"value"`
	Category string          `json:"category,omitempty"`
	// Held tells that no run has declared the key yet: the first to declare it gets the score.
	Held bool `json:"held,omitempty"`
	// Repeated tells that the same request was answered before.
	Repeated bool `json:"repeated,omitempty"`
}

func (a *api) scores(r *http.Request, body []byte) (int, any, error) {
	var in scoreRequest
	if err := decode(body, &in); err != nil {
		return 0, nil, err
	}
	key, err := idempotency(r, in.IdempotencyKey)
	if err != nil {
		return 0, nil, err
	}
	in.IdempotencyKey = ""
	hash, err := digest(in)
	if err != nil {
		return 0, nil, err
	}
	rec, err := a.record(r.Context(), in)
	if err != nil {
		return 0, nil, err
	}
	answer := scoreAnswer{Run: rec.Run, Step: rec.Step, Session: rec.Session, Name: rec.Name, Key: rec.Key, State: rec.State, Value: rec.Value, Category: rec.Category}
	switch {
	case in.RunKey != "":
		err = a.recordKeyed(r.Context(), in.RunKey, rec, key, hash, &answer)
	case key == "":
		err = a.Store.Record(r.Context(), []scoring.Record{rec})
	default:
		var first bool
		first, err = a.once(r.Context(), "scores/"+key, hash, rec)
		answer.Repeated = !first
	}
	switch {
	case err != nil:
		return 0, nil, err
	case answer.Repeated:
		return http.StatusOK, answer, nil
	case answer.Held:
		return http.StatusAccepted, answer, nil
	}
	return http.StatusCreated, answer, nil
}

// recordKeyed records about the run that declared a key, or has the store hold it until one does.
func (a *api) recordKeyed(ctx context.Context, runKey string, rec scoring.Record, key, digest string, answer *scoreAnswer) error {
	k := store.Keyed{Key: runKey, Namespace: a.Namespace, Records: []scoring.Record{rec}, DeliveryID: key}
	if key != "" {
		k.Request, k.Digest = "scores/"+key, digest
	}
	ctx, cancel := context.WithTimeout(ctx, onceLimit)
	defer cancel()
	receipt, err := a.Store.RecordKeyed(ctx, k)
	answer.Run, answer.Held, answer.Repeated = receipt.Run, receipt.Held, receipt.Repeated
	return err
}

// record makes the record that a request means.
func (a *api) record(ctx context.Context, in scoreRequest) (scoring.Record, error) {
	said := scoring.Score{
		Name: in.Name, State: cmp.Or(in.State, scoring.Scored), Value: in.Value.Value, Category: in.Category, Key: in.Key, Reason: in.Reason,
		ObservedAt: in.ObservedAt.Time, Sessions: in.Sessions,
	}
	rec := scoring.NewRecord(said, scoring.FromClient, scoring.Run{}, in.Step, time.Now().UTC())
	if err := rec.Score.Validate(); err != nil {
		return rec, err
	}
	var err error
	if in.Session != nil {
		rec.Session = *in.Session
		if in.WorkflowID+in.RunID+in.RunKey+in.Token != "" {
			return rec, scoring.Invalid("session", "a score is about a session or about a run, not about both")
		}
		if err := rec.Session.Validate(); err != nil {
			return rec, err
		}
		return rec, rec.Validate()
	}
	if rec.Run, err = a.run(ctx, in); err != nil {
		return rec, err
	}
	return rec, rec.Validate()
}

// run returns the run that a request names, after checking that it exists.
func (a *api) run(ctx context.Context, in scoreRequest) (scoring.Run, error) {
	named := 0
	for _, s := range []string{in.WorkflowID, in.RunKey, in.Token} {
		if s != "" {
			named++
		}
	}
	switch {
	case named != 1:
		return scoring.Run{}, scoring.Invalid("workflow id", "name the run in one way: workflow_id (and run_id), run_key, or token; or a session")
	case in.RunID != "" && in.WorkflowID == "":
		return scoring.Run{}, scoring.Invalid("workflow id", "a run_id needs its workflow_id")
	case in.RunKey != "":
		return scoring.Run{WorkflowID: "key", RunID: "key"}, scoring.CheckKey("run key", in.RunKey) // the store knows which
	case in.Token != "":
		return token.Open(a.TokenKeys, in.Token)
	}
	return runs.Find(ctx, a.Temporal, a.Store, scoring.Run{Namespace: a.Namespace, WorkflowID: in.WorkflowID, RunID: in.RunID})
}

// once records a request that has a key.
func (a *api) once(ctx context.Context, key, digest string, records ...scoring.Record) (first bool, err error) {
	// A store that hangs must not take the whole request's time: what Temporal can hold is held by Temporal.
	ctx, cancel := context.WithTimeout(ctx, onceLimit)
	defer cancel()
	return a.Store.RecordOnce(ctx, key, digest, records)
}

// onceLimit is how long a request waits for the store.
const onceLimit = 3 * time.Second
