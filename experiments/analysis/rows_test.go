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

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// rows is a store in the making.
type rows struct {
	assignments []scoring.Assignment
	records     []scoring.Record
	runs        []scoring.RunFacts
	// superseded and unserved have first runs of chains that were reset away, and that were served something else.
	superseded, unserved map[string]time.Time
}

func run(id string) scoring.Run { return scoring.Run{Namespace: "n", WorkflowID: "w-" + id, RunID: id} }

func (r *rows) assign(id, variant string, at time.Time, change ...func(*scoring.Assignment)) {
	a := scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: variant, By: scoring.ByWeight, Unit: id, Run: run(id), FirstRunID: id, At: at,
		Probabilities: map[string]float64{"control": .5, "short": .5},
	}
	for _, c := range change {
		c(&a)
	}
	r.assignments = append(r.assignments, a)
}

func (r *rows) score(id string, s scoring.Score, at time.Time, change ...func(*scoring.Record)) {
	rec := scoring.Record{Score: s, Run: run(id), Source: scoring.FromWorkflow, RecordedAt: at, Revision: 1}
	for _, c := range change {
		c(&rec)
	}
	r.records = append(r.records, rec)
}

func (r *rows) close(id string, status scoring.RunStatus, change ...func(*scoring.RunFacts)) {
	f := scoring.RunFacts{Run: run(id), FirstRunID: id, StartedAt: start, ClosedAt: start.Add(time.Hour), Status: status, Attempt: 1}
	for _, c := range change {
		c(&f)
	}
	r.runs = append(r.runs, f)
}

func (r *rows) units(t *testing.T, d experiments.Definition, now time.Time) []analysis.Unit {
	t.Helper()
	e, err := experiments.New(d)
	require.NoError(t, err)
	units, err := r.read(d, now).Units(e)
	require.NoError(t, err)
	return units
}

func (r *rows) all() experiments.Rows {
	return experiments.Rows{Assignments: r.assignments, Records: r.records, Runs: r.runs}
}

func (r *rows) read(d experiments.Definition, now time.Time) *analysis.Reader {
	return analysis.Read(analysis.ScopeOf(d), r.all(), now)
}

func windowed() experiments.Definition {
	d := definition()
	d.Maturity = 7 * day
	return d
}

// outcome is the primary outcome of the only unit.
func (r *rows) outcome(t *testing.T, d experiments.Definition, now time.Time) analysis.Outcome {
	t.Helper()
	units := r.units(t, d, now)
	require.Len(t, units, 1)
	o := units[0].Outcomes[0]
	o.After = 0
	return o
}

