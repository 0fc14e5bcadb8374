package openai

import (
	"cmp"
	"context"
	"errors"
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

// statuses are what well-known codes mean, for servers that answer an error with the status 200.
var statuses = map[string]int{
	"rate_limit_exceeded": http.StatusTooManyRequests, "rate_limit_error": http.StatusTooManyRequests, "RESOURCE_EXHAUSTED": http.StatusTooManyRequests,
	"invalid_api_key": http.StatusUnauthorized, "authentication_error": http.StatusUnauthorized, "permission_error": http.StatusForbidden,
	"invalid_request_error": http.StatusBadRequest, "model_not_found": http.StatusNotFound, "not_found_error": http.StatusNotFound,
	"overloaded_error": http.StatusServiceUnavailable, "server_error": http.StatusInternalServerError, "api_error": http.StatusInternalServerError,
}

// failure turns the error of a call into a verdict or a [judges.Error]. If the provider's content filter stops the
// question, that is a property of the sample and not a failure, so it is a verdict.
func failure(err error) (judges.Verdict, error) {
	e := &judges.Error{Err: err}
	var answer *answerError
	if errors.As(err, &answer) {
		if slices.Contains(answer.codes, "content_filter") {
			return judges.Declined(judges.Filtered, "the content filter withheld the question"), nil
		}
		e.Status, e.Err = answer.status, answer
	}
	if e.Class = class(answer, err); e.Retryable() && answer != nil {
		e.RetryAfter = retryAfter(answer.header, time.Now())
	}
	return judges.Verdict{}, e
}

func class(answer *answerError, err error) judges.Class {
	if answer == nil {
		return unanswered(err)
	}
	status := answer.status
	if status < 400 { // an error all the same
		for _, code := range answer.codes {
			if n, err := strconv.Atoi(code); err == nil && n >= 400 && n < 600 {
				status = n
				break
			}
			status = cmp.Or(statuses[code], status)
		}
	}
	switch {
	case status == http.StatusPaymentRequired || slices.ContainsFunc(answer.codes, func(c string) bool { return slices.Contains(spent, c) }):
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
	return judges.Protocol
}

// unanswered is the class of a call without an answer, or with one that could not be read.
func unanswered(err error) judges.Class {
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
