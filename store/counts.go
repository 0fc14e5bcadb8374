package store

import (
	"context"
	"time"
)

// Counter keeps counts, so that a question about all scores costs the same at ten thousand and at ten million of them.
type Counter interface {
	// Counts returns how many there are of something, at the price of one row for each different answer. It counts all rows that are
	// committed before the call; AsOf says until when the passing of time is in it.
	Counts(ctx context.Context, f CountFilter) (Counts, error)
	// FoldCounts makes counts cheaper to read: it adds up what writes have noted one by one. It changes no answer, and may run
	// anywhere, at any time, in several processes at once. It returns how many notes it added up.
	FoldCounts(ctx context.Context) (folded int, err error)
}

// Counted says which rows are counted.
type Counted string

// The kinds of rows. Rows that a prune has deleted stay counted.
const (
	// CountScores counts the scores that hold: neither retracted, nor of a run that was reset away. A score's day is the one on
	// which it was said last, its build the one that its run says.
	CountScores Counted = "score"
	// CountRuns counts the runs that were not reset away, by workflow type, how they ended (empty: not yet, or not known), and
	// the activity type that made them fail. A run's day is the one of its start.
	CountRuns Counted = "run"
	// CountOutcomes counts outcomes by what became of them, and the day on which they were received.
	CountOutcomes Counted = "outcome"
	// CountDeliveries counts deliveries of outcomes: more than outcomes means duplicates.
	CountDeliveries Counted = "delivery"
	// CountRejections counts refused deliveries, by their source.
	CountRejections Counted = "rejection"
	// CountHeld counts scores that are held until a run declares their key.
	CountHeld Counted = "held"
)

// Valid tells whether c is one of the above.
func (c Counted) Valid() bool {
	switch c {
	case CountScores, CountRuns, CountOutcomes, CountDeliveries, CountRejections, CountHeld:
		return true
	}
	return false
}

// Dimension is something that counts are broken down by.
type Dimension string

// The dimensions. Counts are always by name and state.
const (
	ByStep  Dimension = "step"
	ByBuild Dimension = "build" // not within a Slice
	ByDay   Dimension = "day"
	// ByCategory is of scores that have categories.
	ByCategory Dimension = "category"
)

// CountFilter says what to count. The zero filter is refused: Of is needed.
type CountFilter struct {
	Of Counted
	// Name keeps to scores or outcomes of a name, or to runs of a workflow type.
	Name string
	// Since and Until keep to whole days, in UTC: from the day of Since to the one before Until, or that of Until if Until is not
	// midnight. Zero: no limit. What has no known day is in neither.
	Since, Until time.Time
	// By are the dimensions to break down by.
	By []Dimension
	// Slice breaks down by the values of a slice of the runs, and keeps to runs that have it: see SliceOfExperiment and
	// SliceOfAttribute. For scores and runs only. Slices are counted one by one, not one within another.
	Slice string
}

// SliceOfExperiment is the slice whose values are the variants that runs say they were served.
func SliceOfExperiment(experiment, version string) string {
	return "experiment:" + experiment + "@" + version
}

// SliceOfAttribute is the slice whose values are an attribute's.
func SliceOfAttribute(key string) string { return "attribute:" + key }

// Counts are an answer.
type Counts struct {
	// AsOf is the time, by the store's clock, until which windows that have ended are counted as ended. It is behind by as much as
	// the caller of CloseDue is, which is about a second where a store worker runs.
	AsOf time.Time `json:"as_of"`
	// Rows are in the order of name, step, state, value, build and day.
	Rows []Count `json:"rows"`
}

// Count is how many have something in common. Dimensions that were not asked for are empty.
type Count struct {
	Name  string `json:"name"`
	Step  string `json:"step,omitempty"`
	State string `json:"state,omitempty"`
	// Category is of a categorical score.
	Category string `json:"category,omitempty"`
	// Value is of the slice.
	Value string `json:"value,omitempty"`
	Build string `json:"build,omitempty"`
	// Day is midnight UTC; the zero time if it is not known.
	Day time.Time `json:"day,omitzero"`
	N   int64     `json:"n"`
	// Marked is how many of N have an attribute that was said after the run's first assignment, which may have caused it.
	Marked int64 `json:"marked,omitempty"`
	// Valued is how many of N have a value of at most 1e15 in size, which Sum and Squares (of squares) add up: true is 1 and false
	// is 0. The sums are of floating point, and a value that was corrected leaves a rounding error in them.
	Valued  int64   `json:"valued"`
	Sum     float64 `json:"sum"`
	Squares float64 `json:"squares"`
}
