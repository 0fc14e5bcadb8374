package analysis_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// course draws what becomes of the units of an experiment, one a minute, with a window and a grace of an hour: scores that
// are wrong at first, assignments that the store learns of late or in another order, second assignments, runs that are reset
// away before and after their seals, units that were served something else, weights that change.
type course struct {
	rng   *rand.Rand
	d     experiments.Definition
	shift [2]map[string]float64 // of the outcomes by variant, before and after the turn
	turn  int
	// Shares of units. By variant where one alone raises an alarm.
	late, more, moved      float64
	corrected, skew, named float64
	reset, unserved, unset map[string]float64
	changes                []int // units at which the weights change
	events                 []event
	judged                 bool // there is a judge
}

func drawCourse(t *rapid.T) *course {
	d := definition()
	d.Maturity, d.Grace = time.Hour, time.Hour
	d.MaxUnits = rapid.IntRange(100, 2000).Draw(t, "max")
	d.ROPE, d.MDE = rapid.SampledFrom([]float64{0, .1, .3}).Draw(t, "rope"), rapid.SampledFrom([]float64{0, .1, .3}).Draw(t, "mde")
	d.Margin = rapid.SampledFrom([]float64{0, .05}).Draw(t, "margin")
	if rapid.Bool().Draw(t, "three") {
		d.Variants = append(d.Variants, experiments.Variant{Name: "long", Weight: 1})
	}
	d.Primary.Direction = rapid.SampledFrom([]experiments.Direction{experiments.Higher, experiments.Lower}).Draw(t, "direction")
	d.EarlyRead = rapid.IntRange(0, 3).Draw(t, "early read") == 0
	d.Guardrails = []experiments.Metric{
		{Name: "ok", Type: experiments.Boolean, Required: rapid.Bool().Draw(t, "required"), Margin: .1},
		{Name: "latency", Type: experiments.Unbounded, Direction: experiments.Lower},
		{Name: "cost", Denominator: "tickets", Type: experiments.Unbounded},
	}
	if rapid.IntRange(0, 3).Draw(t, "category") == 0 {
		d.Guardrails = append(d.Guardrails, experiments.Metric{Name: "intent", Missing: experiments.MissingNegative}.Equals("refund"))
	}
	if !d.EarlyRead && rapid.Bool().Draw(t, "judge") {
		judge := experiments.Metric{Name: "judged", Type: experiments.Bounded, Judge: true}
		switch rapid.SampledFrom([]string{"observed", "guardrail", "corrects"}).Draw(t, "judge as") {
		case "observed":
			d.Observed = []experiments.Metric{judge, {Name: "paid", Type: experiments.Boolean, Direction: experiments.Lower, Missing: experiments.MissingNegative}}
		case "guardrail":
			d.Guardrails = append(d.Guardrails, judge)
		case "corrects":
			d.Observed = []experiments.Metric{judge}
			d.Primary.Corrected = experiments.Corrected{Judge: "judged", Share: rapid.SampledFrom([]float64{.1, .5, 1}).Draw(t, "drawn")}
		}
	}
	share := func(what string, of ...float64) float64 { return rapid.SampledFrom(of).Draw(t, what) }
	c := &course{
		rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), d: d, turn: rapid.SampledFrom([]int{0, 100, 200, 400}).Draw(t, "turn"),
		late: share("late", 0, .05, .4), more: share("more", 0, .02, .3), moved: share("moved", 0, 0, .02, .5), corrected: share("corrected", 0, .1), skew: share("skew", 0, 0, 0, .1, .4), named: share("named", 0, 0, .7),
		reset: map[string]float64{}, unserved: map[string]float64{}, unset: map[string]float64{},
	}
	judges, _ := d.Held()
	c.judged = len(judges) > 0
	for i := range c.shift {
		c.shift[i] = map[string]float64{}
		for _, v := range d.Variants {
			c.shift[i][v.Name] = share("shift", -.4, -.2, 0, .2, .4)
		}
	}
	for _, v := range d.Variants {
		c.reset[v.Name] = share("reset", 0, 0, .02, .2)
		c.unserved[v.Name] = share("unserved", 0, 0, 0, .02)
		c.unset[v.Name] = share("unset", 0, 0, 0, .1)
	}
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		c.changes = append(c.changes, rapid.SampledFrom([]int{1, 20, 100, 300, 500}).Draw(t, "change"))
	}
	slices.Sort(c.changes)
	for i := range rapid.SampledFrom([]int{50, 100, 200, 400}).Draw(t, "units") {
		c.unit(i)
	}
	slices.SortStableFunc(c.events, func(a, b event) int { return a.at.Compare(b.at) })
	return c
}

