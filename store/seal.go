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
	// Unsealed returns the experiments that have assignments without a seal, those without a window included. It writes nothing
	// and reads one row an experiment, so it can be asked often.
	Unsealed(ctx context.Context) ([]Unsealed, error)
}

// Unsealed is an experiment that has assignments without a seal.
type Unsealed struct {
	ExperimentKey
	// Age is the time since the oldest of these assignments, by the store's clock; the longest duration if a release made one that
	// did not keep the time for the store to compare.
	Age time.Duration
}

// Sealing says which units to seal.
type Sealing struct {
	ExperimentKey
	// After is the time from a unit's assignment to its seal: window and grace.
	After time.Duration
}
