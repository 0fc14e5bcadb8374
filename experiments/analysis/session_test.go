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

// bySession is an experiment on customers.
func bySession() experiments.Definition {
	d := windowed()
	d.Unit, d.Primary = "customer", experiments.Metric{Name: "resolved", Type: experiments.Boolean}.OfSession("customer")
	return d
}

func (r *rows) session(key, id string, s scoring.Score, at time.Time) {
	r.score("", s, at, func(rec *scoring.Record) {
		rec.Run, rec.Source, rec.Session = scoring.Run{Namespace: "n"}, scoring.FromClient, scoring.Session{Key: key, ID: id}
	})
}

// A session's score is its unit's, once, however many runs it has. What is said of its runs, or of another session, is not.
func TestASessionIsAUnit(t *testing.T) {
	t.Parallel()
	d, end := bySession(), start.Add(30*day)
	of := func(unit string) func(*scoring.Assignment) {
		return func(a *scoring.Assignment) { a.Unit, a.By = unit, scoring.ByBucket }
	}
	var r rows
	for _, run := range []string{"r1", "r2", "r3"} {
		r.assign(run, "short", start, of("42"))
		r.score(run, scoring.Bool("resolved", false), start.Add(time.Hour))
		r.close(run, scoring.RunFailed)
	}
	r.session("ticket", "42", scoring.Bool("resolved", false), start.Add(time.Hour))
	r.session("customer", "43", scoring.Bool("resolved", false), start.Add(time.Hour))
	require.Equal(t, analysis.Outcome{}, r.outcome(t, d, end), "missing, and no failed run makes it the worst value")
	r.session("customer", "42", scoring.Bool("resolved", true), start.Add(time.Hour))
	require.Equal(t, analysis.Outcome{State: scoring.Scored, Value: 1}, r.outcome(t, d, end))
	r.session("customer", "42", scoring.Bool("resolved", false), start.Add(8*day))
	require.Equal(t, analysis.Outcome{State: scoring.Scored, Value: 1, Late: true}, r.outcome(t, d, end), "the window was over")

	d.Primary.Step = ""
	require.Equal(t, analysis.Outcome{State: scoring.Scored, Value: 0}, r.outcome(t, d, end), "of its runs")
	d.Primary = experiments.Metric{Name: "asked", Type: experiments.Boolean, Missing: experiments.MissingNegative}.OfSession("customer")
	require.Equal(t, analysis.Outcome{State: scoring.Scored, Imputed: true}, r.outcome(t, d, end))
}

// The report of an experiment on sessions decides by their scores, and shows them beside those of runs.
func TestSessionsDecide(t *testing.T) {
	t.Parallel()
	d := bySession()
	x, err := experiments.New(d)
	require.NoError(t, err)
	require.Equal(t, "resolved of (session customer)", x.Definition().Primary.String())
	var r rows
	for i := range 1200 {
		unit, at, v := fmt.Sprint("c", i), start.Add(time.Duration(i)*time.Minute), i%2
		for n := range 1 + i%3 {
			r.assign(fmt.Sprint(unit, "-", n), d.Variants[v].Name, at, func(a *scoring.Assignment) { a.Unit, a.By = unit, scoring.ByBucket })
			r.score(fmt.Sprint(unit, "-", n), scoring.Bool("resolved", n == 0), at.Add(time.Hour))
		}
		r.session("customer", unit, scoring.Bool("resolved", i%10 < 4+4*v), at.Add(time.Hour))
	}
	o, err := r.read(d, start.Add(30*day)).Overview(x)
	require.NoError(t, err)
	require.Equal(t, experiments.Winner, o.Report.Decision.Verdict)
	require.Equal(t, 600, o.Report.Metrics[0].Variants[0].Scored)
	require.Len(t, o.Places, 2)
	require.Equal(t, []string{"", "(session customer)"}, []string{o.Places[0].Step, o.Places[1].Step})
	require.InDelta(t, .4, *o.Places[1].Variants[0].Mean, 1e-9)
}

// A metric of sessions in an experiment that assigns something else would never have a score.
func TestAMetricOfSessionsNeedsTheUnit(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*experiments.Definition){
		func(d *experiments.Definition) { d.Unit = "" },
		func(d *experiments.Definition) { d.Unit = experiments.UnitRun },
		func(d *experiments.Definition) { d.Unit = "ticket" },
		func(d *experiments.Definition) {
			d.Guardrails = []experiments.Metric{experiments.Metric{Name: "asked", Type: experiments.Boolean}.OfSession("ticket")}
		},
	} {
		d := bySession()
		change(&d)
		_, err := experiments.New(d)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Contains(t, err.Error(), "counts for the unit")
	}
}

// Without a definition the metric may be one of sessions, and then they are the units.
func TestInferAMetricOfSessions(t *testing.T) {
	t.Parallel()
	var r rows
	r.assign("r1", "short", start, func(a *scoring.Assignment) { a.Unit, a.By = "42", scoring.ByBucket })
	r.session("customer", "42", scoring.Number("stars", 4), start.Add(time.Hour))
	d, err := analysis.Infer(r.assignments, r.records, "stars", "")
	require.NoError(t, err)
	require.Equal(t, "customer", d.Unit)
	require.Equal(t, "(session customer)", d.Primary.Step)
	require.Equal(t, 4., r.outcome(t, d, start.Add(day)).Value)
}

// All scores, in an experiment or not, have a session's in a place of its own.
func TestScoresOfSessionsAreTallied(t *testing.T) {
	t.Parallel()
	var r rows
	r.score("r1", scoring.Number("stars", 1), start)
	for i, id := range []string{"1", "2", "3"} {
		r.session("customer", id, scoring.Number("stars", float64(i)), start)
	}
	r.session("ticket", "1", scoring.Number("stars", 5), start)
	var got []string
	for _, tally := range analysis.Scores(r.records) {
		got = append(got, fmt.Sprint(tally.Step, " ", tally.Name, " ", tally.Scored, " of ", tally.Assigned, ": ", *tally.Mean))
	}
	require.Equal(t, []string{" stars 1 of 1: 1", "(session customer) stars 3 of 3: 1", "(session ticket) stars 1 of 1: 5"}, got)
}
