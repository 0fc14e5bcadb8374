// Package experiments says what an experiment is and which variant a unit gets.
//
// A [Definition] is validated as a whole and compiled by [New] into an [Experiment], which is immutable and safe for
// concurrent use. [Experiment.At] fixes a weight epoch and returns a [Split], whose Assign maps a unit to a variant:
// a pure function of definition, weights and unit, the same in every process. What the scores say of the variants is
// for the package analysis to tell, as a [Decision].
//
// The package imports nothing of Temporal, reads no clock and draws no random numbers.
package experiments
