package scoring_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

func invalid(t *testing.T, err error, field string) {
	t.Helper()
	var e *scoring.InvalidError
	require.ErrorAs(t, err, &e)
	require.Equal(t, field, e.Field)
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{"quality", "click-through rate (variant A)!", "l'été", strings.Repeat("é", 64), "a b"} {
		require.NoError(t, scoring.CheckName("name", ok), ok)
	}
	for _, bad := range []string{"", " ", "\u00a0", "a\nb", "a\x7fb", "a\u0085b", strings.Repeat("é", 65), "a\xff"} {
		invalid(t, scoring.CheckName("name", bad), "name")
	}
	require.NoError(t, scoring.CheckKey("key", ""))
	invalid(t, scoring.CheckKey("key", strings.Repeat("k", scoring.MaxKey+1)), "key")
}

func TestScoreHasAValueIfAndOnlyIfItIsScored(t *testing.T) {
	t.Parallel()
	for _, s := range []scoring.Score{
		scoring.Number("n", 0), scoring.Number("n", -1e300), scoring.Bool("b", false),
		scoring.Decline("n", "why"), scoring.Expire("n"), scoring.Fail("n", "why"), {Name: "n", State: scoring.Pending},
	} {
		require.NoError(t, s.Validate(), s)
		require.Equal(t, s.State == scoring.Scored, s.Value.IsSet())
	}
	for field, s := range map[string]scoring.Score{
		"name":   scoring.Number("", 1),
		"value":  scoring.Number("n", math.NaN()),
		"state":  {Name: "n"},
		"reason": scoring.Number("n", 1).WithReason(strings.Repeat("r", scoring.MaxReason+1)),
	} {
		invalid(t, s.Validate(), field)
	}
	invalid(t, scoring.Number("n", math.Inf(-1)).Validate(), "value")
	invalid(t, scoring.Score{Name: "n", State: scoring.Scored}.Validate(), "value")
	invalid(t, scoring.Score{Name: "n", State: scoring.Failed, Value: scoring.BoolValue(false)}.Validate(), "value")
	require.LessOrEqual(t, len(scoring.Fail("n", strings.Repeat("é", scoring.MaxReason)).Reason), scoring.MaxReason)
	require.NoError(t, scoring.Fail("n", strings.Repeat("é", scoring.MaxReason)).Validate())
}

func TestSessions(t *testing.T) {
	t.Parallel()
	var five []scoring.Session
	for _, k := range strings.Split("abcde", "") {
		five = append(five, scoring.Session{Key: k, ID: "1"})
	}
	require.NoError(t, scoring.CheckSessions(five))
	invalid(t, scoring.CheckSessions(append(five, scoring.Session{Key: "f", ID: "1"})), "sessions")
	invalid(t, scoring.CheckSessions([]scoring.Session{{Key: "a", ID: "1"}, {Key: "a", ID: "2"}}), "sessions")
	invalid(t, scoring.CheckSessions([]scoring.Session{{Key: strings.Repeat("k", 129), ID: "1"}}), "session key")
	invalid(t, scoring.CheckSessions([]scoring.Session{{Key: "k"}}), "session id")
}

func TestValueOf(t *testing.T) {
	t.Parallel()
	type flag bool
	type rate float32
	for in, want := range map[any]string{true: "true", flag(false): "false", 7: "7", uint8(3): "3", 0.25: "0.25", rate(0.7): "0.7", float32(1e-40): "1e-40", float32(16777216): "1.6777216e+07"} {
		v, err := scoring.ValueOf(in)
		require.NoError(t, err)
		require.Equal(t, want, v.String())
	}
	for _, bad := range []any{nil, "0.5", math.NaN(), math.Inf(1), float32(math.Inf(-1)), []int{1}, struct{}{}} {
		_, err := scoring.ValueOf(bad)
		invalid(t, err, "value")
	}
}

// What JSON says of a value is what comes back, and nothing else becomes one.
func TestValueJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := scoring.BoolValue(rapid.Bool().Draw(t, "bool"))
		if rapid.Bool().Draw(t, "number") {
			v = scoring.Number("", rapid.Float64().Draw(t, "value")).Value
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var back scoring.Value
		if err := json.Unmarshal(data, &back); err != nil || !back.Equal(v) {
			t.Fatalf("%s: %v, %v", data, back, err)
		}
	})
	for _, bad := range []string{`"1"`, `{}`, `[1]`, `1e999`, `{"value":1}`} {
		require.Error(t, json.Unmarshal([]byte(bad), new(scoring.Value)), bad)
	}
	var v scoring.Value
	require.NoError(t, json.Unmarshal([]byte("null"), &v))
	require.False(t, v.IsSet())
}

