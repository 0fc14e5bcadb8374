package store

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Keeper keeps scores about a run that is named by a key, which the run declares or will declare.
type Keeper interface {
	// RecordKeyed records scores about the run that declared a key. While no run has, the store holds them: the ledger
	// lists them as Held, and the first run that declares the key gets them, in their order, as if they were recorded
	// then. It returns ErrAmbiguous if several runs have declared the key. Holding the same again changes nothing. With a
	// Request the call is idempotent: the same request again changes nothing, and one with another digest returns
	// ErrConflict.
	RecordKeyed(ctx context.Context, k Keyed) (KeyedReceipt, error)
}

// Keyed has scores about the run that declares a key.
type Keyed struct {
	// Key is at most scoring.MaxKey bytes.
	Key string
	// Records have no run yet: their Run is ignored.
	Records []scoring.Record
	// DeliveryID names the call in the ledger.
	DeliveryID string
	// Request, if set, is the idempotency key of the call, and Digest the digest of its contents.
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
