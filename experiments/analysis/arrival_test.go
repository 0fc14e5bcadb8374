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

// at is the report of a moment.
func (r *rows) at(t *testing.T, d experiments.Definition, now time.Time) analysis.Report {
	t.Helper()
	e, err := experiments.New(d)
	require.NoError(t, err)
	report, err := analysis.Of(e, r.all(), now)
	require.NoError(t, err)
	return report
}

// An alarm about the assignment stays, with its time, whatever becomes of the units, and whoever turns up later.
func TestAnAlarmAboutTheAssignmentStays(t *testing.T) {
	t.Parallel()
	alone := func(n int) *rows {
		r := &rows{}
		for i := range n {
			at := start.Add(time.Duration(i) * time.Minute)
			r.assign(fmt.Sprint(i), "short", at, func(a *scoring.Assignment) { a.OriginalRunID, a.RecordedAt = a.Unit, at.Add(time.Second) })
		}
		return r
	}
	crossed := func() *rows {
		r := &rows{}
		for i := range 20 {
			id := fmt.Sprint(i)
			r.assign(id, []string{"control", "short"}[i%2], start)
			if i < 2 {
				r.assign(id+"'", []string{"short", "control"}[i%2], start.Add(time.Hour), func(a *scoring.Assignment) { a.Unit = id })
			}
		}
		return r
	}
	for name, c := range map[string]struct {
		rows   *rows
		reason string
		later  func(*rows)
	}{
		"a run is reset away, and the one that follows is assigned the same": {alone(12), "their shares", func(r *rows) {
			r.assignments[3].Superseded, r.assignments[3].SupersededAt = true, start.Add(3*time.Hour)
			r.assign("again", "short", start.Add(3*time.Hour), func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-3", "3" })
		}},
		"some are served something else": {alone(12), "their shares", func(r *rows) {
			for i := range 6 {
				r.assignments[i].Unserved, r.assignments[i].UnservedAt = true, start.Add(3*time.Hour)
			}
		}},
		"earlier ones of the other variant turn up": {alone(14), "their shares", func(r *rows) {
			for i := range 20 {
				r.assign(fmt.Sprint("late", i), "control", start, func(a *scoring.Assignment) { a.RecordedAt = start.Add(3 * time.Hour) })
			}
		}},
		"the second variant was of a run that is reset away": {crossed(), "2 of 20 units were seen with two variants", func(r *rows) {
			for i := range r.assignments {
				if a := &r.assignments[i]; a.At.After(start) {
					a.Superseded, a.SupersededAt = true, start.Add(3*time.Hour)
				}
			}
		}},
		"no usable probabilities": {func() *rows {
			r := alone(3)
			r.assignments[1].Probabilities = map[string]float64{"short": .3, "control": .3}
			return r
		}(), "no usable", func(r *rows) {
			r.assignments[1].Superseded, r.assignments[1].SupersededAt = true, start.Add(3*time.Hour)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := c.rows.at(t, oneDay(), start.Add(2*time.Hour))
			require.Equal(t, experiments.Invalid, first.Decision.Verdict)
			require.Contains(t, first.Decision.Reason, c.reason)
			require.False(t, first.Decision.Since.IsZero())
			c.later(c.rows)
			for _, after := range []time.Duration{4 * time.Hour, 3 * day} {
				later := c.rows.at(t, oneDay(), start.Add(after))
				require.Equal(t, experiments.Invalid, later.Decision.Verdict, later.Decision.Reason)
				require.Equal(t, first.Decision.Since, later.Decision.Since)
			}
			require.Equal(t, first, c.rows.at(t, oneDay(), start.Add(2*time.Hour)))
		})
	}
}

// The run that follows a reset has the variant of the one before: it is no second draw.
func TestRunsThatFollowResetsAreNoSecondDraw(t *testing.T) {
	t.Parallel()
	r := &rows{}
	for i := range 40 {
		id, variant := fmt.Sprint(i), []string{"control", "short"}[i%2]
		r.assign(id, variant, start, func(a *scoring.Assignment) { a.OriginalRunID = id })
		if variant == "short" {
			r.assignments[i].Superseded, r.assignments[i].SupersededAt = true, start.Add(time.Hour)
			for n := range 5 {
				r.assign(fmt.Sprint(id, "'", n), variant, start.Add(time.Hour), func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-"+id, id })
			}
		}
	}
	report := r.at(t, oneDay(), start.Add(2*time.Hour))
	require.Negative(t, report.SampleRatio.LogE)
	require.NotEqual(t, experiments.Invalid, report.Decision.Verdict)
}

// An assignment under other weights that turns up after a verdict neither takes it back nor dates it anew: whether a
// change of weights delays a verdict is a matter of what was known at its time.
func TestAChangeThatIsLearnedLaterDelaysNothingBefore(t *testing.T) {
	t.Parallel()
	course := func() *rows {
		r := &rows{}
		for i := range 400 {
			id, at := fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute)
			r.assign(id, []string{"control", "short"}[i%2], at, func(a *scoring.Assignment) { a.RecordedAt = at })
			r.score(id, scoring.Bool("merged", i%2 == 1 && i%10 < 8), at)
		}
		return r
	}
	r, now := course(), start.Add(day+8*time.Hour)
	won := r.at(t, oneDay(), now).Decision
	require.Equal(t, experiments.Winner, won.Verdict, won.Reason)
	for name, c := range map[string]struct{ at, known time.Time }{
		"its window is open":                     {won.Since.Add(-time.Hour), now.Add(time.Hour)},
		"the store learned of it after its seal": {won.Since.Add(-20 * time.Hour), won.Since.Add(2 * day)},
		"before the first":                       {start.Add(-time.Hour), won.Since.Add(2 * day)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := course()
			r.assign("other", "short", c.at, func(a *scoring.Assignment) {
				a.Epoch, a.Probabilities, a.RecordedAt = 1, map[string]float64{"control": .9, "short": .1}, c.known
			})
			for _, after := range []time.Duration{time.Hour, day, 5 * day} {
				later := r.at(t, oneDay(), now.Add(after)).Decision
				require.Equal(t, []any{won.Verdict, won.Since, won.Variants}, []any{later.Verdict, later.Since, later.Variants}, later.Reason)
			}
		})
	}
	// One that was known in time delays it for its window.
	r = course()
	r.assign("other", "short", won.Since.Add(-time.Hour), func(a *scoring.Assignment) {
		a.Epoch, a.Probabilities, a.RecordedAt = 1, map[string]float64{"control": .9, "short": .1}, won.Since.Add(-time.Minute)
	})
	require.Equal(t, experiments.Continue, r.at(t, oneDay(), now).Decision.Verdict)
	delayed := r.at(t, oneDay(), now.Add(5*day)).Decision
	require.Equal(t, won.Since.Add(23*time.Hour), delayed.Since)
}