func TestOutcomeOfAUnit(t *testing.T) {
	t.Parallel()
	yes, no := scoring.Bool("merged", true), scoring.Bool("merged", false)
	scored := func(v float64) analysis.Outcome { return analysis.Outcome{State: scoring.Scored, Value: v} }
	imputed := func(v float64) analysis.Outcome {
		return analysis.Outcome{State: scoring.Scored, Value: v, Imputed: true}
	}
	in, out := start.Add(day), start.Add(8*day)
	metric := func(change func(*experiments.Metric)) func(*experiments.Definition) {
		return func(d *experiments.Definition) { change(&d.Primary) }
	}
	keep := func(*experiments.Definition) {}
	tests := []struct {
		name   string
		rows   func(*rows)
		change func(*experiments.Definition)
		want   analysis.Outcome
	}{
		{"scored", func(r *rows) { r.score("a", yes, in) }, keep, scored(1)},
		{"nothing", func(*rows) {}, keep, analysis.Outcome{}},
		{"nothing means no", func(*rows) {}, metric(func(m *experiments.Metric) { m.Missing = experiments.MissingNegative }), imputed(0)},
		{"nothing means the worst of lower is better", func(*rows) {}, metric(func(m *experiments.Metric) {
			m.Missing, m.Direction = experiments.MissingNegative, experiments.Lower
		}), imputed(1)},
		{"late", func(r *rows) { r.score("a", yes, out) }, keep, analysis.Outcome{Late: true}},
		{"observed in time, recorded in the grace", func(r *rows) {
			r.score("a", yes, start.Add(7*day+8*time.Hour), func(r *scoring.Record) { r.ObservedAt = in })
		}, keep, scored(1)},
		{"observed in time, recorded after the seal", func(r *rows) {
			r.score("a", yes, out, func(r *scoring.Record) { r.ObservedAt = in })
		}, keep, analysis.Outcome{Late: true}},
		{"recorded in time, arrived after the seal", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) { r.ArrivedAt = out })
		}, keep, analysis.Outcome{Late: true}},
		{"observed after it was recorded", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) { r.ObservedAt = out })
		}, keep, scored(1)},
		{"a late revision is not applied", func(r *rows) {
			r.score("a", yes, in)
			r.score("a", no, out, func(r *scoring.Record) { r.Revision = 2 })
		}, keep, analysis.Outcome{State: scoring.Scored, Value: 1, Late: true}},
		{"a revision in time is", func(r *rows) {
			r.score("a", yes, in)
			r.score("a", no, in.Add(time.Minute), func(r *scoring.Record) { r.Revision = 2 })
		}, keep, scored(0)},
		{"retracted", func(r *rows) { r.score("a", yes, in, func(r *scoring.Record) { r.Retracted = true }) }, keep, analysis.Outcome{}},
		{"retracted by a later revision", func(r *rows) {
			r.score("a", yes, in)
			r.score("a", yes, in.Add(time.Hour), func(r *scoring.Record) { r.Revision, r.Retracted = 2, true })
		}, keep, analysis.Outcome{}},
		{"what holds is of another step type", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) { r.Step = scoring.Step{ID: "1", Type: "fetch"} })
			r.score("a", no, in.Add(time.Minute), func(r *scoring.Record) { r.Step, r.Revision = scoring.Step{ID: "1", Type: "get"}, 2 })
		}, metric(func(m *experiments.Metric) { m.Step = "fetch" }), analysis.Outcome{}},
		{"a late retraction is neither applied nor a late score", func(r *rows) {
			r.score("a", yes, in)
			r.score("a", yes, out, func(r *scoring.Record) { r.Revision, r.Retracted = 2, true })
		}, keep, scored(1)},
		{"superseded", func(r *rows) { r.score("a", yes, in, func(r *scoring.Record) { r.Superseded = true }) }, keep, analysis.Outcome{}},
		{"pending at the end of the window", func(r *rows) {
			r.score("a", scoring.Score{Name: "merged", State: scoring.Pending}, in)
		}, keep, analysis.Outcome{}},
		{"expired", func(r *rows) { r.score("a", scoring.Expire("merged"), in) }, keep, analysis.Outcome{State: scoring.Expired}},
		{"not applicable stays", func(r *rows) { r.score("a", scoring.Decline("merged", ""), in); r.close("a", scoring.RunFailed) },
			metric(func(m *experiments.Metric) { m.Missing = experiments.MissingNegative }), analysis.Outcome{State: scoring.Declined}},
		{"error stays", func(r *rows) { r.score("a", scoring.Fail("merged", ""), in) },
			metric(func(m *experiments.Metric) { m.Missing = experiments.MissingNegative }), analysis.Outcome{State: scoring.Failed}},
		{"failed run", func(r *rows) { r.close("a", scoring.RunFailed) }, keep, imputed(0)},
		{"timed-out run", func(r *rows) { r.close("a", scoring.RunTimedOut) }, keep, imputed(0)},
		{"canceled run", func(r *rows) { r.close("a", scoring.RunCanceled) }, keep, imputed(0)},
		{"failed run, policy unknown", func(r *rows) { r.close("a", scoring.RunFailed) },
			metric(func(m *experiments.Metric) { m.FailureUnknown = true }), analysis.Outcome{}},
		{"completed run without a score", func(r *rows) { r.close("a", scoring.RunCompleted) }, keep, analysis.Outcome{}},
		{"failed run after the window, of which the engine knows", func(r *rows) {
			r.close("a", scoring.RunFailed, func(f *scoring.RunFacts) { f.ClosedAt = out })
		}, metric(func(m *experiments.Metric) { m.Name, m.Direction = experiments.RunFailed, experiments.Lower }), analysis.Outcome{Late: true}},
		{"completed run after the window, of which the engine knows", func(r *rows) {
			r.close("a", scoring.RunCompleted, func(f *scoring.RunFacts) { f.ClosedAt = out })
		}, metric(func(m *experiments.Metric) { m.Name, m.Direction = experiments.RunFailed, experiments.Lower }), analysis.Outcome{Late: true}},
		{"attempts that nobody has said", func(r *rows) {
			r.close("a", scoring.RunCompleted, func(f *scoring.RunFacts) { f.Attempt = 0 })
		}, metric(func(m *experiments.Metric) { m.Name, m.Type = experiments.RunAttempts, experiments.Unbounded }), analysis.Outcome{}},
		{"duration of a chain of which nobody has said when it began", func(r *rows) {
			r.close("a", scoring.RunCompleted, func(f *scoring.RunFacts) { f.StartedAt = time.Time{} })
		}, metric(func(m *experiments.Metric) { m.Name, m.Type = experiments.RunDuration, experiments.Unbounded }), analysis.Outcome{}},
		{"a run that has not said when it began is the last one if it became known last", func(r *rows) {
			r.close("a", scoring.RunFailed)
			r.close("b", "", func(f *scoring.RunFacts) {
				f.Run.WorkflowID, f.FirstRunID, f.StartedAt, f.ClosedAt = "w-a", "a", time.Time{}, time.Time{}
			})
		}, keep, analysis.Outcome{}},
		{"a run that became known first and has not said when it began is the first one", func(r *rows) {
			r.close("b", "", func(f *scoring.RunFacts) {
				f.Run.WorkflowID, f.FirstRunID, f.StartedAt, f.ClosedAt = "w-a", "a", time.Time{}, time.Time{}
			})
			r.close("a", scoring.RunFailed)
		}, keep, imputed(0)},
		{"observed at the end of the window", func(r *rows) { r.score("a", yes, start.Add(7*day)) }, keep, analysis.Outcome{Late: true}},
		{"pending after the window is not late", func(r *rows) {
			r.score("a", scoring.Score{Name: "merged", State: scoring.Pending}, out)
		}, keep, analysis.Outcome{}},
		{"expired after the window is not late", func(r *rows) { r.score("a", scoring.Expire("merged"), out) }, keep, analysis.Outcome{}},
		{"said again after the window is not late", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) {
				r.Said = []scoring.Said{{RecordedAt: in}, {RecordedAt: out}}
			})
		}, keep, scored(1)},
		{"said again before what arrived last", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) {
				r.Source, r.Said = scoring.FromClient, []scoring.Said{{RecordedAt: in}, {RecordedAt: in.Add(2 * day)}}
			})
			r.score("a", no, in.Add(day), func(r *scoring.Record) { r.Source, r.Revision = scoring.FromClient, 2 })
		}, keep, scored(1)},
		{"failed run with a score", func(r *rows) { r.close("a", scoring.RunFailed); r.score("a", yes, in) }, keep, scored(1)},
		{"impossible value", func(r *rows) { r.score("a", scoring.Number("merged", 7), in) }, keep, analysis.Outcome{State: scoring.Failed}},
		{"cut at the cap", func(r *rows) { r.score("a", scoring.Number("merged", 70), in) },
			metric(func(m *experiments.Metric) { m.Type, m.Cap = experiments.Capped, 50 }),
			analysis.Outcome{State: scoring.Scored, Value: 50, Capped: true}},
		{"cut at 0", func(r *rows) { r.score("a", scoring.Number("merged", -5), in) },
			metric(func(m *experiments.Metric) { m.Type, m.Cap = experiments.Capped, 50 }),
			analysis.Outcome{State: scoring.Scored, Value: 0, Capped: true}},
		{"neither", func(r *rows) { r.score("a", scoring.Number("merged", 50), in) },
			metric(func(m *experiments.Metric) { m.Type, m.Cap = experiments.Capped, 50 }), scored(50)},
		{"another name", func(r *rows) { r.score("a", scoring.Bool("thumbs", true), in) }, keep, analysis.Outcome{}},
		{"a step's score is not the run's", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) { r.Step = scoring.Step{ID: "1", Type: "Answer"} })
		}, keep, analysis.Outcome{}},
		{"steps are averaged", func(r *rows) {
			r.score("a", yes, in, func(r *scoring.Record) { r.Step = scoring.Step{ID: "1", Type: "Answer"} })
			r.score("a", no, in, func(r *scoring.Record) { r.Step = scoring.Step{ID: "2", Type: "Answer"} })
			r.score("a", no, in, func(r *scoring.Record) { r.Step = scoring.Step{ID: "3", Type: "Search"} })
		}, metric(func(m *experiments.Metric) { m.Step = "Answer" }), scored(.5)},
		{"the last run of the chain", func(r *rows) {
			r.close("a", scoring.RunContinuedAsNew)
			r.close("b", scoring.RunCompleted, func(f *scoring.RunFacts) {
				f.Run.WorkflowID, f.FirstRunID, f.StartedAt = "w-a", "a", start.Add(time.Hour)
			})
			r.score("b", no, in, func(r *scoring.Record) { r.Run.WorkflowID = "w-a" })
			r.score("a", yes, in.Add(time.Hour))
		}, keep, scored(0)},
		{"the only run of the chain that says anything", func(r *rows) {
			r.close("a", scoring.RunContinuedAsNew)
			r.close("b", scoring.RunCompleted, func(f *scoring.RunFacts) {
				f.Run.WorkflowID, f.FirstRunID, f.StartedAt = "w-a", "a", start.Add(time.Hour)
			})
			r.score("a", yes, in)
		}, keep, scored(1)},
		{"a child that inherited the assignment", func(r *rows) {
			r.close("a", scoring.RunCompleted)
			r.close("child", scoring.RunCompleted, func(f *scoring.RunFacts) {
				f.Assigned = []scoring.Ref{{Experiment: "prompt", Version: "1", Variant: "short", FirstRunID: "a"}}
			})
			r.score("child", yes, in)
		}, metric(func(m *experiments.Metric) { m.Missing = experiments.MissingNegative }), scored(1)},
		{"a child that says nothing takes nothing away", func(r *rows) {
			r.close("child", scoring.RunFailed, func(f *scoring.RunFacts) {
				f.Assigned = []scoring.Ref{{Experiment: "prompt", Version: "1", Variant: "short", FirstRunID: "a"}}
			})
			r.score("a", yes, in)
		}, metric(func(m *experiments.Metric) { m.Missing = experiments.MissingNegative }), scored(1)},
		{"duration", func(r *rows) { r.close("a", scoring.RunCompleted) },
			metric(func(m *experiments.Metric) { m.Name, m.Type = experiments.RunDuration, experiments.Unbounded }), scored(3600)},
		{"failure", func(r *rows) { r.close("a", scoring.RunTimedOut) },
			metric(func(m *experiments.Metric) { m.Name, m.Direction = experiments.RunFailed, experiments.Lower }), scored(1)},
		{"ratio", func(r *rows) {
			r.score("a", scoring.Number("cost", 6), in)
			r.score("a", scoring.Number("tickets", 2), in)
		},
			metric(func(m *experiments.Metric) { m.Name, m.Type, m.Denominator = "cost", experiments.Unbounded, "tickets" }),
			analysis.Outcome{State: scoring.Scored, Value: 6, Per: 2}},
		{"ratio without its denominator", func(r *rows) { r.score("a", scoring.Number("cost", 6), in) },
			metric(func(m *experiments.Metric) { m.Name, m.Type, m.Denominator = "cost", experiments.Unbounded, "tickets" }),
			analysis.Outcome{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &rows{}
			r.assign("a", "short", start)
			test.rows(r)
			d := windowed()
			test.change(&d)
			require.Equal(t, test.want, r.outcome(t, d, start.Add(30*day)))
		})
	}
}

