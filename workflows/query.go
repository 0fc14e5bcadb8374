package workflows

import (
	"slices"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// snapshot answers the query with the scores that the run has made so far, without the first skip ones, and with as
// many of them as an answer holds. Without an argument it skips none; a caller that has n asks for the rest with n,
// until none come.
func (r *run) snapshot(skip int) ([]scoring.Record, error) {
	rest := r.records[min(max(skip, 0), len(r.records)):]
	return slices.Clone(rest[:first(rest, activities.MaxCarried)]), nil
}
