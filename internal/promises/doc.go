// Package promises tests Verdict's promises to a run in every environment that a run may meet.
//
// A run ends the same way as without Verdict; its scores are stored, once, and the last statement holds; the recorded
// variant of an experiment is the served one; every prefix of the history replays. The environments are the product of
// the factors in factors_test.go. The tests meet every pair of their values:
//
//	go test ./internal/promises -v
//
// and the whole product is run by
//
//	go test ./internal/promises -v -whole -timeout 3h
//
// which prints how many cells there were and how many passed.
package promises
