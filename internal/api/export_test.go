package api

import (
	"maps"
	"slices"
)

// Reading is a route that reads.
type Reading struct {
	Path, Summary string
	Answer        any
	Params        []string
}

// Readings are the routes that read.
func Readings() (all []Reading) {
	for _, r := range (&api{}).readings() {
		all = append(all, Reading{r.path, r.summary, r.answer, r.params})
	}
	return all
}

// Writings are the paths that take a POST.
func Writings() []string { return slices.Collect(maps.Keys((&api{}).writings())) }

// Bodies of requests and answers.
type (
	ScoreRequest   = scoreRequest
	ScoreAnswer    = scoreAnswer
	OutcomeRequest = outcomeRequest
	OutcomeAnswer  = outcomeAnswer
)
