package activities

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// crowd answers signals once so many are under way, and none for a scorer that has closed.
type crowd struct {
	client.Client
	mu       sync.Mutex
	waiting  int
	together chan struct{}
	told     map[string]int
}

func (c *crowd) SignalWorkflow(ctx context.Context, workflowID, _, _ string, _ any) error {
	c.mu.Lock()
	c.told[workflowID]++
	if c.waiting++; c.waiting == carriers {
		close(c.together)
	}
	c.mu.Unlock()
	select {
	case <-c.together:
	case <-ctx.Done():
		return ctx.Err()
	}
	if workflowID == "scorer-7" {
		return serviceerror.NewNotFound("it has closed")
	}
	return nil
}

// All that wait for an outcome are told, many at a time, and one that has closed holds up nobody.
func TestReceiveTellsACrowd(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	now := time.Now()
	const n, here = 100, "default-test-namespace" // as the SDK's test environment has it
	for i := range n {
		_, err := s.Expect(t.Context(), scoring.Expectation{
			ScorerRun: scoring.Run{Namespace: here, WorkflowID: fmt.Sprintf("scorer-%d", i), RunID: "s"}, Wait: 1, Scorer: "shipped", ScorerVersion: "1",
			Events: []scoring.Event{{Name: "deploy.finished", Key: "web"}}, Window: scoring.Window{Since: now.Add(-time.Hour), Until: now.Add(time.Hour)},
			Run: scoring.Run{Namespace: here, WorkflowID: fmt.Sprintf("run-%d", i), RunID: "r"}, At: now,
		})
		require.NoError(t, err)
	}
	c := &crowd{together: make(chan struct{}), told: map[string]int{}}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	set := &Set{Store: s, Client: c}
	env.RegisterActivity(set.Receive)
	told, err := env.ExecuteActivity(set.Receive, scoring.Outcome{ID: "o", Name: "deploy.finished", Key: "web", ReceivedAt: now})
	require.NoError(t, err)
	var got int
	require.NoError(t, told.Get(&got))
	require.Equal(t, n-1, got)
	require.Len(t, c.told, n)
}