func (c *course) chance(p float64) bool { return c.rng.Float64() < p }

func (c *course) upTo(d time.Duration) time.Duration { return time.Duration(c.rng.Int64N(int64(d))) }

// learn adds something that the store learns of at once, or late.
func (c *course) learn(happens time.Time, apply func(r *rows, known time.Time)) {
	known := happens.Add(c.upTo(time.Minute))
	if c.chance(c.late) {
		known = happens.Add(c.upTo(5 * time.Hour))
	}
	c.events = append(c.events, event{known, func(r *rows) { apply(r, known) }})
}

// weights are the weights of an epoch: no variant is ever without units.
func (c *course) weights(epoch int) map[string]float64 {
	weights, sum := map[string]float64{}, 0.0
	for i, v := range c.d.Variants {
		weights[v.Name] = float64(1 + epoch*i)
		sum += weights[v.Name]
	}
	for name := range weights {
		weights[name] /= sum
	}
	return weights
}

// epoch is the epoch of a time.
func (c *course) epoch(at time.Time) (n int) {
	for _, change := range c.changes {
		if int(at.Sub(start)/time.Minute) >= change {
			n++
		}
	}
	return n
}

// assign adds an assignment of a unit, by weight.
func (c *course) assign(unit, id string, at time.Time, change ...func(*scoring.Assignment)) string {
	epoch, variant := c.epoch(at), ""
	weights := c.weights(epoch)
	x := c.rng.Float64()
	if c.chance(c.skew) {
		x = 0 // the control
	}
	for _, v := range c.d.Variants {
		if x -= weights[v.Name]; variant == "" && x < 0 {
			variant = v.Name
		}
	}
	if variant == "" {
		variant = c.d.Control
	}
	c.place(unit, id, variant, epoch, at, change...)
	return variant
}

func (c *course) place(unit, id, variant string, epoch int, at time.Time, change ...func(*scoring.Assignment)) {
	weights := c.weights(epoch)
	c.learn(at, func(r *rows, known time.Time) {
		r.assign(id, variant, at, append(change, func(a *scoring.Assignment) {
			a.Unit, a.Epoch, a.Probabilities, a.RecordedAt = unit, epoch, weights, known
			if a.OriginalRunID == "" {
				a.OriginalRunID = id
			}
		})...)
	})
}

