// Package api is how a program in any language scores runs and delivers outcomes, by POST /v1/scores and POST /v1/outcomes on
// the worker, and reads what became of them, by GET. Bodies are JSON; every error is a [Problem]. POST /v1/bundles is for
// verdict.Client, and answers 200 with what became of each item; its body may change with each release.
//
// A GET is answered by 200, 400 for a wrong parameter, 401, 404, 405 or 503. A POST by:
//
//	201  new, and durably held
//	200  the idempotency key was used for the same request before: nothing has changed
//	202  durably held: no run has declared the run_key yet; the first to declare it gets the score
//	400  not one JSON object in UTF-8, a member that is unknown or appears twice, an integer beyond 2^53 that would be
//	     rounded, two idempotency keys
//	401  no token, or a wrong one
//	404  neither the server nor the store knows the run
//	405  neither a GET nor a POST
//	409  the idempotency key was used for another request
//	413  the body is too large
//	415  not application/json
//	422  a member is wrong; "field" says which
//	503  not held: try again after Retry-After
package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// maxBody is the largest body in bytes: the largest payload of an outcome, and as much again for the rest of it.
const maxBody = 2 * scoring.MaxPayload

// IdempotencyHeader is the header that names a request. The body's member "idempotency_key" does the same.
const IdempotencyHeader = "Idempotency-Key"

// Options configure the API.
type Options struct {
	Store store.Store
	// Temporal is asked for runs that the store may not know yet.
	Temporal runs.Server
	// Deliver hands over an outcome, and tells whether it was delivered before.
	Deliver func(context.Context, scoring.Outcome) (duplicate bool, err error)
	// Report returns the results of an experiment's version; store.ErrNotFound if it has no assignments.
	Report func(context.Context, store.ExperimentKey) (results.Experiment, error)
	// Namespace is the client's.
	Namespace string
	// TokenKeys open run tokens.
	TokenKeys [][]byte
	Logger    *slog.Logger
}

type api struct{ Options }

// New answers the routes, each behind the guard.
func New(g Guard, o Options) http.Handler {
	a := &api{o}
	posts := a.writings()
	gets := map[string]http.Handler{}
	for _, route := range a.readings() {
		gets[route.path] = a.get(route)
	}
	mux := http.NewServeMux()
	for path := range posts {
		mux.Handle(path, g.Protect(methods(gets[path], posts[path]), false))
	}
	for path := range gets {
		if posts[path] == nil {
			mux.Handle(path, g.Protect(methods(gets[path], nil), false))
		}
	}
	return mux
}

// writings are the routes that write, by path.
func (a *api) writings() map[string]http.Handler {
	return map[string]http.Handler{
		"/v1/scores": a.post(maxBody, a.scores), "/v1/outcomes": a.post(maxBody, a.outcomes), endpoint.Path: a.post(endpoint.MaxBody, a.bundles),
	}
}

// methods answers a path. It may lack GET or POST.
func methods(get, post http.Handler) http.Handler {
	var allowed []string
	if get != nil {
		allowed = append(allowed, http.MethodGet, http.MethodHead)
	}
	if post != nil {
		allowed = append(allowed, http.MethodPost)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case get != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			get.ServeHTTP(w, r)
		case post != nil && r.Method == http.MethodPost:
			post.ServeHTTP(w, r)
		default:
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			problem(http.StatusMethodNotAllowed, wrongMethod, "", "only "+strings.Join(allowed, ", ")).Write(w)
		}
	})
}