func TestUnitsMatureWhenTheirWindowCloses(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	r.score("a", scoring.Bool("merged", true), start.Add(day))
	d := windowed()
	require.Empty(t, r.units(t, d, start.Add(-time.Second)), "not assigned yet")
	require.False(t, r.units(t, d, start.Add(7*day-1))[0].Mature)
	d.Grace = day
	inGrace := r.units(t, d, start.Add(7*day))[0]
	require.False(t, inGrace.Mature)
	require.True(t, inGrace.InGrace)
	require.Equal(t, start.Add(8*day), inGrace.SealedAt)
	require.False(t, r.units(t, d, start.Add(8*day-1))[0].Mature)
	sealed := r.units(t, d, start.Add(8*day))[0]
	require.True(t, sealed.Mature)
	require.False(t, sealed.InGrace)
	require.Empty(t, r.units(t, d, start)[0].Outcomes[0].State, "not recorded yet")

	// Silence means no only when the unit is sealed.
	silent := &rows{assignments: r.assignments}
	d.Primary.Missing = experiments.MissingNegative
	require.Empty(t, silent.units(t, d, start.Add(8*day-1))[0].Outcomes[0].State)
	require.Equal(t, scoring.Scored, silent.units(t, d, start.Add(8*day))[0].Outcomes[0].State)
	d.Primary.Missing = ""

	// Without a window a unit is final when its score is there, or its chain has ended.
	d.Maturity, d.Grace = 0, 0
	require.True(t, r.units(t, d, start.Add(day))[0].Mature)
	r.records = nil
	require.False(t, r.units(t, d, start.Add(day))[0].Mature)
	r.close("a", scoring.RunFailed)
	require.True(t, r.units(t, d, start.Add(day))[0].Mature)
	require.False(t, r.units(t, d, start)[0].Mature, "it had not ended then")
	r.runs[0].Status = scoring.RunContinuedAsNew
	require.False(t, r.units(t, d, start.Add(day))[0].Mature)
}

