package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// oneDay has a window of a day and a grace of 72 minutes.
func oneDay() experiments.Definition {
	d := definition()
	d.Maturity = day
	return d
}

// A status counts if the run had it at the end of the window.
func TestStatusAfterTheWindow(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.close("a", scoring.RunFailed, func(f *scoring.RunFacts) { f.ClosedAt = start.Add(3 * day) })
	require.Equal(t, analysis.Outcome{}, r.outcome(t, oneDay(), start.Add(2*day)))
	require.Equal(t, analysis.Outcome{}, r.outcome(t, oneDay(), start.Add(4*day)))

	r.runs[0].ClosedAt = start.Add(day - 1)
	require.True(t, r.outcome(t, oneDay(), start.Add(2*day)).Imputed)
	r.runs[0].Learned.End = start.Add(2 * day)
	require.Equal(t, analysis.Outcome{}, r.outcome(t, oneDay(), start.Add(4*day)), "the store learned of its end after the seal")
	r.runs[0].Learned.End = start.Add(day + time.Hour)
	require.True(t, r.outcome(t, oneDay(), start.Add(4*day)).Imputed)
}

// A retry that starts after the window takes no failure back, also in a report of the past.
func TestRetryAfterTheWindow(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.close("a", scoring.RunFailed)
	atSeal := r.outcome(t, oneDay(), start.Add(2*day))
	require.True(t, atSeal.Imputed)
	r.close("a", scoring.RunCompleted, func(f *scoring.RunFacts) {
		f.Run.RunID = "a2"
		f.StartedAt, f.ClosedAt = start.Add(2*day), start.Add(3*day)
	})
	require.Equal(t, atSeal, r.outcome(t, oneDay(), start.Add(2*day)))
	require.Equal(t, atSeal, r.outcome(t, oneDay(), start.Add(4*day)))
	r.runs[1].StartedAt = start.Add(2 * time.Hour)
	require.False(t, r.outcome(t, oneDay(), start.Add(4*day)).Imputed)
	r.runs[1].Learned.Run = start.Add(3 * day)
	require.Equal(t, atSeal, r.outcome(t, oneDay(), start.Add(4*day)), "the store learned of it after the seal")
}

