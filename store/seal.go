package store

import (
	"context"
	"time"
)

// Sealer keeps which units are sealed, in which order.
type Sealer interface {
	// Seal seals the units of an experiment whose window and grace have passed, by the store's clock, and returns how many.
	// Sealed units have positions, in the order of their assignments, that never change. A unit has none if it did not
	// count, if its run was reset away before its seal, or if the store learned of its assignment after its seal or after
	// a later unit was sealed: that is too late. Readers derive the same by themselves; Seal makes it rows, and may run
	// anywhere, at any time, in several processes at once.
	Seal(ctx context.Context, s Sealing) (sealed int, err error)
}

// Sealing says which units to seal.
type Sealing struct {
	ExperimentKey
	// After is the time from a unit's assignment to its seal: window and grace.
	After time.Duration
}
