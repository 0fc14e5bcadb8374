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

var intent = scoring.MustCategories("intent", "refund", "question", "complaint")

// A metric that equals a category is decided like a boolean, and the report has the shares of all categories.
func TestACategoryDecides(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Maturity, d.Primary = day, experiments.Metric{Name: "intent"}.Equals("refund")
	x, err := experiments.New(d)
	require.NoError(t, err)
	require.Equal(t, "intent = refund", x.Definition().Primary.String())
	var r rows
	want := map[string][]float64{"complaint": {0, 0}, "question": {0, 0}, "refund": {0, 0}}
	for i := range 1200 {
		id, at, v := fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute), i%2
		category := "question"
		switch {
		case i%10 < 2+5*v:
			category = "refund"
		case i%10 == 9:
			category = "complaint"
		}
		want[category][v]++
		r.assign(id, d.Variants[v].Name, at)
		r.score(id, intent.Score(category), at.Add(time.Hour))
	}
	now := start.Add(30 * day)
	o, err := analysis.Read(analysis.ScopeOf(d), r.all(), now).Overview(x)
	require.NoError(t, err)
	require.Equal(t, experiments.Winner, o.Report.Decision.Verdict)
	require.InDelta(t, .2, *o.Report.Metrics[0].Variants[0].Mean, 1e-9)
	require.Len(t, o.Places, 2)
	require.Equal(t, "refund", o.Places[1].Category)
	require.Equal(t, o.Report.Metrics[0].Variants[0].Mean, o.Places[1].Variants[0].Mean)
	require.Equal(t, []int{600, 600}, o.Places[0].Scored)
	for _, s := range o.Places[0].Shares {
		require.Equal(t, want[s.Category], s.Units, s.Category)
	}
	require.Len(t, o.Places[0].Shares, 3)

	// Where nothing is declared about it, too.
	d.Primary = experiments.Metric{Name: "merged", Type: experiments.Boolean}
	x, err = experiments.New(d)
	require.NoError(t, err)
	reader := analysis.Read(analysis.ScopeOf(d), r.all(), now)
	o, err = reader.Overview(x)
	require.NoError(t, err)
	for _, p := range o.Places {
		if p.Name == "intent" {
			require.Equal(t, want["refund"], p.Shares[2].Units)
			require.Equal(t, 600, p.Variants[1].Scored)
		}
	}
	for v, tally := range reader.Tallies() {
		require.Nil(t, tally.Mean)
		require.Equal(t, 600, tally.Scored)
		require.Equal(t, want["complaint"][v], tally.Shares["complaint"])
	}
}

// What is of another kind than the metric is an error, and never a number.
func TestAScoreOfAnotherKindIsAnError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		metric experiments.Metric
		score  scoring.Score
		want   scoring.State
	}{
		"a category for a boolean":  {experiments.Metric{Name: "intent", Type: experiments.Boolean, Missing: experiments.MissingNegative}, intent.Score("refund"), scoring.Failed},
		"a category for a number":   {experiments.Metric{Name: "intent", Type: experiments.Unbounded}, intent.Score("refund"), scoring.Failed},
		"a number for a category":   {experiments.Metric{Name: "intent"}.Equals("refund"), scoring.Number("intent", 1), scoring.Failed},
		"a boolean for a category":  {experiments.Metric{Name: "intent"}.Equals("refund"), scoring.Bool("intent", true), scoring.Failed},
		"one that is not declared":  {experiments.Metric{Name: "intent"}.Equals("refund"), intent.Score("refnd"), scoring.Failed},
		"another category":          {experiments.Metric{Name: "intent"}.Equals("refund"), intent.Score("question"), scoring.Scored},
		"a category for a category": {experiments.Metric{Name: "intent"}.Equals("refund"), intent.Score("refund"), scoring.Scored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := definition()
			d.Maturity, d.Primary = day, c.metric
			x, err := experiments.New(d)
			require.NoError(t, err)
			var r rows
			r.assign("a", "control", start)
			r.score("a", c.score, start.Add(time.Hour))
			report, err := analysis.Of(x, r.all(), start.Add(30*day))
			require.NoError(t, err)
			n := report.Metrics[0].Variants[0].Counts
			require.Equal(t, c.want == scoring.Failed, n.Error == 1, "%+v", n)
			require.Equal(t, c.want == scoring.Scored, n.Scored == 1, "%+v", n)
		})
	}
}

// A unit of several runs has a part of each category, and more categories than a report tells apart are counted together.
func TestCategoriesOfAUnit(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Maturity, d.Unit = day, "customer"
	x, err := experiments.New(d)
	require.NoError(t, err)
	var r rows
	for i := range 130 {
		id := fmt.Sprintf("%03d", i)
		r.assign(id, "control", start.Add(time.Duration(i)*time.Second), func(a *scoring.Assignment) { a.Unit, a.By = id, scoring.ByBucket })
		r.score(id, scoring.Score{Name: "topic", State: scoring.Scored, Category: "topic " + id}, start.Add(time.Hour))
	}
	r.assign("again", "control", start.Add(time.Hour), func(a *scoring.Assignment) { a.Unit, a.By = "000", scoring.ByBucket })
	r.score("again", scoring.Score{Name: "topic", State: scoring.Scored, Category: "topic 001"}, start.Add(2*time.Hour))
	o, err := analysis.Read(analysis.ScopeOf(d), r.all(), start.Add(30*day)).Overview(x)
	require.NoError(t, err)
	var topics analysis.PlaceReport
	for _, p := range o.Places {
		if p.Name == "topic" {
			topics = p
		}
	}
	require.Equal(t, 130, topics.Scored[0])
	require.Len(t, topics.Shares, scoring.MaxCategories+1)
	sum := 0.0
	for _, s := range topics.Shares {
		sum += s.Units[0]
	}
	require.InDelta(t, 130, sum, 1e-9)
	require.Equal(t, analysis.Share{Category: "", Units: topics.Shares[0].Units}, topics.Shares[0])
	require.InDelta(t, 30, topics.Shares[0].Units[0], 1e-9)
	require.InDelta(t, .5, topics.Shares[1].Units[0], 1e-9, "of the two runs of the first customer")
	require.InDelta(t, 1.5, topics.Shares[2].Units[0], 1e-9)
}
