package plot_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/display/plot"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// The picture of docs/statistics.md, of an interval that narrows: 2,400 units at .45 and .36, with a window of a day.
func TestPictureOfTheDocument(t *testing.T) {
	t.Parallel()
	var s memory
	rates := map[string]float64{"current": .36, "short": .45}
	weights := map[string]float64{"current": .5, "short": .5}
	c := coin(7)
	const runs = 2400
	for i := range runs {
		id, at := fmt.Sprintf("%05d", i), start.Add(time.Duration(i)*5*time.Minute)
		variant := "current"
		if c.next() < .5 {
			variant = "short"
		}
		run := scoring.Run{Namespace: "default", WorkflowID: "w" + id, RunID: "r" + id}
		s.assignments = append(s.assignments, scoring.Assignment{
			Experiment: "triage prompt", Version: "1", Variant: variant, By: scoring.ByWeight, Probabilities: weights,
			Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: at,
		})
		s.records = append(s.records, scoring.Record{
			Score: scoring.Bool("merged", c.next() < rates[variant]), Run: run, Source: scoring.FromScorer, RecordedAt: at.Add(time.Hour),
		})
	}
	x, err := experiments.New(experiments.Definition{
		Name: "triage prompt", Version: "1", Control: "current", Variants: []experiments.Variant{{Name: "current"}, {Name: "short"}},
		Primary: experiments.Metric{Name: "merged", Type: experiments.Boolean}, Maturity: 24 * time.Hour,
	})
	require.NoError(t, err)
	now := start.Add(runs*5*time.Minute + 30*time.Hour)
	r, err := report.Build(t.Context(), s, report.Options{
		Experiment: "triage prompt", Definitions: []*experiments.Experiment{x}, Sequences: true, Now: now,
	})
	require.NoError(t, err)
	e := r.Experiments[0]
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict, e.Decision)
	picture, err := plot.Sequence(e, now).SVG()
	require.NoError(t, err)
	const file = "../../../docs/statistics.svg"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		t.Log(e.Decision, display.Facts(e))
		require.NoError(t, os.WriteFile(file, picture, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, picture), "the picture of the document has changed: UPDATE_GOLDEN=1 draws it")
}
