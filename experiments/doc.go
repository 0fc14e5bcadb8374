// Package experiments defines experiments and assigns variants to units.
//
// A [Definition] is validated as a whole and compiled by [New] into an [Experiment], which is immutable and safe for
// concurrent use. [Experiment.At] fixes a weight epoch and returns a [Split], whose Assign maps a unit to a variant: a
// pure function of definition, weights and unit, the same in every process. The package analysis turns the scores into
// a [Decision].
//
// The package imports nothing of Temporal, reads no clock and draws no random numbers.
package experiments