// A run that is reset away before the seal leaves, and the new one is the unit; after it the unit stays, is marked, and the
// new one is none of its own.
func TestReset(t *testing.T) {
	t.Parallel()
	reset := func(at time.Time) *rows {
		r := &rows{}
		r.assign("a", "short", start, func(a *scoring.Assignment) { a.OriginalRunID = "a" })
		r.score("a", scoring.Bool("merged", true), start.Add(time.Hour))
		if at.IsZero() {
			return r
		}
		r.assignments[0].Superseded, r.assignments[0].SupersededAt = true, at
		r.records[0].Superseded, r.records[0].SupersededAt = true, at
		r.assign("a2", "short", at, func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-a", "a" })
		return r
	}
	now := start.Add(30 * day)
	untouched := reset(time.Time{}).units(t, oneDay(), now)

	before := reset(start.Add(2*time.Hour)).units(t, oneDay(), now)
	require.Len(t, before, 1)
	require.Equal(t, start.Add(2*time.Hour), before[0].At)
	require.Equal(t, analysis.Outcome{After: day}, before[0].Outcomes[0])

	r := reset(start.Add(2 * day))
	after := r.units(t, oneDay(), now)
	require.Len(t, after, 1)
	require.True(t, after[0].Reset)
	require.Equal(t, start.Add(2*day), after[0].ResetAt)
	after[0].Reset, after[0].ResetAt = false, time.Time{}
	require.Equal(t, untouched, after)
	require.Equal(t, 1, r.read(oneDay(), now).Left().Superseded)

	r.assignments[0].SupersededAt = time.Time{} // from an earlier release
	require.Equal(t, start.Add(2*day), r.units(t, oneDay(), now)[0].At, "as it was reported")
	r.assignments[0].Position, r.records[0].SupersededAt = 1, time.Time{}
	stored := r.units(t, oneDay(), now)
	require.Len(t, stored, 1)
	require.True(t, stored[0].Reset)
	require.Equal(t, untouched[0].Outcomes, stored[0].Outcomes, "the store had sealed it")
}

// A run of the unit's own chain that is reset away after the seal stays too.
func TestResetWithinTheChain(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.close("a", scoring.RunCompleted)
	r.score("a", scoring.Bool("merged", false), start.Add(time.Hour))
	r.runs[0].Learned = scoring.Learned{Removed: true, Reset: start.Add(2 * day)}
	r.records[0].Superseded, r.records[0].SupersededAt = true, start.Add(2*day)
	r.close("again", scoring.RunCompleted, func(f *scoring.RunFacts) {
		f.Run.WorkflowID, f.FirstRunID, f.StartedAt, f.ClosedAt = "w-a", "a", start.Add(2*day), start.Add(3*day)
	})
	r.score("again", scoring.Bool("merged", true), start.Add(2*day), func(r *scoring.Record) { r.Run.WorkflowID = "w-a" })
	u := r.units(t, oneDay(), start.Add(4*day))[0]
	require.True(t, u.Reset)
	require.Equal(t, []any{scoring.Scored, 0.}, []any{u.Outcomes[0].State, u.Outcomes[0].Value})
}

// What becomes of an assignment is decided by the seal of its unit, also if it was made before the one that sealed the unit, and the
// store learned of it after that.
func TestAnEarlierAssignmentThatIsKnownLater(t *testing.T) {
	t.Parallel()
	seal := day + oneDay().WithDefaults().Grace
	for reset, want := range map[time.Duration]int{seal + time.Hour: 1, seal + 20*time.Hour: 0} {
		r := &rows{}
		r.assign("first", "short", start, func(a *scoring.Assignment) {
			a.Unit, a.OriginalRunID, a.RecordedAt, a.Superseded, a.SupersededAt = "u", "first", start.Add(8*day), true, start.Add(reset)
		})
		r.assign("second", "short", start.Add(10*time.Hour), func(a *scoring.Assignment) {
			a.Unit, a.OriginalRunID, a.RecordedAt, a.Position, a.SealedAt = "u", "second", a.At, 1, a.At.Add(seal)
		})
		now := start.Add(9 * day)
		require.Equal(t, want, r.read(oneDay(), now).Left().Superseded)
		units := r.units(t, oneDay(), now)
		require.Len(t, units, 1)
		require.Equal(t, start.Add(10*time.Hour), units[0].At)

		// It is a run that a reset made of one that counts, and is known too late to be left out for that.
		r.assignments[0].Superseded, r.assignments[0].Run.WorkflowID, r.assignments[0].OriginalRunID = false, "w-before", "before"
		r.assign("before", "short", start.Add(-time.Hour), func(a *scoring.Assignment) {
			a.OriginalRunID, a.RecordedAt, a.Position, a.SealedAt = "before", a.At, 1, a.At.Add(seal)
		})
		r.assignments[1].Position = 2
		require.Zero(t, r.read(oneDay(), now).Left().Superseded)
		require.Len(t, r.units(t, oneDay(), now), 2)
	}
}

// What a run says of having been served something else after the seal marks the unit.
func TestUnservedAfterTheSeal(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]int{start.Add(time.Hour): 0, {}: 0, start.Add(2 * day): 1} {
		r := &rows{}
		r.assign("a", "short", start, func(a *scoring.Assignment) { a.Unserved, a.UnservedAt = true, at })
		units := r.units(t, oneDay(), start.Add(4*day))
		require.Len(t, units, want)
		require.Equal(t, 1-want, r.read(oneDay(), start.Add(4*day)).Left().Unserved)
		for _, u := range units {
			require.True(t, u.Reset)
		}
	}
}

