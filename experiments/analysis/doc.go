// Package analysis computes an experiment's results from its scores.
//
// [Of] turns assignments, scores and run facts, as a store has them, into a [Report] with a decision. [Analysis] does the
// same with units that are added one by one.
//
// One method decides and shows: tests by betting (package betting), valid at every look and every number of units, because
// they need the logged assignment probabilities alone. An interval is what they do not reject, and a verdict is made of
// the facts that they have shown once. Ratios, and metrics without a range, have an asymptotic confidence sequence instead.
//
// The package imports nothing of Temporal, reads no clock and draws no random numbers: a report is a function of its
// input, in the order of its input, to the last bit.
package analysis
