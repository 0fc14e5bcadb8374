// Package endpoint is the way from a service to the worker's HTTP API: what both say, and the service's side of it.
package endpoint

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/breaker"
	"github.com/verdict-dev/verdict/scoring"
)

// Path is where a worker takes a [Request].
const Path = "/v1/bundles"

// MaxBody is the largest body in bytes. Requests are made smaller; a single item may take more than a bundle.
const MaxBody = 2 << 20

// Request is the body of a POST to [Path]: scores of a service, as Temporal would carry them, and outcomes. Ids and times are in it,
// so that it may be said again on another way.
type Request struct {
	// Namespace is the one of the service's Temporal client. Empty: not known.
	Namespace string             `json:"namespace,omitempty"`
	Batches   []activities.Batch `json:"batches,omitempty"`
	Outcomes  []scoring.Outcome  `json:"outcomes,omitempty"`
}

// Response has the answer to each item of a request, in their order.
type Response struct {
	Batches  []Answer `json:"batches,omitempty"`
	Outcomes []Answer `json:"outcomes,omitempty"`
}

// Answer says what became of an item.
type Answer struct {
	activities.Reply
	// Repeated tells that an outcome was delivered before.
	Repeated bool `json:"repeated,omitempty"`
	// Away tells that the item is not held, and that another way may take it.
	Away bool `json:"away,omitempty"`
}

// isAway tells whether the store behind the endpoint took nothing.
func (r Response) isAway() bool {
	held := func(a Answer) bool { return !a.Away }
	return len(r.Batches)+len(r.Outcomes) > 0 && !slices.ContainsFunc(r.Batches, held) && !slices.ContainsFunc(r.Outcomes, held)
}

// ErrAway is the error of an endpoint that did not take a request, or is left alone.
var ErrAway = errors.New("verdict: the endpoint does not take it")

const (
	limit     = 4 * time.Second // of a request: a worker answers within 3 s that its store is busy
	leftAlone = time.Second     // an endpoint that failed
	sayEvery  = time.Minute
)

// Endpoint is a worker's HTTP API. It is safe for concurrent use.
type Endpoint struct {
	base, token, namespace string
	http                   *http.Client
	breaker                breaker.Breaker

	mu   sync.Mutex
	said time.Time // when it was last logged that it fails
}

// New returns the endpoint with a base URL and a token, which may be empty.
func New(url, token, namespace string, h *http.Client) *Endpoint {
	own := http.Client{}
	if h != nil {
		own = *h
	}
	// Who follows a redirect may hand the token to another host.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Endpoint{
		base: strings.TrimSuffix(url, "/"), token: token, namespace: namespace, http: &own,
		breaker: breaker.Breaker{Pause: leftAlone, Longest: leftAlone},
	}
}

// Send posts a request. An error, which is ErrAway, says that another way is to be tried; the request may have been taken.
func (e *Endpoint) Send(ctx context.Context, r Request) (a Response, err error) {
	if err := ctx.Err(); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAway, err)
	}
	yes, probe := e.breaker.Enter()
	if !yes {
		return a, ErrAway
	}
	a, err = e.post(ctx, r)
	said := breaker.Answers
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		said = breaker.Unknown
	case err != nil:
		said = breaker.Away
		e.say(err)
	case a.isAway(): // the next caller would wait as long for nothing
		said = breaker.Away
	}
	e.breaker.Leave(probe, said)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrAway, err)
	}
	return a, nil
}

// say logs why the endpoint fails, once a minute: the other way hides it.
func (e *Endpoint) say(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.said) >= sayEvery {
		e.said = time.Now()
		slog.Warn("Verdict's endpoint does not take scores and outcomes; they go through Temporal", "Endpoint", e.base, "Error", err)
	}
}

// timeFor is how long a request may take: half of what the caller has, so that the other way has the rest.
func timeFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return limit
	}
	return min(limit, time.Until(deadline)/2)
}

func (e *Endpoint) post(ctx context.Context, r Request) (a Response, err error) {
	r.Namespace = cmp.Or(r.Namespace, e.namespace)
	body, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeFor(ctx))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.base+Path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	if e.token != "" {
		request.Header.Set("Authorization", "Bearer "+e.token)
	}
	response, err := e.http.Do(request)
	if err != nil {
		return a, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxBody))
	if err != nil {
		return a, err
	}
	if response.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s: %s", response.Status, scoring.Clip(string(answer), 500))
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, err
	}
	if len(a.Batches) != len(r.Batches) || len(a.Outcomes) != len(r.Outcomes) {
		return a, errors.New("it answers to something else")
	}
	return a, nil
}
