// Package load fills a store with an experiment of any size by bulk insertion, many times as fast as its users would: to see that
// nothing that is read grows with the rows. The rows are the ones that a worker would have made the store write; the store's
// triggers count them.
//
//	go run ./internal/load/fill --db postgres://… --scores 10000000
package load
