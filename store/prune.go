package store

import (
	"context"
	"time"
)

// Pruner deletes rows that are not needed for ever. No other call deletes rows. Each method returns how many it
// deleted, also when it fails half-way. It deletes in batches, each a transaction of some hundred rows, and may run next to everything
// else.
type Pruner interface {
	// PruneUnclaimed deletes the outcomes that were received before the given time and are unclaimed: no expectation has
	// met them, neither in time nor late. A deleted outcome meets no later expectation, and is new if it is delivered
	// again.
	PruneUnclaimed(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRequests forgets the idempotency keys that were used before the given time. A request with one of them is a new
	// one.
	PruneRequests(ctx context.Context, before time.Time) (pruned int, err error)
	// PruneRejections deletes the rejections that came before the given time.
	PruneRejections(ctx context.Context, before time.Time) (pruned int, err error)
	// Prune deletes the rows that are older than the ages that are given. Rows that a unit of an experiment is read from stay, unless the
	// experiment is one of p.Finished: scores, revisions and runs of its chains, and of runs that inherited an assignment. Deleted rows
	// stay in the counts.
	Prune(ctx context.Context, p Pruning) (Pruned, error)
}

// Pruning says which rows to delete: the ones that the store learned of before a time, by its own clock where it has kept that. A zero time
// deletes none.
type Pruning struct {
	// Scores deletes scores with all their revisions, if nothing was said of them since, and no scorer is to say more. Pending ones stay.
	Scores time.Time
	// Revisions deletes the revisions that do not hold. The score, the one that holds, stays. A statement that is deleted and then made
	// again counts as new, and holds if it is the latest.
	Revisions time.Time
	// Outcomes deletes received outcomes, claimed or not, once nothing can change the scores that they decided: their scorers have
	// settled, and the windows and the runs have ended, all of it before that time. The scores stay, and nothing changes them any more. An
	// outcome that is deleted meets no later expectation, and is new if it is delivered again.
	Outcomes time.Time
	// Runs deletes runs with everything that is known of them: facts, sessions, keys, scores, assignments, expectations, and the
	// outcomes that no other run's expectations have met. A run is old if it,
	// every other run of its chain, and each of its scores are, and if none of its scorers waits. One that has not said how it ended is
	// old if the last that it said is; make the age longer than a run may be open.
	Runs time.Time
	// Finished are the experiments whose rows may be deleted. All others are protected.
	Finished []ExperimentKey
	// DryRun counts the rows and deletes none.
	DryRun bool
}

// Pruned is how many rows were deleted, or would be. A score with several revisions, and a run with its scores, count as one.
type Pruned struct {
	Scores    int `json:"scores"`
	Revisions int `json:"revisions"`
	Outcomes  int `json:"outcomes"`
	Runs      int `json:"runs"`
}