// post makes a handler of a function that answers with the status and the body of a success, or with an error.
func (a *api) post(most int64, do func(*http.Request, []byte) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestLimit)
		defer cancel()
		r = r.WithContext(ctx)
		status, answer, err := 0, any(nil), error(nil)
		body, err := read(w, r, most)
		if err == nil {
			status, answer, err = do(r, body)
		}
		if err != nil {
			a.refuse(w, r, a.problemOf(err), err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// refuse answers with a problem, and logs the error if it is ours.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, p *Problem, err error) {
	if p.Status >= http.StatusInternalServerError {
		a.Logger.Error("API request failed", "path", r.URL.Path, "error", err)
	}
	p.Write(w)
}

// requestLimit is how long a request may take. Then it is not held, and to be sent again.
const requestLimit = 8 * time.Second

// read checks the media type and the size.
func read(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		w.Header().Set("Accept-Post", "application/json")
		return nil, problem(http.StatusUnsupportedMediaType, wrongType, "Content-Type", "must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, problem(http.StatusRequestEntityTooLarge, tooLarge, "", fmt.Sprintf("the body is over %d bytes", most))
	case err != nil:
		return nil, problem(http.StatusBadRequest, invalid, "", "the body did not arrive")
	}
	return body, nil
}

// decode reads the one JSON object that body is, which says one thing to every reader. A member that is not known is a
// mistake: a misspelled one must not be lost in silence.
func decode(body []byte, to any) error {
	if err := strictjson.Check(body, "payload"); err != nil {
		var refused *strictjson.Error
		if errors.As(err, &refused) {
			return problem(http.StatusBadRequest, invalid, refused.Member, refused.Reason)
		}
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(to)
	var refused *scoring.InvalidError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil, errors.As(err, new(*Problem)):
		return err
	case errors.As(err, &refused) && refused.Field == "time":
		return problem(http.StatusUnprocessableEntity, invalid, "observed_at", refused.Reason)
	case errors.As(err, &refused):
		return err
	case errors.As(err, &kind):
		return problem(http.StatusUnprocessableEntity, invalid, kind.Field, "a JSON "+kind.Value+" is of the wrong type here")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem(http.StatusBadRequest, invalid, strings.Trim(name, `"`), "there is no such member")
	}
	return problem(http.StatusBadRequest, invalid, "", "the body is not a JSON object: "+err.Error())
}

// value is a number, a boolean or null in a body.
type value struct{ scoring.Value }

// UnmarshalJSON refuses an integer that would become another one.
func (v *value) UnmarshalJSON(data []byte) error {
	if strictjson.Rounded(data) {
		return problem(http.StatusBadRequest, invalid, "value", "an integer beyond 2^53 that would be rounded")
	}
	return v.Value.UnmarshalJSON(data)
}

// idempotency returns the key of a request: the header's or the body's, which must agree if both are given.
func idempotency(r *http.Request, inBody string) (string, error) {
	key := r.Header.Get(IdempotencyHeader)
	for _, other := range r.Header.Values(IdempotencyHeader) {
		if other != key {
			return "", problem(http.StatusBadRequest, invalid, IdempotencyHeader, "the request has two different keys")
		}
	}
	switch {
	case key == "":
		key = inBody
	case inBody != "" && inBody != key:
		return "", problem(http.StatusUnprocessableEntity, invalid, "idempotency_key", "the header and the body have different keys")
	}
	return key, scoring.CheckKey("idempotency_key", key)
}

// digest is a hash of a request's content.
func digest(request any) (string, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// problemOf makes a problem of any error. If it is not the caller's mistake, the request may have succeeded or not: the
// caller tries again.
func (a *api) problemOf(err error) *Problem {
	var p *Problem
	var refused *scoring.InvalidError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		return problem(http.StatusUnprocessableEntity, invalid, member(refused.Field), refused.Reason)
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, conflict, "idempotency_key", "the idempotency key was used for another request")
	case errors.Is(err, store.ErrAmbiguous):
		return problem(http.StatusUnprocessableEntity, ambiguous, "run_key", "several runs declared the key")
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, notFound, "", "neither the server nor the store knows the run")
	}
	return problem(http.StatusServiceUnavailable, unavailable, "", "not held, try again")
}

// member returns the name that a refused field has in a body.
func member(field string) string {
	switch field {
	case "outcome id":
		return "id"
	case "outcome name":
		return "name"
	case "outcome key":
		return "key"
	case "session key", "session id":
		return "sessions"
	}
	return strings.ReplaceAll(field, " ", "_")
}
