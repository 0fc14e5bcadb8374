package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/store"
)

// Answer waits for a recording that only the store can judge: store.ErrNotFound, store.ErrAmbiguous, or nil if it was
// recorded, is held by the store, or patience ran out. In the last case it is held by Temporal.
func Answer(ctx context.Context, recording Execution, patience time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := recording.Get(wait, nil)
	var application *temporal.ApplicationError
	switch {
	case err == nil, wait.Err() != nil, late(err):
		return nil
	case errors.As(err, &application) && application.Type() == ErrorTypeAmbiguous:
		return errors.Join(store.ErrAmbiguous, err)
	case errors.As(err, &application) && application.Type() == ErrorTypeNotFound:
		return errors.Join(store.ErrNotFound, err)
	}
	return err
}

// late tells whether err says that time ran out. The server's word may come a moment before the context's own.
func late(err error) bool {
	var deadline *serviceerror.DeadlineExceeded
	return errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded)
}

// Held tells whether a recording about a key is held: by the store, because no run has declared the key yet, or by
// Temporal, because the recording has not ended. Answer has returned nil, so one that has ended is read at once.
func Held(ctx context.Context, recording Execution) bool {
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var r Recorded
	if err := recording.Get(wait, &r); err != nil {
		return wait.Err() != nil // otherwise it is recorded, in a way that this caller's data converter cannot read
	}
	return r.Held
}
