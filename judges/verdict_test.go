package judges_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/judgetest"
	"github.com/verdict-dev/verdict/scoring"
)

var id = judges.ID{Name: "j", Version: "1"}

func by(v judges.Verdict) judges.Verdict { v.Judge = id; return v }

func TestVerdictScore(t *testing.T) {
	t.Parallel()
	scored := by(judges.Number(0.25, "why")).Score("quality")
	require.NoError(t, scored.Validate())
	require.Equal(t, scoring.Number("quality", 0.25).Value, scored.Value)
	require.Equal(t, "why", scored.Reason)
	require.Equal(t, "j@1", scored.Key)

	yes := by(judges.Bool(true, "")).Score("quality")
	b, ok := yes.Value.Bool()
	require.True(t, ok && b)

	declined := by(judges.Declined(judges.Refused, "I cannot")).Score("quality")
	require.NoError(t, declined.Validate())
	require.Equal(t, scoring.Declined, declined.State)
	require.Equal(t, "refused: I cannot", declined.Reason)
	require.False(t, declined.Value.IsSet())

	mixed := by(judges.Number(1, ""))
	mixed.Cause = judges.Refused
	loose := by(judges.Declined(judges.Refused, ""))
	loose.Value = scoring.BoolValue(false)
	for name, v := range map[string]judges.Verdict{
		"zero":           {},
		"no judge":       judges.Number(1, ""),
		"not finite":     by(judges.Number(math.NaN(), "")),
		"no value":       by(judges.Verdict{State: scoring.Scored}),
		"no cause":       by(judges.Verdict{State: scoring.Declined}),
		"other state":    by(judges.Verdict{State: scoring.Pending}),
		"both":           mixed,
		"declined value": loose,
	} {
		var invalid *scoring.InvalidError
		require.ErrorAs(t, v.Validate(), &invalid, name)
		s := v.Score("quality")
		require.NoError(t, s.Validate(), name)
		require.Equal(t, scoring.Failed, s.State, name)
		require.False(t, s.Value.IsSet(), name)
	}
}

func TestVerdictJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(by(judges.Declined(judges.OffMenu, "x")))
	require.NoError(t, err)
	require.JSONEq(t, `{"judge":{"name":"j","version":"1"},"state":"not_applicable","value":null,"cause":"off_menu","reason":"x"}`, string(data))
}

func TestOf(t *testing.T) {
	t.Parallel()
	levenshtein, err := judges.Of(id, judges.Levenshtein)
	require.NoError(t, err)
	judgetest.Run(t, func() judges.Judge { return levenshtein }, judges.Sample{Output: "ab", Expected: []string{"ac", "xyz"}})

	v, err := levenshtein.Judge(t.Context(), judges.Sample{Output: "ab", Expected: []string{"xyz", "ac", "x"}})
	require.NoError(t, err)
	f, _ := v.Value.Float()
	require.Equal(t, 0.5, f, "the best counts")

	v, err = levenshtein.Judge(t.Context(), judges.Sample{Output: "ab"})
	require.NoError(t, err)
	require.Equal(t, judges.NoReference, v.Cause)
	require.False(t, v.Value.IsSet())

	never, err := judges.Of(id, func(string, string) float64 { return math.NaN() })
	require.NoError(t, err)
	v, err = never.Judge(t.Context(), judges.Sample{Expected: []string{"x"}})
	require.Error(t, err)
	require.Zero(t, v)

	_, err = judges.Of(judges.ID{Name: "j"}, judges.Exact)
	require.Error(t, err)
	_, err = judges.Of[bool](id, nil)
	require.Error(t, err)
}

func TestScripted(t *testing.T) {
	t.Parallel()
	sample := judges.Sample{Output: "o", Context: map[string]string{"c": "x"}}
	judgetest.Run(t, func() judges.Judge {
		return judges.NewScripted("fake", judges.Reply{Verdict: judges.Bool(true, "so")})
	}, sample)
	judgetest.RunFailing(t, func() judges.Judge { return judges.NewScripted("fake") }, sample)
	judgetest.RunFailing(t, func() judges.Judge { return judges.NewScripted("fake", judges.Reply{}) }, sample)

	failure := errors.New("down")
	j := judges.NewScripted("fake", judges.Reply{Err: failure}, judges.Reply{Verdict: judges.Number(0.5, "")})
	_, err := j.Judge(t.Context(), sample)
	require.ErrorIs(t, err, failure)
	for range 2 {
		v, err := j.Judge(t.Context(), sample)
		require.NoError(t, err)
		require.Equal(t, j.ID(), v.Judge)
	}
	sample.Context["c"] = "changed later"
	require.Len(t, j.Calls(), 3)
	require.Equal(t, "x", j.Calls()[0].Context["c"])
}

// What stands in the place of a verdict is a score in state error, and no judge may give it.
func TestFailed(t *testing.T) {
	t.Parallel()
	v := judges.Failed("good", judges.Cause(judges.Quota), "no money left")
	require.Error(t, v.Validate())
	s := v.Score("quality")
	require.NoError(t, s.Validate())
	require.Equal(t, scoring.Score{Name: "quality", State: scoring.Failed, Reason: "no money left", Key: "good@"}, s)
}
