package experiments

import (
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Rows are a store's rows about an experiment: what its units are read from.
type Rows struct {
	// Assignments are in the order of their making.
	Assignments []scoring.Assignment
	// Records are whole histories, retracted revisions included: with current revisions alone, a correction after a unit's
	// window would remove the value that it corrected.
	Records []scoring.Record
	// LastSealed is when the last unit was assigned that the store has sealed, if the rows are a part of the experiment's. The
	// zero time: they are all.
	LastSealed time.Time
	// Runs are the facts of the runs of all assigned chains, and of the runs that inherited an assignment.
	Runs []scoring.RunFacts
}
