package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// GitHub asks GitHub's REST API, one request at a time, and waits when GitHub asks for it.
type GitHub struct {
	// URL is the API's, without a slash at its end: https://api.github.com, or https://HOST/api/v3 of an Enterprise Server.
	URL string
	// Token is sent as a bearer token unless it is empty. Without one GitHub answers 60 requests an hour.
	Token string
	// Client makes the requests.
	Client *http.Client
	// Waiting, if not nil, is called before a wait, with its length and reason.
	Waiting func(d time.Duration, why string)

	now   func() time.Time                           // nil: time.Now
	pause func(context.Context, time.Duration) error // nil: a timer
}

// AnswerError is an answer of the provider's about one thing that cannot be used.
type AnswerError struct {
	Path   string
	Status int // 0: the answer itself is wrong, or there was none
	Reason string
}

func (e *AnswerError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("GitHub answered %d %s to %s%s", e.Status, http.StatusText(e.Status), e.Path, e.Reason)
	}
	return fmt.Sprintf("GitHub, %s: %s", e.Path, e.Reason)
}

// NoTimeError means that the provider asks for a longer wait than the deadline allows.
type NoTimeError struct {
	Wait time.Duration
	Why  string
}

func (e *NoTimeError) Error() string {
	return fmt.Sprintf("%s; the next request is allowed in %s, after the deadline", e.Why, e.Wait.Round(time.Second))
}

const (
	attempts     = 4                // for one request
	firstPause   = time.Second      // after an error of the server's; doubled each time
	blindPause   = time.Minute      // after a rate limit that does not say how long, as GitHub's documentation asks
	maxPause     = 65 * time.Minute // a rate limit lasts an hour at most
	requestLimit = 30 * time.Second
	maxBody      = 8 << 20 // a longer body is cut, and then is not JSON
)

// get makes a request, again if need be, and decodes the answer. An answer that concerns this request alone is an
// *[AnswerError]; every other error would meet the next request as well.
func (g *GitHub) get(ctx context.Context, path string, to any) error {
	for attempt := 1; ; attempt++ {
		again, err := g.try(ctx, path, to)
		if err == nil || again == 0 || attempt == attempts {
			return err
		}
		if err := g.wait(ctx, max(again, firstPause<<(attempt-1)), err.Error()); err != nil {
			return err
		}
	}
}

// wait waits, unless there is no time for it.
func (g *GitHub) wait(ctx context.Context, d time.Duration, why string) error {
	deadline, bounded := ctx.Deadline()
	if d > maxPause || (bounded && !g.clock().Add(d).Before(deadline)) {
		return &NoTimeError{d, why}
	}
	if g.Waiting != nil {
		g.Waiting(d, why)
	}
	if g.pause != nil {
		return g.pause(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *GitHub) clock() time.Time {
	if g.now != nil {
		return g.now()
	}
	return time.Now()
}

// try makes one request. With an error it returns how long to wait before another try; 0 if that would not help.
func (g *GitHub) try(ctx context.Context, path string, to any) (again time.Duration, err error) {
	requestCtx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(requestCtx, http.MethodGet, g.URL+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	req.Header.Set("User-Agent", "verdict")
	if g.Token != "" {
		req.Header.Set("Authorization", "Bearer "+g.Token)
	}
	resp, err := g.Client.Do(req)
	var body []byte
	if err == nil {
		defer resp.Body.Close()
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	}
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return firstPause, &AnswerError{Path: path, Reason: err.Error()}
	case resp.StatusCode != http.StatusOK:
		return g.refusal(path, resp, body)
	}
	if json.Unmarshal(body, to) != nil {
		return 0, &AnswerError{Path: path, Reason: "cannot read the answer's JSON"}
	}
	return 0, nil
}

// refusal interprets an answer that is not a success.
func (g *GitHub) refusal(path string, resp *http.Response, body []byte) (again time.Duration, err error) {
	message := said(body)
	refused := &AnswerError{Path: path, Status: resp.StatusCode, Reason: message}
	again = g.asked(resp.Header)
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized:
		return 0, fmt.Errorf("GitHub refuses the token: %d%s", status, message)
	case status == http.StatusForbidden && again == 0 && !strings.Contains(strings.ToLower(message), "rate limit"):
		return 0, refused // the token may not see it
	case status == http.StatusForbidden, status == http.StatusTooManyRequests:
		if again == 0 {
			again = blindPause
		}
		return again, fmt.Errorf("GitHub's rate limit is reached: %d%s", status, message)
	case status >= 500:
		return max(again, firstPause), refused
	}
	return 0, refused
}

// asked returns how long an answer asks to wait, at least a second; 0 if it does not ask.
func (g *GitHub) asked(h http.Header) time.Duration {
	after := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(after, 10, 32); err == nil && seconds >= 0 {
		return max(time.Second, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(time.Second, at.Sub(g.clock()))
	}
	if h.Get("X-RateLimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			// A second more: clocks differ, and the limit ends in the course of that second.
			left := min(max(0, reset-g.clock().Unix()), int64(24*time.Hour/time.Second))
			return time.Duration(left)*time.Second + time.Second
		}
	}
	return 0
}

// said returns what GitHub says in an answer that is no success.
func said(body []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &m) != nil || m.Message == "" {
		return ""
	}
	return fmt.Sprintf(": %.200q", m.Message)
}
