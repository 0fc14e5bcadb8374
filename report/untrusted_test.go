package report_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

func fresh(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// judgedExperiment is an experiment with the answers of a judge, which predicts the outcome on all units but the ones of a variant.
func judgedExperiment(t *testing.T, s store.Store, version string, units int, wrong string) {
	t.Helper()
	var records []scoring.Record
	for i := range units {
		id, variant := fmt.Sprintf("%s-%04d", version, i), []string{"bm25", "substring"}[i%2]
		a := assignment(id, variant)
		a.Version = version
		_, err := s.Assign(t.Context(), a)
		require.NoError(t, err)
		good := i/2%2 == 0
		said := good || variant == wrong
		judged := record(id, scoring.Bool("faithful", said), scoring.Step{})
		judged.Key, judged.RecordedAt, judged.Source = "faithful@3f2a", start, scoring.FromActivity
		became := record(id, scoring.Bool("accepted", good), scoring.Step{})
		became.RecordedAt = start
		records = append(records, judged, became)
		if i < 20 { // enough for a look at some scores
			require.NoError(t, s.Flush(t.Context(), scoring.Flush{
				Facts:    scoring.RunFacts{Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.FirstRunID, StartedAt: start, Attempt: 1, Assigned: []scoring.Ref{a.Ref()}},
				Sequence: 1, At: start,
			}))
		}
	}
	require.NoError(t, s.Record(t.Context(), records))
}

func judgedBy(version string, change func(*experiments.Definition)) *experiments.Experiment {
	d := experiments.Definition{
		Name: assignment("", "").Experiment, Version: version, Control: "bm25",
		Variants: []experiments.Variant{{Name: "bm25"}, {Name: "substring"}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
		Observed: []experiments.Metric{{Name: "faithful", Type: experiments.Boolean, Judge: true}},
	}
	change(&d)
	return experiments.MustNew(d)
}

// A report holds a judge to the outcome, in every form, and an experiment that it decides says by what it is trusted.
func TestJudgesInAReport(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	judgedExperiment(t, s, "1", 240, "")
	judgedExperiment(t, s, "2", 240, "substring")
	judge, outcome := experiments.Metric{Name: "faithful", Type: experiments.Boolean, Judge: true}, experiments.Metric{Name: "accepted", Type: experiments.Boolean}
	decides := func(change func(*experiments.Definition)) *experiments.Experiment {
		return judgedBy("2", func(d *experiments.Definition) {
			d.Primary, d.Observed = judge, []experiments.Metric{outcome}
			change(d)
		})
	}
	of := func(version string, xs ...*experiments.Experiment) (results.Experiment, string) {
		return build(t, s, report.Options{Experiment: xs[0].Definition().Name, Version: version, Definitions: xs})
	}
	first := judgedBy("1", func(*experiments.Definition) {})
	e, text := of("1", first)
	require.Len(t, e.Analysis.Judges, 1)
	require.Equal(t, results.Trusted, e.Analysis.Judges[0].Standing)
	require.Contains(t, text, "judge: faithful by faithful@3f2a is trusted on accepted since ")
	require.Contains(t, text, "labels of faithful by faithful@3f2a on accepted: both good 120, judge alone 0, outcome alone 0, neither 120\n")
	require.NotContains(t, text, "alarm:")
	require.NotContains(t, text, "untrusted, a judge's score")

	second := judgedBy("2", func(*experiments.Definition) {})
	e, text = of("2", second)
	require.Contains(t, text, "alarm: judge and outcome have come apart in substring since ")
	require.Empty(t, e.Analysis.Decision.Untrusted)

	e, text = of("2", decides(func(d *experiments.Definition) { d.Untrusted = "nobody says what was accepted" }))
	require.Equal(t, "nobody says what was accepted", e.Analysis.Decision.Untrusted)
	require.Contains(t, text, "untrusted, a judge's score decides: nobody says what was accepted")

	trusted := func(d *experiments.Definition) {
		d.TrustedBy = experiments.Reference{Experiment: d.Name, Version: "1"}
	}
	e, _ = of("2", decides(trusted), first)
	require.Empty(t, e.Analysis.Decision.Untrusted, "version 1 has shown it")
	e, _ = of("2", decides(trusted), judgedBy("1", func(d *experiments.Definition) { d.Observed = nil }))
	require.Contains(t, e.Analysis.Decision.Untrusted, "there it is not held to an outcome")
	e, _ = of("2", decides(trusted))
	require.Contains(t, e.Analysis.Decision.Untrusted, "is not known")
}

// An experiment from before definitions could say that a score is a judge's goes on, and its decision is marked.
func TestAJudgeThatTheDefinitionDoesNotName(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	judgedExperiment(t, s, "1", 60, "")
	old := judgedBy("1", func(d *experiments.Definition) {
		d.Primary, d.Observed = experiments.Metric{Name: "faithful", Type: experiments.Boolean}, nil
	})
	e, text := build(t, s, report.Options{Experiment: old.Definition().Name, Definitions: []*experiments.Experiment{old}})
	require.Equal(t, "faithful is the score of the judge faithful@3f2a, and the definition of this version does not say so", e.Analysis.Decision.Untrusted)
	require.True(t, strings.HasPrefix(e.Decision, string(e.Analysis.Decision.Verdict)))
	require.Contains(t, text, "untrusted, a judge's score decides: faithful is the score of the judge")
	plain := judgedBy("1", func(d *experiments.Definition) { d.Observed = nil })
	e, text = build(t, s, report.Options{Experiment: old.Definition().Name, Definitions: []*experiments.Experiment{plain}})
	require.Empty(t, e.Analysis.Decision.Untrusted)
	require.NotContains(t, text, "judge")
}