func (c *course) unit(i int) {
	id, at := fmt.Sprint(i), start.Add(time.Duration(i)*time.Minute)
	variant := c.assign(id, id, at)
	c.scores(i, id, variant, at)
	for c.chance(c.more) {
		more := fmt.Sprint(id, "-", len(c.events))
		when, again := at.Add(c.upTo(3*time.Hour)-time.Hour), variant
		if c.chance(c.moved) {
			again = c.assign(id, more, when)
		} else {
			c.place(id, more, variant, c.epoch(when), when)
		}
		c.scores(i, more, again, when)
	}
	if c.chance(c.reset[variant]) {
		// The run that follows has the same variant.
		when := at.Add(c.upTo(4 * time.Hour))
		c.learn(when, func(r *rows, known time.Time) { r.supersede(id, known) })
		c.place(id+"*", id+"*", variant, c.epoch(when), when, func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-"+id, id })
		c.scores(i, id+"*", variant, when, func(rec *scoring.Record) { rec.Run.WorkflowID = "w-" + id })
	}
	if c.chance(c.unserved[variant]) {
		c.learn(at.Add(c.upTo(3*time.Hour)), func(r *rows, known time.Time) { r.unserve(id, known) })
	}
}

// scores adds the scores of a run, some of which are corrected.
func (c *course) scores(i int, id, variant string, at time.Time, change ...func(*scoring.Record)) {
	by := c.shift[0][variant]
	if i > c.turn {
		by = c.shift[1][variant]
	}
	y, z := c.rng.Float64(), c.rng.Float64()
	say := func(s scoring.Score, observed time.Time, revision int) {
		c.learn(observed, func(r *rows, known time.Time) {
			r.score(id, s, observed, append(change, func(rec *scoring.Record) {
				rec.ObservedAt, rec.ArrivedAt, rec.Revision, rec.Source = observed, known, revision, scoring.FromClient
			})...)
		})
	}
	observed := at.Add(c.upTo(70 * time.Minute))
	if !c.chance(c.unset[variant]) {
		say(scoring.Bool("merged", y < .5+by), observed, 1)
		if c.chance(c.corrected) {
			say(scoring.Bool("merged", y >= .5+by), observed.Add(c.upTo(3*time.Hour)), 2)
		}
	}
	if c.judged {
		if c.chance(.8) {
			say(c.judgement((z+math.Round(max(0, min(1, 1-y+by))))/2), observed.Add(c.upTo(time.Minute)), 1)
		}
		if c.chance(.5) {
			say(scoring.Bool("paid", z < .5), observed, 1)
		}
	}
	say(scoring.Bool("ok", y < .5-by), observed, 1)
	say(scoring.Number("latency", math.Exp(z+by)), observed, 1)
	say(scoring.Number("cost", 1+z+by), observed, 1)
	say(scoring.Number("tickets", 1+y), observed, 1)
	if c.chance(c.named) {
		say(scoring.Score{Name: "intent", State: scoring.Scored, Category: []string{"refund", "question", "other"}[c.rng.IntN(3)]}, observed, 1)
	}
}

// judgement is a judge's score, of one of several versions.
func (c *course) judgement(y float64) scoring.Score {
	s := scoring.Number("judged", y)
	s.Key = fmt.Sprint("judged@", c.rng.IntN(3))
	return s
}

// Any course of an experiment, read at any times: the verdict only moves up while every variant gets units, its time and its
// variants stay with it, and no fact changes or leaves. A HARM of the early read alone is the exception. Guardrails, three variants, ratios and metrics without a range are
// among them.
func TestAVerdictOnlyMovesUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		e, err := experiments.New(c.d)
		require.NoError(t, err)
		now := start
		var before analysis.Report
		for look := range rapid.IntRange(2, 8).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{5, 30, 60, 180, 400}).Draw(t, "later"))*time.Minute + time.Duration(rapid.IntRange(0, 59).Draw(t, "seconds"))*time.Second)
			r, err := analysis.Of(e, known(c.events, now).all(), now)
			require.NoError(t, err)
			if look > 0 {
				stays(t, c.d, before, r)
			}
			before = r
		}
	})
}

// stays requires a later report to have all that an earlier one has found.
func stays(t require.TestingT, d experiments.Definition, before, after analysis.Report) {
	for _, f := range before.Facts {
		require.Contains(t, keys(after.Facts), key(f))
	}
	for _, f := range after.Facts {
		if !slices.Contains(keys(before.Facts), key(f)) {
			require.True(t, f.At.After(before.At), "back-dated: %s", f.Text)
		}
	}
	early := func(d experiments.Decision) bool { return d.Verdict == experiments.Harm && d.Since.IsZero() }
	b, a := before.Decision, after.Decision
	if early(b) {
		return
	}
	require.GreaterOrEqual(t, rank(a.Verdict), rank(b.Verdict), "%s\n%s", b.Reason, a.Reason)
	switch {
	case a.Verdict != b.Verdict:
		require.True(t, early(a) || a.Since.After(before.At), "%s is dated %s, and nobody had seen it at %s: %s", a.Verdict, a.Since, before.At, a.Reason)
	case a.Verdict == experiments.Harm:
		require.Equal(t, b.Since, a.Since, "%s\n%s", b.Reason, a.Reason)
		if !d.EarlyRead {
			require.Subset(t, a.Variants, b.Variants)
		}
	default:
		require.Equal(t, b.Since, a.Since, "%s\n%s", b.Reason, a.Reason)
		require.Equal(t, b.Variants, a.Variants)
	}
}

func key(f analysis.Fact) string {
	logE := math.NaN()
	if f.LogE != nil {
		logE = *f.LogE
	}
	return fmt.Sprint(f.Kind, f.Metric, f.Variant, f.Versus, f.Bound, f.Unit, f.At, logE, f.Needs)
}

func keys(facts []analysis.Fact) []string {
	out := make([]string, len(facts))
	for i, f := range facts {
		out[i] = key(f)
	}
	return out
}
