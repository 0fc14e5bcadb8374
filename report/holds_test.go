package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/store/storetest"
)

// The report of a unit says what held at the end of its window, and the store what holds now, by one definition.
func TestReportSaysWhatHolds(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := report.Options{Now: begin.Add(3 * time.Hour)}
	stories := map[string]storetest.Story{}
	ends := map[string]time.Time{}
	for seed := range 200 {
		version := fmt.Sprint("v", seed)
		run := scoring.Run{Namespace: "default", WorkflowID: version, RunID: version}
		_, err := s.Assign(t.Context(), scoring.Assignment{
			Experiment: "x", Version: version, Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
			Unit: version, Run: run, FirstRunID: version, At: begin, Vouched: true,
		})
		require.NoError(t, err)
		window := time.Duration(seed%18) * 30 * time.Second // of length 0: none
		if window > 0 {
			ends[version] = begin.Add(window)
		}
		o.Definitions = append(o.Definitions, experiments.MustNew(experiments.Definition{
			Name: "x", Version: version, Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
			Primary: experiments.Metric{Name: "ok", Step: "Retrieve", Type: experiments.Boolean}, Maturity: window,
		}))
		stories[version] = storetest.Tell(t, s, run, seed)
	}
	r, err := report.Build(t.Context(), undated{s}, o)
	require.NoError(t, err)
	require.Len(t, r.Experiments, len(stories))
	for _, e := range r.Experiments {
		story := stories[e.Version]
		want, ok := story.Holds(ends[e.Version])
		v := e.Analysis.Metrics[0].Variants[0]
		require.Equal(t, ok, v.Scored == 1, "%s, window until %s: %s", e.Version, ends[e.Version], story)
		if ok {
			f, _ := want.Float()
			require.Equal(t, f, *v.Mean, "%s, window until %s: %s", e.Version, ends[e.Version], story)
		}
		now, ok := story.Holds(time.Time{})
		held, err := s.Scores(t.Context(), store.Filter{Run: story.Run})
		require.NoError(t, err)
		require.Equal(t, ok, len(held) == 1)
		if ok {
			require.Equal(t, now, held[0].Value)
		}
		require.Equal(t, ok && !ends[e.Version].IsZero() && (v.Scored == 0 || want != now), v.Late == 1, "%s: %s", e.Version, story)
	}
}
