package summarize_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/summarize"
	"github.com/verdict-dev/verdict/verdicttest"
)

// The run by itself, without a server.
func TestScores(t *testing.T) {
	t.Parallel()
	for fact, complete := range map[string]bool{"Monday": true, "1998": false} {
		env := verdicttest.New(t, verdict.Config{})
		env.RegisterActivity(summarize.Condense)
		env.ExecuteWorkflow(summarize.Summarize, summarize.Article{
			Reader: "ann", Text: "The bridge opens on Monday. It was planned in 1998. Tolls are five euros.", Facts: []string{fact},
		})
		require.NoError(t, env.GetWorkflowError())
		env.RequireScore("words", 9)
		env.RequireScore("mentions", complete)
		env.RequireScore("complete", complete)
	}
}
