package judges

import (
	"errors"
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Class says what kind of failure an [Error] is. Classes are few and stable, so that they can be counted, and serve as
// application error types in Temporal.
type Class string

// The classes.
const (
	RateLimited  Class = "verdict.judge.RateLimited"  // too many requests; try again after RetryAfter
	Unavailable  Class = "verdict.judge.Unavailable"  // the provider is down, or was not reached
	Timeout      Class = "verdict.judge.Timeout"      // no answer in time
	Protocol     Class = "verdict.judge.Protocol"     // the provider's answer is not one of its API
	Quota        Class = "verdict.judge.Quota"        // the account has nothing left; trying again does not help
	Unauthorized Class = "verdict.judge.Unauthorized" // the key is missing, wrong or may not do this
	BadRequest   Class = "verdict.judge.BadRequest"   // the provider will never accept this request
)

// Error is a failure of something that a judge depends on. It is never a value, and means nothing for the sample.
type Error struct {
	Class Class
	// RetryAfter is how long the provider asks to wait. 0 when it does not say.
	RetryAfter time.Duration
	// Status is the HTTP status, or 0.
	Status int
	// Err is the cause.
	Err error
}

// maxErrorText bounds the text of a cause: providers answer with whole HTML pages, and the text goes into histories.
const maxErrorText = 512

func (e *Error) Error() string {
	text := "no cause given"
	if e.Err != nil {
		text = tidy(e.Err.Error())
	}
	if len(text) > maxErrorText {
		text = scoring.Clip(text, maxErrorText) + "…"
	}
	if e.Status != 0 {
		return fmt.Sprintf("judge: %s (HTTP %d): %s", e.Class, e.Status, text)
	}
	return fmt.Sprintf("judge: %s: %s", e.Class, text)
}

func (e *Error) Unwrap() error { return e.Err }

// Retryable tells whether the same call can succeed later.
func (e *Error) Retryable() bool {
	switch e.Class {
	case RateLimited, Unavailable, Timeout, Protocol:
		return true
	}
	return false
}

// Retry tells whether trying again can help after err, and how long the provider asks to wait, 0 when it does not say.
// An error that is not an [Error] is not retryable.
func Retry(err error) (after time.Duration, ok bool) {
	var e *Error
	if !errors.As(err, &e) || !e.Retryable() {
		return 0, false
	}
	return e.RetryAfter, true
}
