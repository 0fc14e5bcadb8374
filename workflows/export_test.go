package workflows

import "testing"

// LimitScorers lets a run start fewer scorers until the test ends. No other test may run beside it.
func LimitScorers(t *testing.T, n int) {
	maxDeferred = n
	t.Cleanup(func() { maxDeferred = MaxDeferred })
}