// The time at which the store sealed a unit stands, also where the definition would have another now.
func TestTheStoredSealStands(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start, func(a *scoring.Assignment) { a.Position, a.SealedAt = 1, start.Add(day+time.Minute) })
	r.score("a", scoring.Bool("merged", true), start.Add(time.Hour), func(rec *scoring.Record) { rec.ArrivedAt = start.Add(day + 2*time.Minute) })
	u := r.units(t, oneDay(), start.Add(2*day))[0]
	require.Equal(t, start.Add(day+time.Minute), u.SealedAt)
	require.Empty(t, u.Outcomes[0].State, "it arrived after the seal")
	r.assignments[0].Position, r.assignments[0].SealedAt = 0, time.Time{}
	require.Equal(t, scoring.Scored, r.units(t, oneDay(), start.Add(2*day))[0].Outcomes[0].State)
}

// What was served under an assignment that arrives after the seal says nothing of the unit, although the store learned of it before.
func TestUnservedUnderAnAssignmentThatIsTooLate(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.score("a", scoring.Bool("merged", true), start.Add(time.Hour))
	before := r.units(t, oneDay(), start.Add(4*day))
	r.assign("b", "short", start.Add(time.Hour), func(a *scoring.Assignment) {
		a.Unit, a.RecordedAt, a.Unserved, a.UnservedAt = "a", start.Add(3*day), true, start.Add(2*time.Hour)
	})
	require.Equal(t, before, r.units(t, oneDay(), start.Add(4*day)))
}

