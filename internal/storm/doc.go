// Package storm has no code of its own. Its tests send many outcomes to a Verdict whose workers are killed and whose
// store goes down, and check that each is scored; its benchmark measures how many outcomes a second become scores.
//
//	go test ./internal/storm -run TestStorm -v                          the short form
//	go test ./internal/storm -run TestStorm -v -full -timeout 30m       the full form
//	go test ./internal/storm -run '^$' -bench . -benchtime 500x         the benchmark
//
// docs/reliability.md has the figures.
package storm
