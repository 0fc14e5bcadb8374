// Package judgetest has what tests and demos of judges need: a local server that speaks the chat completions protocol
// with answers of one's choice, faults included, and a conformance suite for implementations of [judges.Judge].
//
// It does not import the testing package, so programs may use the server too.
package judgetest
