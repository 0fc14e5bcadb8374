package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

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

// load is the content of a bundle, or of a queue for one.
type load struct{ items, bytes int }

// full tells whether nothing more has room.
func (l load) full() bool { return l.items >= MaxBundle || l.bytes >= MaxBundleBytes }

// hasRoom tells whether an item of so many bytes of JSON has room, among at most most bytes. An empty bundle has room for any.
func (l load) hasRoom(size, most int) bool {
	return l.items == 0 || l.items < MaxBundle && l.bytes+size+len(",") <= most
}

func (l *load) add(size int) {
	l.items++
	l.bytes += size + len(",")
}

func (l *load) remove(size int) {
	l.items--
	l.bytes -= size + len(",")
}

// Groups returns the numbers of items, batches or outcomes, in groups that each have room in a bundle.
func Groups[T any](items []T) (all [][]int) {
	var in load
	for i, x := range items {
		size := Size(x)
		if len(all) == 0 || !in.hasRoom(size, MaxBundleBytes) {
			all, in = append(all, nil), load{}
		}
		in.add(size)
		last := &all[len(all)-1]
		*last = append(*last, i)
	}
	return all
}

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

// RefusedFor returns err in a form that travels; nil if err is one that a further try may mend.
func RefusedFor(err error) *Refused {
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

// atOnce is how many batches of a bundle are written at a time, all of them: stores let concurrent writes share a transaction.
const atOnce = MaxBundle

// together calls fn for n batches, several at a time, and returns its first error. With that the context of the other calls ends.
func together(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(atOnce)
	for i := range n {
		all.Go(func() error { return fn(ctx, i) })
	}
	return all.Wait()
}

// Bundle writes the batches of a bundle. One that is refused is in its reply and in the ledger, and the others are written all the
// same. It fails, to be tried again, while one could not be written.
func (s *Set) Bundle(ctx context.Context, b Bundle) (Bundled, error) {
	ctx, stop := beating(ctx)
	defer stop()
	replies, errs := make([]Reply, len(b.Batches)), make([]error, len(b.Batches))
	_ = together(ctx, len(b.Batches), func(ctx context.Context, i int) error {
		replies[i], errs[i] = s.writer(ctx).Take(ctx, b.Batches[i])
		return nil
	})
	return Bundled{replies}, errors.Join(errs...)
}
