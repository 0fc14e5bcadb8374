// Package promises holds Verdict to what it promises a run, in every environment that a run may meet.
//
// A run ends as it would without Verdict; what it scored is stored, once, and the last statement holds; what is recorded of
// an experiment is what was served; every prefix of the history replays. The environments are the product of the factors
// in factors_test.go. The tests meet every pair of their values:
//
//	go test ./internal/promises -v
//
// and the whole product is run by
//
//	go test ./internal/promises -v -whole -timeout 3h
//
// which prints how many cells there were and how many passed.
package promises
