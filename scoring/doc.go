// Package scoring is the domain of Verdict: scores, their subjects and states, outcomes and the windows in which they
// count. It imports the standard library only and reads no clock: every time is passed in.
package scoring
