package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Writer writes batches that others hand over to the store.
type Writer struct {
	Store store.Store
	// Namespace is the namespace of what does not name one: a client does not know its own.
	Namespace string
	// Known returns [Unknown] for a run that does not exist.
	Known func(context.Context, scoring.Run) error
	Log   log.Logger
}

// Take writes a batch. The reply says what became of it. One that is refused is in the ledger as well. An error means that a
// further try may help.
func (w Writer) Take(ctx context.Context, b Batch) (r Reply, err error) {
	id, err := b.WorkflowID() // as if it travelled alone
	if err != nil {
		return r, err
	}
	r.Recorded, err = w.write(ctx, b, id)
	if r.Refused = RefusedFor(err); r.Refused == nil {
		return r, err
	}
	run, _ := b.run()
	w.Log.Error("Verdict refuses a batch that was handed over", "Run", run.String(), "Key", b.RunKey, "Error", err)
	return r, w.Store.Reject(ctx, store.Rejection{
		Source: string(b.source()), DeliveryID: id, Reason: scoring.Clip(r.Refused.Err().Error(), scoring.MaxReason), At: b.at(time.Now().UTC()),
	})
}

// write writes a batch that has come by a delivery.
func (w Writer) write(ctx context.Context, b Batch, delivery string) (Recorded, error) {
	b.mend()
	if b.RunKey != "" {
		return w.writeKeyed(ctx, b, delivery)
	}
	for i := range b.Records {
		if b.Records[i].Run.Namespace == "" {
			b.Records[i].Run.Namespace = w.Namespace
		}
		if b.MustKnow {
			if err := w.Known(ctx, b.Records[i].Run); err != nil {
				return Recorded{}, err
			}
		}
	}
	for i := range b.Waits {
		if b.Waits[i].Run.Namespace == "" {
			b.Waits[i].Run.Namespace = w.Namespace
		}
	}
	_, err := b.Apply(ctx, w.Store)
	return Recorded{}, typed(err)
}

// writeKeyed writes scores about the run that declares a key, or has the store hold them.
func (w Writer) writeKeyed(ctx context.Context, b Batch, delivery string) (Recorded, error) {
	receipt, err := w.Store.RecordKeyed(ctx, store.Keyed{Key: b.RunKey, Namespace: w.Namespace, Records: b.Records, DeliveryID: delivery})
	if err != nil {
		return Recorded{}, typed(err)
	}
	if receipt.Held {
		w.Log.Info("Verdict: no run has declared the key yet; its scores are held until one does", "Key", b.RunKey)
	}
	return Recorded{Held: receipt.Held}, nil
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
