package releases

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/scoring"
)

// A token that was handed out stands for its run.
func TestTokensOpen(t *testing.T) {
	t.Parallel()
	recordings(t, tokensOpen)
}

func tokensOpen(t *testing.T, l left) {
	runs := map[scoring.Run]bool{}
	for _, r := range l.histories(t) {
		runs[scoring.Run{Namespace: l.facts.Namespace, WorkflowID: r.WorkflowID, RunID: r.RunID}] = true
	}
	opened := 0
	require.NotEmpty(t, l.facts.Tokens)
	for id, text := range l.facts.Tokens {
		if text == "" { // the run failed
			continue
		}
		run, err := token.Open([][]byte{[]byte(user.TokenKey)}, text)
		require.NoError(t, err)
		require.Equal(t, id, run.WorkflowID)
		require.True(t, runs[run], "%v", run)
		opened++
	}
	require.Greater(t, opened, 5)
}
