package store

import (
	"context"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Folder keeps the analysis of the sealed units of an experiment, so that a report reads none of their rows again. The store
// does not know what it has: the state belongs to package analysis.
type Folder interface {
	// FoldRows returns the kept state of an experiment and the rows that it does not have yet, all as of one moment.
	FoldRows(ctx context.Context, q FoldQuery) (FoldRows, error)
	// KeepFold keeps a state that was made of rows, the marks that have changed, and that the touched units were looked at, in one
	// transaction. kept is false, and nothing has changed, if another state was kept since.
	KeepFold(ctx context.Context, rows FoldRows, next Folded, marks []Mark) (kept bool, err error)
	// Unfolded returns the experiments that have sealed units and something that is not in their state.
	Unfolded(ctx context.Context) ([]ExperimentKey, error)
	// LastSealed returns the position of the last sealed unit; 0: there is none.
	LastSealed(ctx context.Context, key ExperimentKey) (int64, error)
	// AwaitWrites waits until all writes are over that began before the call: what it finds then has all that they learned.
	AwaitWrites(ctx context.Context) error
}

// Folded is a state, and how far it goes.
type Folded struct {
	State    []byte // nil: there is none
	Revision int64
	Arrived  int64     // the row of the last assignment in it
	Position int64     // of the last unit in it
	At       time.Time // when it was kept, by the store's clock
}

// Mark is what a state's maker wants to know again of a unit when something about it changes.
type Mark struct {
	Position int64
	Data     []byte // nil: nothing
}

// FoldQuery says which rows to read.
type FoldQuery struct {
	ExperimentKey
	// Again leaves out the kept state, and reads from the first row.
	Again bool
	// AtMost is how many assignments, sealed units and touched units to read. 0: all.
	AtMost int
	// Position is the last sealed unit to read. 0: the last one; -1: none.
	Position int64
	// Rest reads the units without a seal as well. Of units whose seal is to come, After the assignment, it reads the runs and
	// scores only if these units are Open or fewer.
	Rest  bool
	Open  int
	After time.Duration
}

// FoldRows are the rows of an experiment that a state does not have. Parts of an experiment's rows have, with an assignment,
// all assignments of its unit and of the runs that a reset made of its run, and with a unit all runs and scores of its chains.
type FoldRows struct {
	ExperimentKey
	Folded
	// Now is the moment, by the store's clock.
	Now time.Time
	// Assignments are in the order of their rows. The first ones, Known in number, are in the state; IDs are the rows of the
	// others.
	Assignments []scoring.Assignment
	Known       int
	IDs         []int64
	// Sealed has the units with Folded.Position < position <= SealedTo.
	Sealed   experiments.Rows
	SealedTo int64
	// Touched has units of the state of which something was written since they were looked at, and Marks has their marks. LookedAt
	// identifies what the store has kept of that.
	Touched  experiments.Rows
	Marks    []Mark
	LookedAt []int64
	// MoreArrived tells that there may be more assignments than AtMost, and More that there may be more of the others.
	MoreArrived, More bool
	// Rest has the units without a seal and the ones that were known too late, and Left what the sealed assignments were that are
	// no units.
	Rest experiments.Rows
	Left Left
	// Pruned tells that rows of sealed units are deleted: without the state, there is no analysis of them.
	Pruned bool
}

// Left counts assignments that are no units: by how they were made, if that does not count, and of runs that were reset away
// before the seal.
type Left struct {
	By         map[scoring.AssignedBy]int `json:"by,omitempty"`
	Superseded int                        `json:"superseded,omitempty"`
}
