package display

import (
	"slices"

	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
)

// Scores are the rows of the first table: all except [Runs].
func Scores(e results.Experiment) []results.Row {
	return slices.DeleteFunc(slices.Clone(e.Rows), func(r results.Row) bool { return isUsage(e, r) })
}

// Runs are the rows of the second table: the engine's facts, and the scores that count a run's usage.
func Runs(e results.Experiment) []results.Row {
	return slices.Concat(e.Engine, slices.DeleteFunc(slices.Clone(e.Rows), func(r results.Row) bool { return !isUsage(e, r) }))
}

// isUsage tells whether a score counts a run's usage. The primary metric is a score first of all.
func isUsage(e results.Experiment, r results.Row) bool {
	return analysis.IsUsage(r.Score) && r.Place() != e.Primary
}
