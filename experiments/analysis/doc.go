// Package analysis computes an experiment's results from its scores.
//
// [Of] turns assignments, scores and run facts, as a store has them, into a [Report] with a decision. [Analysis] does the
// same with units that are added one by one.
//
// Two methods answer together. A betting e-process, valid for every stopping rule and every sample size because it
// needs the logged assignment probabilities alone, decides; an asymptotic confidence sequence reports the effect and
// its interval. A winner needs both. One may look after every unit.
//
// The package imports nothing of Temporal, reads no clock and draws no random numbers: a report is a function of its
// input, in the order of its input, to the last bit.
package analysis
