package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// drawRows draws units of one or two runs that end and are scored in all ways, in and after the window of a day.
func drawRows(t *rapid.T, units int) *rows {
	r := &rows{}
	states := []func() scoring.Score{
		func() scoring.Score { return scoring.Bool("merged", rapid.Bool().Draw(t, "value")) },
		func() scoring.Score { return scoring.Expire("merged") },
		func() scoring.Score { return scoring.Decline("merged", "") },
		func() scoring.Score { return scoring.Fail("merged", "") },
		func() scoring.Score { return scoring.Number("merged", 7) },
		func() scoring.Score { return scoring.Score{Name: "merged", State: scoring.Pending} },
	}
	hours := func(what string) time.Duration { return time.Duration(rapid.IntRange(1, 48).Draw(t, what)) * time.Hour }
	for u := range units {
		first, at := fmt.Sprint(u), start.Add(time.Duration(u)*time.Minute)
		r.assign(first, rapid.SampledFrom([]string{"control", "short"}).Draw(t, "variant"), at)
		for i := range rapid.IntRange(0, 2).Draw(t, "runs") {
			id := first
			if i > 0 {
				id = first + "-again"
			}
			began := at.Add(hours("start"))
			r.close(id, rapid.SampledFrom([]scoring.RunStatus{"", scoring.RunCompleted, scoring.RunFailed, scoring.RunContinuedAsNew}).Draw(t, "status"),
				func(f *scoring.RunFacts) {
					f.Run.WorkflowID, f.FirstRunID, f.StartedAt, f.ClosedAt = "w-"+first, first, began, began.Add(hours("takes"))
					if f.Status == "" {
						f.ClosedAt = time.Time{}
					}
				})
			for revision := range rapid.IntRange(0, 2).Draw(t, "scores") {
				r.score(id, rapid.SampledFrom(states).Draw(t, "state")(), began.Add(hours("recorded")), func(rec *scoring.Record) {
					rec.Run.WorkflowID, rec.Revision = "w-"+first, revision+1
				})
			}
		}
	}
	return r
}

// A selection of units counts them as the whole does: the parts of a partition add up.
func TestSelectionsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "units")
		r := drawRows(t, n)
		d := definition()
		if rapid.Bool().Draw(t, "windowed") {
			d.Maturity = day
		}
		e, err := experiments.New(d)
		require.NoError(t, err)
		whole := r.read(d, start.Add(time.Duration(rapid.IntRange(1, 72).Draw(t, "now"))*time.Hour))
		parts := map[int]map[scoring.Run]bool{0: {}, 1: {}}
		for u := range n {
			parts[rapid.IntRange(0, 1).Draw(t, "part")][run(fmt.Sprint(u))] = true
		}
		sum := map[string]analysis.Counts{}
		units := 0
		for _, part := range parts {
			selected := whole.Select(part)
			units += selected.Len()
			read, err := selected.Report(e)
			require.NoError(t, err)
			for _, v := range read.Metrics[0].Variants {
				c := sum[v.Variant]
				c.Add(v.Counts)
				sum[v.Variant] = c
			}
		}
		require.Equal(t, whole.Len(), units)
		read, err := whole.Report(e)
		require.NoError(t, err)
		for _, v := range read.Metrics[0].Variants {
			require.Equal(t, v.Counts, sum[v.Variant])
		}
		// Where nothing is known of the metric the counts are the same but for values that it refuses.
		for _, tally := range whole.Tallies() {
			for _, v := range read.Metrics[0].Variants {
				if v.Variant == tally.Variant {
					require.Equal(t, v.Assigned, tally.Assigned)
					require.Equal(t, v.Matured, tally.Matured)
				}
			}
		}
	})
}

// Scores of steps of which nobody said the type are not the run's.
func TestUnnamedStepsAreAPlaceOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.score("a", scoring.Bool("merged", true), start)
	r.score("a", scoring.Bool("merged", false), start, func(r *scoring.Record) { r.Step = scoring.Step{ID: "1"} })
	tallies := r.read(definition(), start.Add(day)).Tallies()
	require.Len(t, tallies, 4, "two places of two variants")
	require.Equal(t, []any{"", 1.}, []any{tallies[1].Step, *tallies[1].Mean})
	require.Equal(t, []any{analysis.Unnamed, 0.}, []any{tallies[3].Step, *tallies[3].Mean})
	require.Equal(t, 1., r.outcome(t, definition(), start.Add(day)).Value)
}
