package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

type registrations struct {
	t   *testing.T
	cfg *Config
	n   int
}

func (r *registrations) RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions) {
	r.n++
	r.cfg.registered(w, o)
	require.True(r.t, r.cfg.ours(o.Name), o.Name)
}

// Whatever we register is ours: nothing is flushed at its end.
func TestWhatWeRegisterIsOurs(t *testing.T) {
	t.Parallel()
	r := &registrations{t: t, cfg: &Config{}}
	score := func(workflow.Context, int) (scoring.Score, error) { return scoring.Score{}, nil }
	RegisterScorers(r, []ScorerDefinition{NewScorer("one", "1", score), NewScorer("two", "1", score), NewScorer("two", "2", score)})
	require.Equal(t, 2, r.n)

	for _, name := range []string{activities.RecordWorkflow, activities.WaitWorkflow, activities.BundleWorkflow, activities.DeliverWorkflow, activities.ExperimentWorkflow} {
		require.True(t, r.cfg.ours(name), name)
	}
	r.cfg.registered(func(workflow.Context, string) error { return nil }, workflow.RegisterOptions{Name: "verdict.scorer.three"})
	require.False(t, r.cfg.ours("verdict.scorer.three"))
	require.False(t, r.cfg.ours("verdict.checkout"))
}
