package openai

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/verdict-dev/verdict/judges"
)

var errNoChoices = errors.New("the server answered without a completion")

// maxRetryAfter bounds the wait that a server may ask for. If its limit lasts longer, asking again now and then is
// better.
const maxRetryAfter = time.Hour

// spent are the error codes that say that an account has nothing left. They come with status 429 too, like a rate limit,
// but waiting does not help.
var spent = []string{"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}

// failure turns the error of a call into a verdict or a [judges.Error]. If the provider's content filter stops the
// question, that is a property of the sample and not a failure, so it is a verdict.
func failure(header http.Header, err error) (judges.Verdict, error) {
	var (
		status int
		codes  []string
		api    *openai.APIError
		raw    *openai.RequestError
	)
	switch {
	case errors.As(err, &api):
		status, codes = api.HTTPStatusCode, []string{fmt.Sprint(api.Code), api.Type}
	case errors.As(err, &raw):
		status = raw.HTTPStatusCode
	}
	if slices.Contains(codes, "content_filter") {
		return judges.Declined(judges.Filtered, "the content filter withheld the question"), nil
	}
	e := &judges.Error{Class: class(status, codes, err), Status: status, Err: err}
	if e.Retryable() {
		e.RetryAfter = retryAfter(header, time.Now())
	}
	return judges.Verdict{}, e
}

func class(status int, codes []string, err error) judges.Class {
	switch {
	case status == http.StatusPaymentRequired || slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(spent, c) }):
		return judges.Quota
	case status == http.StatusTooManyRequests:
		return judges.RateLimited
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return judges.Unauthorized
	case status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return judges.Timeout
	case status >= 500, status == http.StatusConflict, status == http.StatusTooEarly:
		return judges.Unavailable
	case status >= 400:
		return judges.BadRequest
	}
	// There was no answer, or one that could not be read.
	var network net.Error
	var transport *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return judges.Timeout
	case errors.Is(err, openai.ErrChatCompletionInvalidModel):
		return judges.BadRequest
	case errors.As(err, &transport):
		return judges.Unavailable
	}
	return judges.Protocol
}

// retryAfter reads how long the server asks to wait: Retry-After-Ms, or Retry-After in seconds or as a date (RFC 9110
// §10.2.3). It returns 0 when the server sends none, or none that makes sense.
func retryAfter(header http.Header, now time.Time) time.Duration {
	if ms, ok := units(header.Get("Retry-After-Ms"), time.Millisecond); ok {
		return ms
	}
	text := header.Get("Retry-After")
	if s, ok := units(text, time.Second); ok {
		return s
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func units(text string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || n < 0 {
		return 0, false
	}
	return time.Duration(min(n*float64(unit), float64(maxRetryAfter))), true
}
