package analysis_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// drawDefinition draws an experiment with metrics of every type.
func drawDefinition(t *rapid.T) *experiments.Experiment {
	d := experiments.Definition{
		Name: "prompt", Version: "1", Control: "a", Maturity: day, Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}},
		Primary: experiments.Metric{Name: "merged", Type: experiments.Boolean},
		Guardrails: []experiments.Metric{
			{Name: "rating", Type: experiments.Bounded, Hi: 5, Covariate: "tier", Required: true, Margin: .5},
			{Name: "tokens", Type: experiments.Unbounded, Direction: experiments.Lower},
			{Name: "price", Type: experiments.Capped, Cap: 10},
			{Name: "cost", Denominator: "calls", Type: experiments.Unbounded},
		},
		MDE: .05, ROPE: .02, Margin: .01, EarlyRead: rapid.Bool().Draw(t, "early"),
	}
	if rapid.Bool().Draw(t, "three") {
		d.Variants = append(d.Variants, experiments.Variant{Name: "c", Weight: 1})
	}
	switch rapid.IntRange(0, 2).Draw(t, "chosen by") {
	case 1:
		d.Allocator = experiments.Thompson
	case 2: // the units' own probabilities are bet on
		d.Selection = scoring.ByCustom
	}
	if rapid.Bool().Draw(t, "unbounded") {
		d.Primary, d.Guardrails[2] = d.Guardrails[1], d.Primary
		d.Guardrails[1] = d.Guardrails[2]
		d.Guardrails = append(d.Guardrails[:2:2], d.Guardrails[3:]...)
		d.EarlyRead = false
	}
	x, err := experiments.New(d)
	require.NoError(t, err)
	return x
}

// drawUnit draws the n-th unit of an experiment.
func drawUnit(t *rapid.T, d experiments.Definition, n, epochs int) analysis.Unit {
	v := rapid.SampledFrom(d.Variants).Draw(t, "variant")
	u := analysis.Unit{
		Variant: v.Name, Epoch: n / 40 % epochs, At: start.Add(time.Duration(n) * time.Minute), Mature: true, Probabilities: map[string]float64{},
		Crossed: rapid.IntRange(0, 30).Draw(t, "crossed") == 0,
	}
	u.SealedAt = u.At.Add(day + time.Hour)
	k := float64(len(d.Variants))
	for _, v := range d.Variants {
		u.Probabilities[v.Name] = 1 / k
	}
	switch rapid.IntRange(0, 20).Draw(t, "probabilities") {
	case 0:
		u.Probabilities = nil
	case 1: // of its own
		u.Probabilities[d.Variants[0].Name], u.Probabilities[d.Variants[1].Name] = .5/k, 1.5/k
	}
	if rapid.IntRange(0, 15).Draw(t, "reset") == 0 {
		u.Reset, u.ResetAt = true, u.SealedAt.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "after"))*time.Minute)
	}
	for _, m := range append([]experiments.Metric{d.Primary}, d.Guardrails...) {
		o := analysis.Outcome{State: rapid.SampledFrom([]scoring.State{scoring.Scored, scoring.Scored, scoring.Scored, scoring.Scored, scoring.Expired, ""}).Draw(t, "state")}
		o.After = time.Duration(rapid.IntRange(0, 24*60).Draw(t, "after")) * time.Minute
		o.Late = rapid.IntRange(0, 9).Draw(t, "late") == 0
		switch x := rapid.Float64Range(0, 1).Draw(t, "value"); m.Type {
		case experiments.Boolean:
			o.Value = math.Round(x)
		case experiments.Bounded:
			o.Value, o.Covariate, o.HasCovariate = 5*x, x*x, rapid.IntRange(0, 40).Draw(t, "bare") > 0
		case experiments.Capped:
			o.Value, o.Capped = 10*x, x > .9
		default:
			o.Value, o.Per = math.Exp(8*x), 1+x
		}
		u.Outcomes = append(u.Outcomes, o)
	}
	return u
}

// An analysis that is written and read back anywhere continues to the same bytes and the same report, and writing it twice
// makes the same bytes.
func TestAnAnalysisResumes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := drawDefinition(t)
		d := x.Definition()
		n, epochs := rapid.IntRange(0, 250).Draw(t, "units"), rapid.IntRange(1, 3).Draw(t, "epochs")
		cuts := map[int]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "cuts") {
			cuts[rapid.IntRange(0, n).Draw(t, "cut")] = true
		}
		whole, resumed := analysis.New(x), analysis.New(x)
		for i := range n + 1 {
			if cuts[i] {
				state := written(t, resumed)
				again, err := analysis.Resume(x, state)
				require.NoError(t, err)
				require.Equal(t, state, written(t, again))
				require.Equal(t, resumed.Plain(), again.Plain())
				resumed = again
			}
			if i == n {
				break
			}
			u := drawUnit(t, d, i, epochs)
			require.NoError(t, whole.Add(u))
			require.NoError(t, resumed.Add(u))
		}
		now := start.Add(30 * day)
		require.Equal(t, asJSON(t, whole.Report(now)), asJSON(t, resumed.Report(now)))
		require.Equal(t, written(t, whole), written(t, resumed))
	})
}

func written(t require.TestingT, a *analysis.Analysis) []byte {
	data, err := a.MarshalBinary()
	require.NoError(t, err)
	return data
}

func asJSON(t require.TestingT, r analysis.Report) string {
	data, err := json.MarshalIndent(r, "", " ")
	require.NoError(t, err)
	return string(data)
}

// A state does not grow with the units.
func TestAStateDoesNotGrow(t *testing.T) {
	t.Parallel()
	x := drawn(t, drawDefinition)
	sizes := map[int]int{}
	a := analysis.New(x)
	units := rapid.Custom(func(t *rapid.T) analysis.Unit { return drawUnit(t, x.Definition(), 0, 1) })
	for i := range 4000 {
		u := units.Example(i % 400)
		u.At, u.Reset = u.At.Add(time.Duration(i)*time.Minute), false
		u.SealedAt = u.At.Add(day + time.Hour)
		require.NoError(t, a.Add(u))
		if i+1 == 2000 || i+1 == 4000 {
			sizes[i+1] = len(written(t, a))
		}
	}
	require.Less(t, float64(sizes[4000]), 1.02*float64(sizes[2000]), fmt.Sprint(sizes))
}

func drawn[T any](t *testing.T, draw func(*rapid.T) T) T {
	t.Helper()
	return rapid.Custom(draw).Example(7)
}

// A state of another definition, another form, or one that is cut short is refused.
func TestAForeignStateIsRefused(t *testing.T) {
	t.Parallel()
	x := drawn(t, drawDefinition)
	a := analysis.New(x)
	for i := range 60 {
		require.NoError(t, a.Add(drawn(t, func(t *rapid.T) analysis.Unit { return drawUnit(t, x.Definition(), i, 2) })))
	}
	state := written(t, a)
	d := x.Definition()
	d.Alpha = .01
	other, err := experiments.New(d)
	require.NoError(t, err)
	_, err = analysis.Resume(other, state)
	require.Error(t, err)
	for i := range state {
		_, err := analysis.Resume(x, state[:i])
		require.Error(t, err, "of %d bytes, %d", len(state), i)
		if i > 3000 {
			break
		}
	}
	_, err = analysis.Resume(x, append(state, 0))
	require.Error(t, err)
}

// Any bytes are a state or are refused.
func FuzzResume(f *testing.F) {
	x, err := experiments.New(oneDay())
	require.NoError(f, err)
	f.Add(written(f, analysis.New(x)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := analysis.Resume(x, data); err == nil {
			written(t, a)
		}
	})
}
