package summarize_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/examples/summarize"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflow(summarize.Summarize)
		w.RegisterActivity(summarize.Condense)
	})
	run := b.Start(summarize.Summarize, summarize.Article{
		Reader: "ann",
		Text:   "The bridge opens on Monday. It was planned in 1998. Tolls are five euros.",
		Facts:  []string{"Monday", "1998"},
	})
	var summary string
	require.NoError(t, run.Get(t.Context(), &summary))
	require.Equal(t, "The bridge opens on Monday. Tolls are five euros.", summary)

	// Two judgements and the activity's own score on the step, one score on the run.
	require.Len(t, b.Scores(run, 4), 4)
	scores, err := b.Store.Scores(t.Context(), store.Filter{Session: scoring.Session{Key: "reader", ID: "ann"}})
	require.NoError(t, err)
	type row struct {
		Name, Key, Step, Type, Value string
		Source                       scoring.Source
	}
	var rows []row
	require.NotEmpty(t, scores)
	for _, s := range scores {
		require.Equal(t, run.GetRunID(), s.Run.RunID)
		rows = append(rows, row{s.Name, s.Key, s.Step.ID, s.Step.Type, s.Value.String(), s.Source})
	}
	require.ElementsMatch(t, []row{
		{"words", "", "condense", "Condense", "9", scoring.FromActivity},
		{"mentions", "Monday", "condense", "Condense", "true", scoring.FromWorkflow},
		{"mentions", "1998", "condense", "Condense", "false", scoring.FromWorkflow},
		{"complete", "", "", "", "false", scoring.FromWorkflow},
	}, rows)
}