func FuzzValueJSON(f *testing.F) {
	for _, seed := range []string{"1", "true", "null", `"x"`, "{", "1e999", "-0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v scoring.Value
		if json.Unmarshal(data, &v) != nil {
			return
		}
		if n, ok := v.Float(); ok && (math.IsNaN(n) || math.IsInf(n, 0)) {
			t.Fatalf("%q became %v", data, n)
		}
	})
}

// A window is half-open at both ends.
func TestWindow(t *testing.T) {
	t.Parallel()
	t0 := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := scoring.Window{Since: t0, Until: t0.Add(time.Hour), Grace: time.Minute}
	require.NoError(t, w.Validate())
	for at, want := range map[time.Duration]scoring.Place{
		-time.Nanosecond: scoring.TooEarly, 0: scoring.Inside, time.Hour - 1: scoring.Inside,
		time.Hour: scoring.InGrace, time.Hour + time.Minute - 1: scoring.InGrace, time.Hour + time.Minute: scoring.TooLate,
	} {
		require.Equal(t, want, w.Place(t0.Add(at)), at)
	}
	invalid(t, scoring.Window{Since: t0, Until: t0}.Validate(), "window")
	invalid(t, scoring.Window{Since: t0, Until: t0.Add(1), Grace: -1}.Validate(), "grace")
}

// The end of a window means what somebody said that it means.
func TestExpiry(t *testing.T) {
	t.Parallel()
	invalid(t, scoring.Expiry{}.Validate(), "expiry")
	invalid(t, scoring.ExpiresAs(math.NaN()).Validate(), "value")
	for want, e := range map[string]scoring.Expiry{
		"scored true": scoring.ExpiresTrue, "scored false": scoring.ExpiresFalse, "scored 0.5": scoring.ExpiresAs(0.5),
		"expired ": scoring.ExpiresUnknown,
	} {
		require.NoError(t, e.Validate())
		s := e.Score("x")
		require.NoError(t, s.Validate())
		require.Equal(t, want, string(s.State)+" "+s.Value.String())
	}
}

// Outcomes have one order, whatever their sources claim.
func TestOutcomeOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	early := scoring.Outcome{ID: "b", ObservedAt: now.Add(-time.Hour), ReceivedAt: now}
	future := scoring.Outcome{ID: "a", ObservedAt: now.Add(time.Hour), ReceivedAt: now}
	silent := scoring.Outcome{ID: "c", ReceivedAt: now}
	require.Equal(t, now, future.When(), "nothing is observed before it happens")
	require.True(t, early.Before(future))
	require.True(t, future.Before(silent), "by id at the same time")
	require.False(t, silent.Before(silent))

	ok := scoring.Outcome{ID: "i", Name: "n", Key: "k", Payload: json.RawMessage(`{}`)}
	require.NoError(t, ok.Validate())
	for field, change := range map[string]func(*scoring.Outcome){
		"outcome id":   func(o *scoring.Outcome) { o.ID = "" },
		"outcome name": func(o *scoring.Outcome) { o.Name = "a\nb" },
		"outcome key":  func(o *scoring.Outcome) { o.Key = "" },
		"payload":      func(o *scoring.Outcome) { o.Payload = json.RawMessage(`{`) },
	} {
		o := ok
		change(&o)
		invalid(t, o.Validate(), field)
	}
}

func TestAssignmentIsADistribution(t *testing.T) {
	t.Parallel()
	ok := scoring.Assignment{
		Experiment: "e", Version: "1", Variant: "a", Unit: "u", Run: scoring.Run{WorkflowID: "w", RunID: "r"},
		Probabilities: map[string]float64{"a": 0.25, "b": 0.75}, FirstRunID: "f",
	}
	require.NoError(t, ok.Validate())
	require.Equal(t, scoring.Ref{Experiment: "e", Version: "1", Variant: "a", Probability: 0.25, FirstRunID: "f"}, ok.Ref())
	for _, p := range []map[string]float64{nil, {"a": 0.25}, {"b": 1}, {"a": 1.5, "b": -0.5}, {"a": math.NaN(), "b": 1}} {
		bad := ok
		bad.Probabilities = p
		invalid(t, bad.Validate(), "probabilities")
	}
	bad := ok
	bad.Unit = ""
	invalid(t, bad.Validate(), "unit")
}