// What an earlier release wrote has no times. It counts as it did, before the first seal of the store and after it.
func TestWithoutTimes(t *testing.T) {
	t.Parallel()
	for name, apply := range map[string]func(*rows){
		"served something else": func(r *rows) { r.assignments[0].Unserved = true },
		"a run reset away within the chain": func(r *rows) {
			r.close("a", scoring.RunFailed)
			r.runs[0].Learned.Removed = true
			r.score("a", scoring.Bool("merged", true), start.Add(time.Hour), func(rec *scoring.Record) { rec.Superseded = true })
			r.close("again", scoring.RunCompleted, func(f *scoring.RunFacts) { f.Run.WorkflowID, f.FirstRunID = "w-a", "a" })
			r.score("again", scoring.Bool("merged", false), start.Add(2*time.Hour), func(rec *scoring.Record) { rec.Run.WorkflowID = "w-a" })
		},
		"a second chain reset away": func(r *rows) {
			r.assign("b", "short", start.Add(time.Hour), func(a *scoring.Assignment) { a.Unit, a.Superseded = "a", true })
			r.score("a", scoring.Bool("merged", true), start.Add(time.Hour))
			r.score("b", scoring.Bool("merged", false), start.Add(time.Hour), func(rec *scoring.Record) { rec.Superseded = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rows{}
			r.assign("a", "short", start)
			apply(r)
			before, left := r.units(t, oneDay(), start.Add(2*day)), r.read(oneDay(), start.Add(2*day)).Left()
			r.assignments[0].Position = 1
			require.Equal(t, before, r.units(t, oneDay(), start.Add(2*day)))
			require.Equal(t, left, r.read(oneDay(), start.Add(2*day)).Left())
		})
	}
}

// An assignment that the store learned of after its seal, or that lies before the last stored seal, counts in the sample
// ratio alone.
func TestKnownTooLate(t *testing.T) {
	t.Parallel()
	r := &rows{}
	for i := range 60 {
		id := fmt.Sprint(i)
		r.assign(id, []string{"control", "short"}[i%2], start.Add(time.Duration(i)*time.Minute), func(a *scoring.Assignment) {
			a.Position = int64(i + 1)
			switch {
			case i == 1:
				a.RecordedAt, a.Position = start.Add(3*day), 0
			case i == 3:
				a.Position = 0 // of a worker that says nothing of when
			case i > 40:
				a.RecordedAt, a.Position = a.At, 0
			}
		})
		r.score(id, scoring.Bool("merged", true), start.Add(time.Hour))
	}
	e, err := experiments.New(oneDay())
	require.NoError(t, err)
	report, err := analysis.Of(e, r.all(), start.Add(4*day))
	require.NoError(t, err)
	require.Equal(t, []analysis.SealCounts{{Variant: "control", Sealed: 30}, {Variant: "short", Sealed: 28, TooLate: 2}}, report.Seals)
	require.Equal(t, 60, report.Units)
	require.Equal(t, 28, report.Metrics[0].Variants[1].Assigned)
	require.Equal(t, 60, report.Epochs[0].Units, "the sample ratio has them")
	require.Contains(t, strings.Join(report.Notes, "\n"), "the store learned of 2 of 60 units after their seal: they count in the sample ratio alone (2 of short)")

	units := r.units(t, oneDay(), start.Add(4*day))
	for i, u := range units {
		require.Equal(t, i >= 58, u.TooLate, "they come last: the numbers of the others stay")
	}

	report, err = analysis.Of(e, r.all(), start.Add(day+time.Hour))
	require.NoError(t, err)
	require.Contains(t, strings.Join(report.Notes, "\n"), "59 units are in their grace", "nobody had learned of one yet")
	require.Equal(t, 59, report.Seals[0].InGrace+report.Seals[1].InGrace)
	require.Equal(t, 30, report.Metrics[0].Variants[0].InGrace)
}

// Without a window, units count in the order in which they become final, so that one who adds them as they do has the
// report's figures; and the report says that nothing is guaranteed.
func TestWithoutAWindow(t *testing.T) {
	t.Parallel()
	r := &rows{}
	ids := []string{"a", "b", "c", "d", "e"}
	for i, id := range ids {
		r.assign(id, []string{"short", "control"}[i%2], start.Add(time.Duration(i)*time.Minute))
	}
	r.score("b", scoring.Bool("merged", true), start.Add(time.Hour))
	r.score("c", scoring.Bool("merged", false), start.Add(2*time.Hour))
	r.close("d", scoring.RunCompleted, func(f *scoring.RunFacts) { f.ClosedAt = start.Add(150 * time.Minute) })
	r.score("a", scoring.Bool("merged", true), start.Add(3*time.Hour))
	e, err := experiments.New(definition())
	require.NoError(t, err)
	now := start.Add(4 * time.Hour)
	folded, added := analysis.New(e), map[time.Time]bool{}
	for at := start; !at.After(now); at = at.Add(10 * time.Minute) {
		for _, u := range r.units(t, definition(), at) {
			if u.Mature && !added[u.At] {
				added[u.At] = true
				require.NoError(t, folded.Add(u))
			}
		}
	}
	units := r.units(t, definition(), now)
	require.Equal(t, start.Add(4*time.Minute), units[4].At, "the open one")
	require.NoError(t, folded.Add(units[4]))
	scratch, err := analysis.Of(e, r.all(), now)
	require.NoError(t, err)
	require.Equal(t, scratch, folded.Report(now))
	require.Contains(t, strings.Join(scratch.Notes, "\n"), "so nothing is guaranteed")
}

// event is a row, or a change of one, that the store learns of.
type event struct {
	at    time.Time
	apply func(*rows)
}

// drawEvents draws what becomes of units whose window is a day, in time, late, and after their seals.
func drawEvents(t *rapid.T, units int) []event {
	var events []event
	minutes := func(what string, upTo int) time.Duration {
		return time.Duration(rapid.IntRange(0, upTo).Draw(t, what)) * time.Minute
	}
	const long = 3 * 24 * 60
	// learn adds an event that happens at a time and that the store learns of then, or later.
	learn := func(happens time.Time, apply func(*rows, time.Time)) time.Time {
		at := happens
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
			at = at.Add(minutes("delay", long))
		}
		events = append(events, event{at, func(r *rows) { apply(r, at) }})
		return at
	}
	for u := range units {
		unit := fmt.Sprint(u)
		at := start.Add(minutes("assigned", 2*60) + time.Duration(u)*time.Second) // each its own
		variant := rapid.SampledFrom([]string{"control", "short"}).Draw(t, "variant")
		learn(at, func(r *rows, known time.Time) {
			r.assign(unit, variant, at, func(a *scoring.Assignment) { a.OriginalRunID, a.RecordedAt = unit, known })
		})
		for i := range rapid.IntRange(0, 2).Draw(t, "runs") {
			id := unit + strings.Repeat("'", i)
			facts := func(r *rows) *scoring.RunFacts {
				at := slices.IndexFunc(r.runs, func(f scoring.RunFacts) bool { return f.Run.RunID == id })
				if at < 0 {
					return nil
				}
				return &r.runs[at]
			}
			began := at.Add(minutes("began", long/2))
			known := learn(began, func(r *rows, known time.Time) {
				r.close(id, "", func(f *scoring.RunFacts) {
					f.Run.WorkflowID, f.FirstRunID, f.StartedAt, f.ClosedAt = "w-"+unit, unit, time.Time{}, time.Time{}
					f.Learned.Run = known
				})
			})
			after := func(at time.Time) time.Time {
				if at.Before(known) {
					return known
				}
				return at
			}
			flushed := learn(after(began.Add(minutes("flush", long/2))), func(r *rows, known time.Time) {
				f := facts(r)
				f.StartedAt, f.Learned.Start, f.Learned.Flush = began, known, known
			})
			ended := began.Add(minutes("took", long/2))
			if ended.After(flushed) {
				flushed = ended
			}
			status := rapid.SampledFrom([]scoring.RunStatus{scoring.RunCompleted, scoring.RunFailed, scoring.RunContinuedAsNew}).Draw(t, "status")
			kind := rapid.SampledFrom([]string{"", "NoIndex", "Refused"}).Draw(t, "type")
			learn(flushed, func(r *rows, known time.Time) {
				f := facts(r)
				f.Status, f.FailureType, f.ClosedAt, f.Learned.End = status, kind, ended, known
			})
			for revision := range rapid.IntRange(0, 3).Draw(t, "revisions") {
				observed, value := began.Add(minutes("observed", long/2)), rapid.Bool().Draw(t, "value")
				gone := rapid.IntRange(0, 5).Draw(t, "retracted") == 0
				recorded := observed.Add(minutes("recorded", 60))
				learn(after(recorded), func(r *rows, known time.Time) {
					r.score(id, scoring.Bool("merged", value), recorded, func(rec *scoring.Record) {
						rec.Run.WorkflowID, rec.Revision, rec.Retracted, rec.ArrivedAt, rec.Source = "w-"+unit, revision+1, gone, known, scoring.FromClient
						rec.ObservedAt = observed
					})
				})
			}
			if rapid.IntRange(0, 3).Draw(t, "reset") == 0 {
				learn(known.Add(minutes("reset at", long)), func(r *rows, known time.Time) {
					f := facts(r)
					f.Learned.Removed, f.Learned.Reset = true, known
				})
			}
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "more chains") {
			id := fmt.Sprint(unit, "-", i)
			more := at.Add(minutes("assigned again", long) - 24*time.Hour + time.Duration(i+1)*time.Millisecond)
			other := rapid.SampledFrom([]string{"control", "short"}).Draw(t, "variant")
			learn(more, func(r *rows, known time.Time) {
				r.assign(id, other, more, func(a *scoring.Assignment) { a.Unit, a.OriginalRunID, a.RecordedAt = unit, id, known })
			})
			learn(more.Add(time.Hour), func(r *rows, known time.Time) {
				r.score(id, scoring.Bool("merged", i == 0), more.Add(time.Hour), func(rec *scoring.Record) { rec.ArrivedAt = known })
			})
			if rapid.IntRange(0, 3).Draw(t, "more reset away") == 0 {
				learn(more.Add(minutes("more again", long)), func(r *rows, known time.Time) { r.supersede(id, known) })
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "reset away") == 0 {
			again := at.Add(minutes("again", long) + 20*time.Second)
			learn(again, func(r *rows, known time.Time) { r.supersede(unit, known) })
			learn(again, func(r *rows, known time.Time) {
				r.assign(unit+"*", variant, again, func(a *scoring.Assignment) {
					a.Run.WorkflowID, a.OriginalRunID, a.RecordedAt = "w-"+unit, unit, known
				})
			})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}

// supersede resets the chain of an assignment away, whether or not its assignment has arrived.
func (r *rows) supersede(id string, known time.Time) {
	if r.superseded == nil {
		r.superseded = map[string]time.Time{}
	}
	r.superseded[id] = known
}

// unserve says of the chain of an assignment that it was served something else.
func (r *rows) unserve(id string, known time.Time) {
	if r.unserved == nil {
		r.unserved = map[string]time.Time{}
	}
	r.unserved[id] = known
}

// known are the rows that the store has at a time.
func known(events []event, at time.Time) *rows {
	r := &rows{}
	for _, e := range events {
		if !e.at.After(at) {
			e.apply(r)
		}
	}
	for i := range r.assignments {
		a := &r.assignments[i]
		if at, ok := r.superseded[a.Run.RunID]; ok {
			a.Superseded, a.SupersededAt = true, at
		}
		if at, ok := r.unserved[a.Run.RunID]; ok {
			a.Unserved, a.UnservedAt = true, at
		}
	}
	for i := range r.records {
		rec := &r.records[i]
		if at, ok := r.superseded[rec.Run.RunID]; ok {
			rec.Superseded, rec.SupersededAt = true, at
		}
	}
	// The scores of a run follow from the run.
	for i, rec := range r.records {
		for _, f := range r.runs {
			if f.Run == rec.Run {
				r.records[i].Superseded, r.records[i].SupersededAt = f.Learned.Removed, f.Learned.Reset
			}
		}
	}
	return r
}

// Any report, at any later time and with any later rows, has the same readings, in the same order, for the units that are
// sealed. Where positions are stored they are the same, too.
func TestSealedUnitsStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, rapid.IntRange(1, 6).Draw(t, "units"))
		d := oneDay()
		d.Primary.Missing = rapid.SampledFrom([]experiments.Missing{experiments.MissingUnknown, experiments.MissingNegative}).Draw(t, "missing")
		d.Guardrails = []experiments.Metric{
			{Name: experiments.RunFailed, Type: experiments.Boolean, Direction: experiments.Lower},
			{Name: experiments.RunDuration, Type: experiments.Unbounded, Direction: experiments.Lower},
		}
		e, err := experiments.New(d)
		require.NoError(t, err)
		sealed := func(now time.Time, stored []analysis.Unit) []analysis.Unit {
			r := known(events, now)
			for i := range r.assignments {
				a := &r.assignments[i]
				for position, u := range stored {
					if a.At.Equal(u.At) {
						a.Position, a.SealedAt = int64(position+1), u.SealedAt
					}
				}
			}
			units, err := r.read(d, now).Units(e)
			require.NoError(t, err)
			out := []analysis.Unit{}
			for _, u := range units {
				if !u.Mature || u.TooLate {
					continue
				}
				u.Reset, u.ResetAt = false, time.Time{} // a mark
				for i := range u.Outcomes {
					u.Outcomes[i].Late = false
				}
				out = append(out, u)
			}
			return out
		}
		at := start
		before := []analysis.Unit{}
		for range 6 {
			at = at.Add(time.Duration(rapid.IntRange(1, 36*60).Draw(t, "later")) * time.Minute)
			now := sealed(at, nil)
			require.GreaterOrEqual(t, len(now), len(before))
			require.Equal(t, before, now[:len(before):len(before)], "at %s", at)
			require.Equal(t, now, sealed(at, before), "with the seals stored so far")
			require.Equal(t, now, sealed(at, now), "with all seals stored")
			before = slices.Clip(now)
		}
	})
}

// A report of the past is the one that was made: what the store learned of since then is not in it.
func TestAReportOfThePastIsTheOneThatWasMade(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t, rapid.IntRange(1, 6).Draw(t, "units"))
		e, err := experiments.New(oneDay())
		require.NoError(t, err)
		then := start.Add(time.Duration(rapid.IntRange(1, 5*24*60).Draw(t, "then")) * time.Minute)
		made, err := analysis.Of(e, known(events, then).all(), then)
		require.NoError(t, err)
		again, err := analysis.Of(e, known(events, then.Add(time.Duration(rapid.IntRange(1, 5*24*60).Draw(t, "later"))*time.Minute)).all(), then)
		require.NoError(t, err)
		require.Equal(t, made, again)
	})
}
