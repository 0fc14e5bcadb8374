// Package experiments says which variant a unit gets, and what the scores say of the variants.
//
// A [Definition] is validated as a whole and compiled by [New] into an [Experiment], which is immutable and safe for
// concurrent use. [Experiment.At] fixes a weight epoch and returns a [Split], whose Assign maps a unit to a variant:
// a pure function of definition, weights and unit, the same in every process. [Experiment.Report] turns assignments,
// scores and run facts into a [Report] with a [Decision].
//
// Two methods answer together. A betting e-process, valid for every stopping rule and every sample size because it
// needs the logged assignment probabilities alone, decides; an asymptotic confidence sequence reports the effect and
// its interval. A winner needs both. One may look after every unit.
//
// The package imports nothing of Temporal, reads no clock and draws no random numbers: a report is a function of its
// input, in the order of its input, to the last bit.
package experiments
