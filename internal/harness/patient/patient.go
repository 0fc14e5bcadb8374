// Package patient makes the SDK's test environment, and its workers, wait for a machine that is busy with other tests.
package patient

import (
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

const (
	// Deadlock is how long the SDK's deadlock detector waits in tests. Its default of a second is for a worker with a
	// processor of its own. Here many workers share two, under the race detector, and the SDK itself races with workflow
	// code that it considers stuck.
	Deadlock = 20 * time.Second
	// Test is how long a test environment waits for progress of its workflow. The SDK's default is three seconds.
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
