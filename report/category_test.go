package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// A categorical score has a row for each category, with its share, wherever scores are shown: and one that a metric equals is compared.
func TestCategoriesAreShown(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	intent := scoring.MustCategories("intent", "refund", "question", "complaint")
	x := experiments.MustNew(experiments.Definition{
		Name: "prompt", Version: "1", Control: "long", Variants: []experiments.Variant{{Name: "long"}, {Name: "short"}},
		Primary: experiments.Metric{Name: "intent"}.Equals("refund"),
	})
	for i := range 200 {
		id, variant := fmt.Sprint(i), []string{"long", "short"}[i%2]
		at := start.Add(time.Duration(i) * time.Minute)
		a := scoring.Assignment{
			Experiment: "prompt", Version: "1", Variant: variant, By: scoring.ByWeight, Unit: "run-" + id, Run: run(id), FirstRunID: "run-" + id, OriginalRunID: "run-" + id,
			Probabilities: map[string]float64{"long": .5, "short": .5}, At: at, Vouched: true,
		}
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		category := "question"
		switch {
		case i%20 < 4:
			category = "refund"
		case i%20 == 19:
			category = "complaint"
		}
		f := scoring.Flush{
			Facts: scoring.RunFacts{
				Run: run(id), FirstRunID: "run-" + id, OriginalRunID: "run-" + id, WorkflowType: "Answer", StartedAt: at, ClosedAt: at, Status: scoring.RunCompleted,
				Assigned: []scoring.Ref{{Experiment: "prompt", Version: "1", Variant: variant, FirstRunID: "run-" + id}}, Sessions: []scoring.Session{{Key: "day", ID: "1"}},
			},
			Sequence: 5, At: at, Records: []scoring.Record{scoring.NewRecord(intent.Score(category), scoring.FromWorkflow, run(id), scoring.Step{}, at)},
		}
		require.NoError(t, s.Flush(t.Context(), f))
	}
	shares := func(rows []report.Row, variant string) map[string]string {
		all := map[string]string{}
		for _, r := range rows {
			if r.Variant == variant {
				require.Equal(t, "intent", r.Score)
				all[r.Category] = display.Number(r.Mean)
			}
		}
		return all
	}
	r, said := text(t, s, report.Options{Definitions: []*experiments.Experiment{x}})
	require.Equal(t, map[string]string{"refund": "0.2", "question": "0.8", "complaint": "0"}, shares(r.Experiments[0].Rows, "long"))
	require.Equal(t, map[string]string{"refund": "0.2", "question": "0.7", "complaint": "0.1"}, shares(r.Experiments[0].Rows, "short"))
	for _, row := range r.Experiments[0].Rows {
		require.Equal(t, row.Category == "refund", row.Interval != nil, "the one that a metric equals")
		require.Equal(t, 100, row.Scored)
	}
	require.Equal(t, "intent = refund", r.Experiments[0].Primary)
	require.Contains(t, said, "intent = refund\n")
	require.Contains(t, said, "intent = complaint\n")
	require.Equal(t, 1, strings.Count(said, "\nintent\n"), "counted once:\n%s", said)

	r, said = text(t, s, report.Options{By: report.ByDay})
	require.Equal(t, map[string]string{"refund": "0.2", "question": "0.75", "complaint": "0.05"}, shares(r.Scores, ""))
	require.Contains(t, said, "intent = question")
	r, _ = text(t, s, report.Options{By: report.ByDay, Experiment: "prompt"})
	require.Equal(t, map[string]string{"refund": "0.2", "question": "0.7", "complaint": "0.1"}, shares(r.Experiments[0].Rows, "short"))
	r, _ = text(t, s, report.Options{Session: scoring.Session{Key: "day", ID: "1"}})
	require.Equal(t, map[string]string{"refund": "0.2", "question": "0.75", "complaint": "0.05"}, shares(r.Scores, ""))
	for _, d := range r.Deviations {
		require.Fail(t, "a category is no number that dips", "%+v", d)
	}
}