// A unit that is sealed by one assignment stays as it is when an earlier one of it turns up.
func TestAnEarlierAssignmentThatTurnsUpTakesNoSealedUnitAway(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("b", "short", start.Add(time.Hour), func(a *scoring.Assignment) { a.Unit = "acme" })
	r.score("b", scoring.Bool("merged", true), start.Add(2*time.Hour))
	before := r.units(t, oneDay(), start.Add(4*day))
	r.assign("a", "control", start, func(a *scoring.Assignment) { a.Unit, a.RecordedAt = "acme", start.Add(3*day) })
	r.score("a", scoring.Bool("merged", false), start.Add(time.Hour))
	require.Equal(t, before, r.units(t, oneDay(), start.Add(4*day)))
	require.False(t, before[0].TooLate)
	r.assignments[0].Position = 1
	require.Equal(t, before, r.units(t, oneDay(), start.Add(4*day)))
}

// A run that was reset to after the seal of its unit is none of its own, although the store learned of it, and sealed it, before
// it learned of the reset.
func TestARunThatFollowsAResetIsNoUnitBeforeTheResetIsKnown(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start, func(a *scoring.Assignment) { a.OriginalRunID = "a" })
	r.assign("a2", "short", start.Add(time.Hour), func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-a", "a" })
	before := r.units(t, oneDay(), start.Add(3*day))
	require.Len(t, before, 1)
	r.assignments[0].Superseded, r.assignments[0].SupersededAt = true, start.Add(4*day)
	after := r.units(t, oneDay(), start.Add(5*day))
	require.True(t, after[0].Reset)
	after[0].Reset, after[0].ResetAt = false, time.Time{}
	require.Equal(t, before, after)
}