func TestWhoIsKeptOut(t *testing.T) {
	t.Parallel()
	r := &rows{}
	by := func(by scoring.AssignedBy) func(*scoring.Assignment) {
		return func(a *scoring.Assignment) { a.By = by }
	}
	r.assign("a", "short", start)
	r.assign("b", "short", start, by(scoring.ByForce))
	r.assign("c", "short", start, by(scoring.ByPause))
	r.assign("d", "short", start, by(experiments.ByHoldout))
	r.assign("e", "short", start, func(a *scoring.Assignment) { a.Superseded = true })
	r.assign("f", "short", start, func(a *scoring.Assignment) { a.Version = "2" })
	r.assign("g", "short", start, func(a *scoring.Assignment) { a.Experiment = "other" })
	e, err := experiments.New(windowed())
	require.NoError(t, err)
	read := r.read(windowed(), start.Add(day))
	require.Equal(t, 1, read.Len())
	require.Equal(t, analysis.Left{
		By: map[scoring.AssignedBy]int{scoring.ByForce: 1, scoring.ByPause: 1, experiments.ByHoldout: 1}, Superseded: 1,
	}, read.Left())

	r.assign("h", "shrt", start)
	_, err = analysis.Of(e, r.all(), start)
	require.Equal(t, []string{"variant"}, mistakes(t, err))
}

