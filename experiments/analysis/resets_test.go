package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// Resets after the seal of one variant alone raise the alarm; of both alike they do not.
func TestResetsAfterTheSealAreTested(t *testing.T) {
	t.Parallel()
	decide := func(which func(i int) bool) analysis.Report {
		r := &rows{}
		for i := range 1200 {
			id := fmt.Sprint(i)
			r.assign(id, []string{"control", "short"}[i%2], start.Add(time.Duration(i)*time.Second), func(a *scoring.Assignment) {
				if which(i) {
					a.Superseded, a.SupersededAt = true, start.Add(2*day)
				}
			})
			r.score(id, scoring.Bool("merged", i%3 == 0), start.Add(time.Hour))
		}
		e, err := experiments.New(oneDay())
		require.NoError(t, err)
		report, err := analysis.Of(e, r.all(), start.Add(4*day))
		require.NoError(t, err)
		return report
	}
	one := decide(func(i int) bool { return i%2 == 1 && i%20 < 6 })
	require.Equal(t, experiments.Invalid, one.Decision.Verdict)
	require.Contains(t, one.Decision.Reason, "the variants differ in how often units are reset after their seal")
	require.Equal(t, 180, one.Seals[1].Reset)
	both := decide(func(i int) bool { return i%20 < 6 })
	require.NotEqual(t, experiments.Invalid, both.Decision.Verdict)
	require.Contains(t, strings.Join(both.Notes, "\n"), "360 units were reset or found unserved after the seal, and stay as sealed: 180 of control, 180 of short")
	few := decide(func(i int) bool { return i%100 == 1 })
	require.Contains(t, strings.Join(few.Notes, "\n"), "the variants differ in how often units are reset after their seal (e = ", "it warns first")
}

// The test of resets is played in the order in which the store learned of them. Later resets of units that were assigned
// earlier neither take an alarm back nor date it anew, and a reset of which the time is not known is counted alone.
func TestLaterResetsLeaveAnAlarmAsItWas(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(oneDay())
	require.NoError(t, err)
	r := &rows{}
	for i := range 800 {
		id := fmt.Sprint(i)
		r.assign(id, []string{"control", "short"}[i%2], start.Add(time.Duration(i)*time.Second))
		r.score(id, scoring.Bool("merged", i%3 == 0), start.Add(time.Hour))
	}
	reset := func(i int, at time.Time) { r.assignments[i].Superseded, r.assignments[i].SupersededAt = true, at }
	for i := range 20 { // of the last units
		reset(799-2*i, start.Add(2*day+time.Duration(i)*time.Minute))
	}
	first, err := analysis.Of(e, r.all(), start.Add(3*day))
	require.NoError(t, err)
	require.Equal(t, experiments.Invalid, first.Decision.Verdict)
	require.Contains(t, first.Decision.Reason, "how often units are reset after their seal (e = ")
	require.True(t, first.Decision.Since.After(start.Add(2*day)))
	require.False(t, first.Decision.Since.After(start.Add(2*day+20*time.Minute)), "%s", first.Decision.Since)
	for i := range 200 { // of all units of the control before them
		reset(2*i, start.Add(4*day))
	}
	later, err := analysis.Of(e, r.all(), start.Add(5*day))
	require.NoError(t, err)
	require.Equal(t, experiments.Invalid, later.Decision.Verdict, later.Decision.Reason)
	require.Equal(t, first.Decision.Since, later.Decision.Since)
	again, err := analysis.Of(e, r.all(), start.Add(3*day))
	require.NoError(t, err)
	require.Equal(t, first, again)

	for i := range r.assignments { // an earlier release kept no times, and its resets are known to have come after the stored seals
		a := &r.assignments[i]
		a.Position, a.SupersededAt = int64(i+1), time.Time{}
	}
	undated, err := analysis.Of(e, r.all(), start.Add(5*day))
	require.NoError(t, err)
	require.Equal(t, 20, undated.Seals[1].Reset)
	require.NotEqual(t, experiments.Invalid, undated.Decision.Verdict, undated.Decision.Reason)
}

// Under a ramp the units of the new variant are younger, and resets of young runs are mostly of its units. That is no
// fault.
func TestResetsUnderARampRaiseNoAlarm(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(oneDay())
	require.NoError(t, err)
	r := &rows{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 4000 {
		p, at := .02, start.Add(time.Duration(i)*time.Minute)
		if i >= 2000 {
			p = .5
		}
		variant := "control"
		if rng.Float64() < p {
			variant = "short"
		}
		r.assign(fmt.Sprint(i), variant, at, func(a *scoring.Assignment) {
			a.Probabilities = map[string]float64{"control": 1 - p, "short": p}
			if i >= 2000 {
				a.Epoch = 1
			}
			if i >= 2000 && rng.Float64() < .1 {
				a.Superseded, a.SupersededAt = true, at.Add(30*time.Hour)
			}
		})
		r.score(fmt.Sprint(i), scoring.Bool("merged", i%3 == 0), at.Add(time.Hour))
	}
	report, err := analysis.Of(e, r.all(), start.Add(30*day))
	require.NoError(t, err)
	require.Greater(t, report.Seals[1].Reset, 70)
	require.NotEqual(t, experiments.Invalid, report.Decision.Verdict, report.Decision.Reason)
}
