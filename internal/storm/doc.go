// Package storm has no code of its own. Its tests let outcomes rain on a Verdict whose workers are killed and whose store
// goes away, and count what becomes of them; its benchmark measures how many outcomes a second become scores.
//
//	go test ./internal/storm -run TestStorm -v                          the short form
//	go test ./internal/storm -run TestStorm -v -full -timeout 30m       the full form
//	go test ./internal/storm -run '^$' -bench . -benchtime 500x         the benchmark
//
// docs/reliability.md has the figures.
package storm
