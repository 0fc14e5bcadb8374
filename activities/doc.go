// Package activities holds what Verdict does outside workflow code: record scores and assignments, keep expectations
// and outcomes, follow a run to its close.
//
// [Set] is registered on the worker that opens the store (task queue "verdict"). The plugin puts a [Recorder] into
// every activity's context on a user's worker: it writes to a store if it has one, and hands over through Temporal if
// it has none or the store is down.
package activities
