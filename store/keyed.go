package store

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Keeper keeps what is said about a run by a key that the run declares, or will declare.
type Keeper interface {
	// RecordKeyed records scores about the run that declared a key. While none has they are held: they stand in the ledger as
	// Held, and the first run that declares the key gets them as if they were said then for the first time, in the order in which they were
	// said. ErrAmbiguous if several runs have declared it. Holding the same again changes nothing. With a Request it is done
	// once, as an idempotent request: the same request again changes nothing, and ErrConflict is one with another digest.
	RecordKeyed(ctx context.Context, k Keyed) (KeyedReceipt, error)
}

// Keyed is what is said about the run that declares a key.
type Keyed struct {
	// Key is at most scoring.MaxKey bytes.
	Key string
	// Records have no run yet: what they say of one is not looked at.
	Records []scoring.Record
	// DeliveryID names the call in the ledger.
	DeliveryID string
	// Request, if set, is the idempotency key of the call, and Digest what the call says.
	Request, Digest string
}

// KeyedReceipt is what became of it.
type KeyedReceipt struct {
	// Run is the run that declared the key; the zero Run while none has.
	Run scoring.Run
	// Held tells that no run has declared the key yet.
	Held bool
	// Repeated tells that the request was made before.
	Repeated bool
}
