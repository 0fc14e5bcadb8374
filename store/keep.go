package store

import (
	"context"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Keeper keeps what services say: about a run that is named by a key, which the run declares or will declare, and once a request.
type Keeper interface {
	// RecordKeyed records scores about the run that declared a key. While no run has, the store holds them: the ledger
	// lists them as Held, and the first run that declares the key gets them, in their order, as if they were recorded
	// then. It returns ErrAmbiguous if several runs have declared the key. Holding the same again changes nothing. With a
	// Request the call is idempotent: the same request again changes nothing, and one with another digest returns
	// ErrConflict.
	RecordKeyed(ctx context.Context, k Keyed) (KeyedReceipt, error)
	// RecordOnce records like Recorder.Record, and remembers a request's key with its digest, in one transaction. A key that is
	// remembered with the same digest changes nothing, and first is false; one that is remembered with another digest is
	// ErrConflict. With no records the key is remembered, and nothing else. The key is at most 1000 bytes.
	RecordOnce(ctx context.Context, key, digest string, records []scoring.Record) (first bool, err error)
	// ReleaseHeld records the scores held for keys that runs have declared since. That happens when a release that cannot
	// hold scores has written the declaration, or when very many scores are held for a key. Scores held for a key that
	// several runs have declared are rejected. It returns how many scores it released or rejected.
	ReleaseHeld(ctx context.Context) (released int, err error)
	// ExpireHeld rejects scores held since before the given time: no run has declared their key, and none is expected to.
	// It returns how many there were.
	ExpireHeld(ctx context.Context, before time.Time) (expired int, err error)
}

// Keyed has scores about the run that declares a key.
type Keyed struct {
	// Key is at most scoring.MaxKey bytes. Namespace is the one of the runs that may be meant; empty: any.
	Key, Namespace string
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
