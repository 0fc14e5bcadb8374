package activities

import "strings"

// TestTaskQueue is the task queue of the worker in the SDK's test environment, unless the test names another one.
const TestTaskQueue = "default-test-taskqueue"

// InTestEnvironment reports whether a run is one of the SDK's test environment, by its run id: a server's are UUIDs. There
// is no server to hand over to, and the mocks of a user's test must not meet calls that the test knows nothing of.
func InTestEnvironment(runID string) bool {
	return strings.HasPrefix(runID, "default-test-") || strings.HasSuffix(runID, "_RunID")
}

// nowhere returns the offer of a write in a test environment without a store: it is done, and nothing is kept of it.
func nowhere(q *queue) *Offer {
	o := &Offer{queue: q, state: written, done: make(chan struct{}), refused: make(chan struct{})}
	close(o.done)
	return o
}
