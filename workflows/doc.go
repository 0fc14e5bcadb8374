// Package workflows is Verdict's side of workflow code: the buffer of a run's scores and its flush, the interceptor
// that the plugin installs, deferred scorers and their waits, and the small workflows that hand over to the store.
// Users call it through the root package.
//
// Everything here is replayed. The events that it adds to a history are an API: each released shape has a recorded
// history under testdata/histories, and none is ever recorded again.
package workflows
