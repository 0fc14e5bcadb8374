package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// beside assigns a shadow to the unit that was assigned as id.
func (r *rows) beside(id, variant string, at time.Time) {
	r.assign("shadow-"+id, variant, at, func(a *scoring.Assignment) {
		a.By, a.Unit, a.Probabilities = scoring.ByShadow, id, map[string]float64{variant: 1}
	})
}

// A shadow is compared with the control on the same units, and what it does changes nothing else.
func TestShadows(t *testing.T) {
	t.Parallel()
	d := windowed()
	d.Primary = experiments.Metric{Name: "quality", Type: experiments.Bounded}
	e, err := experiments.New(d)
	require.NoError(t, err)
	build := func(shadows bool) *rows {
		r := &rows{}
		for i := range 60 {
			id, variant := fmt.Sprint(i), "control"
			if i%3 == 2 {
				variant = "short"
			}
			r.assign(id, variant, start)
			r.score(id, scoring.Number("quality", .5+float64(i%7)/20), start.Add(time.Hour))
			if !shadows || i == 0 {
				continue
			}
			r.beside(id, "new", start)
			switch {
			case i < 40: // .1 better than what was served, give or take
				r.score("shadow-"+id, scoring.Number("quality", .6+float64(i%7)/20+float64(i%2)/100), start.Add(time.Hour))
			case i < 50:
				r.close("shadow-"+id, scoring.RunCompleted)
			}
		}
		return r
	}
	r := build(true)
	now := start.Add(8 * day)
	served, err := analysis.Of(e, r.all(), now)
	require.NoError(t, err)
	plain := build(false)
	alone, err := analysis.Of(e, plain.all(), now)
	require.NoError(t, err)
	require.Equal(t, alone, served, "what a report says of those that were served")

	shadows, err := r.read(windowed(), now).Shadows(e)
	require.NoError(t, err)
	require.Len(t, shadows, 1)
	require.Equal(t, "new", shadows[0].Variant)
	got := shadows[0].Metrics[0]
	require.Equal(t, "quality", got.Name)
	require.Equal(t, analysis.Counts{Assigned: 59, Matured: 59, Scored: 39, Missing: 20}, got.Counts)
	require.Equal(t, 26, got.Pairs, "the scored ones beside the control")
	require.InDelta(t, .105, *got.Difference, .002)
	require.True(t, got.DifferenceInterval.Lo > .09 && got.DifferenceInterval.Hi < .12, "%v: what units differ by is out of it", got.DifferenceInterval)
	require.Less(t, got.PValue, .001)
	wide := served.Metrics[0].Variants[0].Interval
	require.Greater(t, wide.Hi-wide.Lo, 4*(got.DifferenceInterval.Hi-got.DifferenceInterval.Lo))

	early, err := r.read(windowed(), start.Add(day)).Shadows(e)
	require.NoError(t, err)
	require.Equal(t, analysis.Counts{Assigned: 59, Pending: 59}, early[0].Metrics[0].Counts)
	require.Zero(t, early[0].Metrics[0].Pairs)
}

// Beside a unit that does not count, or one that is not known, a shadow does not either.
func TestShadowsOfWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(windowed())
	require.NoError(t, err)
	r := &rows{}
	r.assign("forced", "short", start, func(a *scoring.Assignment) { a.By = scoring.ByForce })
	r.assign("gone", "short", start, func(a *scoring.Assignment) { a.Superseded = true })
	r.assign("later", "short", start.Add(9*day))
	for _, id := range []string{"forced", "gone", "later", "unknown"} {
		r.beside(id, "new", start)
	}
	shadows, err := r.read(windowed(), start.Add(8*day)).Shadows(e)
	require.NoError(t, err)
	require.Empty(t, shadows)
}
