// Package judgetest helps to test and demonstrate judges: a local server that speaks the chat completions protocol with
// answers that you choose, faults included, and a conformance suite for implementations of [judges.Judge].
//
// It does not import the testing package, so programs may use the server too.
package judgetest
