package rollout_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func running(t *testing.T) *rollout.Rollout {
	t.Helper()
	r, err := rollout.Open(rollout.State{Definition: experiments.Definition{
		Name: "prompt", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Primary: experiments.Metric{Name: "good", Type: experiments.Boolean},
	}}, start)
	require.NoError(t, err)
	_, err = r.Revise(rollout.Start, rollout.Change{Who: "ada"}, "start", start)
	require.NoError(t, err)
	return r
}

// To promote a variant that the verdict does not name as the winner takes a reason, and is marked.
func TestPromoteAgainstTheVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		finding *rollout.Finding
		against string
	}{
		"not analysed":       {nil, "not analysed yet"},
		"no winner":          {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Continue}}, "CONTINUE"},
		"another winner":     {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Winner, Variants: []string{"c"}}}, "WINNER c"},
		"harm":               {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Harm, Variants: []string{"b"}}}, "HARM b"},
		"invalid":            {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Invalid}}, "INVALID"},
		"the winner":         {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Winner, Variants: []string{"b"}}}, ""},
		"one of two winners": {&rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Winner, Variants: []string{"b", "c"}}}, "WINNER b c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t)
			r.Finding = c.finding
			for _, reason := range []string{"", " \n"} {
				err := r.Check(rollout.Promote, rollout.Change{Who: "ada", Variant: "b", Reason: reason}, start)
				if c.against == "" {
					require.NoError(t, err)
					continue
				}
				var invalid *scoring.InvalidError
				require.ErrorAs(t, err, &invalid)
				require.Equal(t, "why", invalid.Field)
				require.ErrorContains(t, err, `to promote "b" is against the verdict, `+c.against)
			}
			because := rollout.Change{Who: "ada", Variant: "b", Reason: "the board wants it"}
			require.NoError(t, r.Check(rollout.Promote, because, start))
			// A promotion without a reason that a history has stays made, and is marked too.
			got, err := r.Revise(rollout.Promote, rollout.Change{Who: "ada", Variant: "b"}, "promote", start)
			require.NoError(t, err)
			require.Equal(t, c.against, got.Against)
			require.Equal(t, rollout.Promoted, r.Status)
		})
	}
	var invalid *scoring.InvalidError
	require.ErrorAs(t, running(t).Check(rollout.Promote, rollout.Change{Who: "ada", Variant: "z"}, start), &invalid)
	require.Equal(t, "variant", invalid.Field)
	require.NoError(t, running(t).Check(rollout.Stop, rollout.Change{Who: "ada"}, start), "nothing else needs a reason")
}

// The policy's promotion is of the winner, and unmarked.
func TestPolicyPromotesByTheVerdict(t *testing.T) {
	t.Parallel()
	r := running(t)
	r.Policy.PromoteWinner = true
	require.NoError(t, r.Act(rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Winner, Variants: []string{"b"}}}, start))
	require.Equal(t, rollout.Promoted, r.Status)
	require.Empty(t, r.Overruled())
}

// The mark outlives all other revisions, in the state and in what a history has room for.
func TestTheMarkStays(t *testing.T) {
	t.Parallel()
	r := running(t)
	_, err := r.Revise(rollout.Promote, rollout.Change{Who: "ada", Variant: "b", Reason: "the board wants it"}, "p", start)
	require.NoError(t, err)
	r.Finding = &rollout.Finding{Decision: experiments.Decision{Verdict: experiments.Winner, Variants: []string{"a"}}}
	for i := range 3 * rollout.MaxRevisions {
		at := start.Add(time.Duration(i) * time.Hour)
		r.Finding.Decision.Variants = []string{[]string{"a", "c"}[i%2]}
		_, err := r.Revise(rollout.Promote, rollout.Change{Who: "ada", Variant: []string{"a", "c"}[i%2]}, fmt.Sprint(i), at)
		require.NoError(t, err)
	}
	marked := r.Overruled()
	require.Len(t, marked, 1)
	require.Equal(t, []any{2, "the board wants it", "not analysed yet"}, []any{marked[0].Number, marked[0].Reason, marked[0].Against})
	require.Len(t, r.Revisions, rollout.MaxRevisions)
	whole, err := json.Marshal(r.State)
	require.NoError(t, err)
	small := r.State.Fit(len(whole) / 4)
	require.Equal(t, marked, small.Overruled())
	require.Less(t, len(small.Revisions), rollout.MaxRevisions/2)
}
