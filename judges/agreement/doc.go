// Package agreement holds a judge to the outcomes that really came: how often it agrees with them, how much more often
// than chance would, and what it says about outcomes that are not known. Everything is a pure function.
//
// Agreement alone misleads: where 95 % of the outcomes are good, a judge that always says "good" agrees with 95 % of
// them. So look at [Kappa], which is 0 for that judge, at [AC1] where one label is rare, because there kappa is near 0
// for good judges too (Feinstein and Cicchetti 1990), and at the [Prevalence] next to both.
//
// Pairs must be a random draw of the units, or carry the probability of their draw. Pairs that somebody chose to look
// at say nothing about the others.
//
// The intervals are fixed ones: each is right for a single look at a number of pairs that was set before, and not for a
// decision at every look. Where a definition has no value, the error wraps [judges.ErrUndefined]: kappa, for one, where
// both sides have only ever said the same thing.
package agreement
