// Package scoring is the domain of Verdict: what a score is, what it is about, which state it is in, what an
// outcome is and when it counts. It imports the standard library only and reads no clock: every time is passed in.
package scoring
