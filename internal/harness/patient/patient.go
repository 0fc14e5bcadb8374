// Package patient makes the SDK's test environment, and its workers, wait for a machine that is busy with other tests.
package patient

import (
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

const (
	// Deadlock is what the SDK's deadlock detector waits in tests. Its own second is for a worker that has a processor. Here
	// many workers share two, under the race detector, and the SDK itself races with workflow code that it takes for stuck.
	Deadlock = 20 * time.Second
	// Test is what a test environment waits for its workflow to go on. The SDK's own three seconds are of the same kind.
	Test = time.Minute
)

// Environment is a test environment whose worker has these options.
func Environment(suite *testsuite.WorkflowTestSuite, o worker.Options) *testsuite.TestWorkflowEnvironment {
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(Test)
	env.SetWorkerOptions(Worker(o))
	return env
}

// Worker is a worker's options with a patient deadlock detector, unless they say otherwise.
func Worker(o worker.Options) worker.Options {
	if o.DeadlockDetectionTimeout == 0 {
		o.DeadlockDetectionTimeout = Deadlock
	}
	return o
}
