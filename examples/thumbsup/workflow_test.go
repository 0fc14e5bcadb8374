package thumbsup_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/thumbsup"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Thumbs up, changed mind, thumbs up again: three revisions, one current value.
func TestChangedMind(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) { w.RegisterWorkflow(thumbsup.Joke) })
	run := b.Start(thumbsup.Joke, "mirror")
	require.NoError(t, run.Get(t.Context(), nil))
	joke := verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}

	thumbs := func(history bool) []string {
		scores, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: run.GetID()}, Name: "thumbs_up", History: history})
		require.NoError(t, err)
		var all []string
		for _, s := range scores {
			all = append(all, fmt.Sprintf("%s #%d %s", s.Key, s.Revision, s.Value))
		}
		return all
	}
	for i, up := range []bool{true, false, true} {
		require.NoError(t, thumbsup.Rate(t.Context(), b.Verdict, joke, "ann", up))
		b.Eventually(func() error {
			if n := len(thumbs(true)); n != i+1 {
				return fmt.Errorf("%d revisions", n)
			}
			return nil
		})
	}
	require.NoError(t, thumbsup.Rate(t.Context(), b.Verdict, joke, "bob", false))
	require.Len(t, b.Scores(run, 2), 2)

	require.Equal(t, []string{"reader/ann #1 true", "reader/ann #2 false", "reader/ann #3 true", "reader/bob #1 false"}, thumbs(true))
	require.Equal(t, []string{"reader/ann #3 true", "reader/bob #1 false"}, thumbs(false))
}
