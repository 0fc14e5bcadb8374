package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Limits of a bundle.
const (
	MaxBundle      = 100       // batches
	MaxBundleBytes = 512 << 10 // of JSON
)

// Bundle is what travels as one: batches of several callers. None of them can fail another.
type Bundle struct {
	Batches []Batch `json:"batches"`
}

// ID returns the id of the execution that carries b. The same content has the same id: who does not know whether a start was
// taken starts it again.
func (b Bundle) ID() (string, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "verdict/bundle/" + hex.EncodeToString(sum[:16]), nil
}

// Bundled has the reply to each batch of a bundle, in their order.
type Bundled struct {
	Replies []Reply `json:"replies"`
}

// Reply says what became of a batch.
type Reply struct {
	Recorded
	// Refused is why the batch is not recorded and never will be; nil: it is recorded, or held.
	Refused *Refused `json:"refused,omitempty"`
}

// Refused is an error that travels.
type Refused struct {
	Type    string `json:"type"` // one of the stable error types
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// refusedFor returns err in a form that travels; nil if err is one that a further try may mend.
func refusedFor(err error) *Refused {
	var invalid *scoring.InvalidError
	var application *temporal.ApplicationError
	switch {
	case errors.As(err, &invalid):
		return &Refused{Type: scoring.ErrorTypeInvalid, Field: invalid.Field, Message: invalid.Reason}
	case errors.Is(err, store.ErrAmbiguous):
		return &Refused{Type: ErrorTypeAmbiguous, Message: err.Error()}
	case errors.As(err, &application) && application.NonRetryable():
		return &Refused{Type: application.Type(), Message: application.Message()}
	}
	return nil
}

// Err returns the error that r stands for: a [scoring.InvalidError], store.ErrAmbiguous or store.ErrNotFound. Nil for nil.
func (r *Refused) Err() error {
	if r == nil {
		return nil
	}
	text := errors.New(r.Message)
	switch r.Type {
	case scoring.ErrorTypeInvalid:
		return scoring.Invalid(r.Field, "%s", r.Message)
	case ErrorTypeAmbiguous:
		return errors.Join(store.ErrAmbiguous, text)
	case ErrorTypeNotFound:
		return errors.Join(store.ErrNotFound, text)
	}
	return text
}

// together is how many batches of a bundle are written at a time: stores let concurrent writes share a transaction.
const together = 16

// Bundle writes the batches of a bundle. One that is refused is in its reply and in the ledger, and the others are written all the
// same. It fails, to be tried again, while one could not be written.
func (s *Set) Bundle(ctx context.Context, b Bundle) (Bundled, error) {
	ctx, stop := beating(ctx)
	defer stop()
	replies, errs := make([]Reply, len(b.Batches)), make([]error, len(b.Batches))
	var all errgroup.Group
	all.SetLimit(together)
	for i, batch := range b.Batches {
		all.Go(func() error {
			replies[i], errs[i] = s.take(ctx, batch)
			return nil
		})
	}
	_ = all.Wait()
	return Bundled{replies}, errors.Join(errs...)
}

// take writes one batch of a bundle.
func (s *Set) take(ctx context.Context, b Batch) (a Reply, err error) {
	b.mend()
	id, err := b.WorkflowID() // as if it travelled alone
	if err != nil {
		return a, err
	}
	if b.RunKey != "" {
		a.Recorded, err = s.recordKeyed(ctx, b, id)
	} else {
		err = s.record(ctx, b)
	}
	if a.Refused = refusedFor(err); a.Refused == nil {
		return a, err
	}
	run, _ := b.run()
	activity.GetLogger(ctx).Error("Verdict refuses what was handed over", "Run", run.String(), "Key", b.RunKey, "Error", err)
	return a, s.Store.Reject(ctx, store.Rejection{
		Source: string(b.source()), DeliveryID: id, Reason: scoring.Clip(a.Refused.Err().Error(), scoring.MaxReason), At: b.at(s.now()),
	})
}

// source is where b comes from.
func (b Batch) source() scoring.Source {
	if len(b.Records) > 0 && b.Part == nil {
		return b.Records[0].Source
	}
	return scoring.FromWorkflow
}

// at is when b was made; now if it does not say so.
func (b Batch) at(now time.Time) time.Time {
	switch {
	case len(b.Records) > 0 && !b.Records[0].RecordedAt.IsZero():
		return b.Records[0].RecordedAt
	case b.Flush != nil && !b.Flush.At.IsZero():
		return b.Flush.At
	}
	return now
}
