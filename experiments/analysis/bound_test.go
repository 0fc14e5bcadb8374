package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// However the open windows end, what is certain now is no more than the evidence of all units with their outcomes, and
// there is nothing between them once all windows have closed.
func TestBoundIsUnderTheFinalEvidence(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(experiments.Definition{
		Name: "prompt", Version: "1", Control: "a", Maturity: time.Hour, EarlyRead: true,
		Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}, {Name: "c", Weight: 2}}, Primary: experiments.Metric{Name: "merged", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	shares := map[string]float64{"a": .25, "b": .25, "c": .5}
	rapid.Check(t, func(t *rapid.T) {
		now, then := New(e), New(e)
		open := false
		for range rapid.IntRange(0, 100).Draw(t, "units") {
			u := Unit{Variant: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "variant"), Probabilities: shares, Mature: true}
			final := Outcome{State: scoring.Scored, Value: float64(rapid.IntRange(0, 1).Draw(t, "value"))}
			if rapid.IntRange(0, 9).Draw(t, "missing") == 0 {
				final = Outcome{}
			}
			u.Outcomes = []Outcome{final}
			if err := then.Add(u); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "open") {
				u.Mature, u.Outcomes, open = false, []Outcome{{}}, true
			}
			if err := now.Add(u); err != nil {
				t.Fatal(err)
			}
		}
		for v := range now.exp.names {
			bound, all := now.metrics[0].early.behind[v].LogE(), then.metrics[0].early.behind[v].LogE()
			if bound > all || (!open && bound != all) {
				t.Fatalf("%s: %v now, %v then", now.exp.names[v], bound, all)
			}
		}
	})
}
