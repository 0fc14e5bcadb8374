package report

import "github.com/verdict-dev/verdict/experiments/results"

// The results of an experiment's version. They are in a package of their own, so that who reads them from a worker does not link
// what computes them.
type (
	Experiment    = results.Experiment
	Row           = results.Row
	Failure       = results.Failure
	Source        = results.Source
	Contradiction = results.Contradiction
	Sequence      = results.Sequence
	Line          = results.Line
	Point         = results.Point
	Change        = results.Change
)