func TestAnEntityIsOneUnit(t *testing.T) {
	t.Parallel()
	d := windowed()
	d.Unit = "customer"
	r := &rows{}
	of := func(a *scoring.Assignment) { a.By, a.Unit = scoring.ByBucket, "acme" }
	for i, v := range []bool{true, false, true, true} {
		id := fmt.Sprint(i)
		r.assign(id, "short", start.Add(time.Duration(i)*day), of)
		r.score(id, scoring.Bool("merged", v), start.Add(time.Duration(i)*day+time.Hour))
	}
	r.assign("open", "short", start.Add(4*day), of) // says nothing
	r.assign("after", "short", start.Add(7*day), of)
	r.score("after", scoring.Bool("merged", false), start.Add(7*day))
	units := r.units(t, d, start.Add(9*day))
	require.Len(t, units, 1)
	require.Equal(t, .75, units[0].Outcomes[0].Value)
	require.False(t, units[0].Crossed)

	d.Primary.Missing = experiments.MissingNegative
	require.Equal(t, .6, r.units(t, d, start.Add(9*day))[0].Outcomes[0].Value)

	r.assign("x", "control", start.Add(5*day), of)
	r.score("x", scoring.Bool("merged", false), start.Add(5*day))
	units = r.units(t, d, start.Add(9*day))
	require.True(t, units[0].Crossed)
	require.Equal(t, .6, units[0].Outcomes[0].Value, "only its first variant counts")
}

func TestInfer(t *testing.T) {
	t.Parallel()
	r := &rows{}
	r.assign("a", "short", start)
	_, err := analysis.Infer(nil, nil, "merged", "")
	require.Equal(t, []string{"assignments"}, mistakes(t, err))

	infer := func(scores ...scoring.Score) experiments.Definition {
		q := &rows{assignments: r.assignments}
		for _, s := range scores {
			q.score("a", s, start)
		}
		d, err := analysis.Infer(q.assignments, q.records, "merged", "")
		require.NoError(t, err)
		_, err = experiments.New(d)
		require.NoError(t, err)
		return d
	}
	d := infer(scoring.Bool("merged", true), scoring.Expire("merged"))
	require.Equal(t, experiments.Boolean, d.Primary.Type)
	require.Equal(t, "control", d.Control)
	require.Equal(t, []experiments.Variant{{Name: "control", Weight: .5}, {Name: "short", Weight: .5}}, d.Variants)
	require.Equal(t, experiments.Bounded, infer(scoring.Number("merged", 0), scoring.Number("merged", 1)).Primary.Type)
	require.Equal(t, experiments.Unbounded, infer(scoring.Number("merged", 0), scoring.Number("merged", 1.01)).Primary.Type)

	d, err = analysis.Infer(r.assignments, nil, experiments.RunDuration, "short")
	require.NoError(t, err)
	require.Equal(t, experiments.Unbounded, d.Primary.Type)
	require.Equal(t, "short", d.Control)
	_, err = analysis.Infer(r.assignments, nil, "merged", "nobody")
	require.Equal(t, []string{"control"}, mistakes(t, err))

	r.assign("b", "short", start, func(a *scoring.Assignment) { a.Version = "2" })
	_, err = analysis.Infer(r.assignments, nil, "merged", "")
	require.Equal(t, []string{"assignments"}, mistakes(t, err))
}
