package scoring_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

func happens(name string) scoring.RuleEvent {
	return scoring.RuleEvent{Event: scoring.Event{Name: name, Key: "k"}, Means: scoring.BoolValue(true)}
}

func any1(events ...scoring.RuleEvent) scoring.Rule {
	return scoring.Rule{Need: scoring.NeedAny, Events: events, End: scoring.ExpiresFalse}
}

func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	many := make([]scoring.RuleEvent, scoring.MaxRuleEvents+1)
	for i := range many {
		many[i] = happens(fmt.Sprint(i))
	}
	long := happens("long")
	for range scoring.MaxRuleBytes / scoring.MaxField {
		long.Where = append(long.Where, scoring.Field("f").Is(strings.Repeat("x", scoring.MaxField)))
	}
	undone := func(by string, within time.Duration) scoring.RuleEvent {
		e := happens("a")
		e.Undone = &scoring.Undo{Event: scoring.Event{Name: by, Key: "k"}, Within: within}
		return e
	}
	github := scoring.RuleEvent{Event: scoring.Event{Name: "issues.closed", Key: "Octo/Site#1"}}
	github.Undone = &scoring.Undo{Event: scoring.Event{Name: "issues.closed", Key: "octo/site#1"}, Within: time.Hour}
	badMeaning := happens("a")
	require.NoError(t, any1(happens("a"), undone("b", time.Hour)).Validate())
	for name, c := range map[string]struct {
		change func(*scoring.Rule)
		field  string
	}{
		"no need":               {func(r *scoring.Rule) { r.Need = "" }, "need"},
		"an unknown need":       {func(r *scoring.Rule) { r.Need = "most" }, "need"},
		"no times":              {func(r *scoring.Rule) { r.Need = scoring.NeedTimes }, "times"},
		"too many times":        {func(r *scoring.Rule) { r.Need, r.Times = scoring.NeedTimes, scoring.MaxTimes+1 }, "times"},
		"no events":             {func(r *scoring.Rule) { r.Events = nil }, "events"},
		"too many events":       {func(r *scoring.Rule) { r.Events = many }, "events"},
		"no name":               {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{happens("")} }, "outcome name"},
		"too much text":         {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{long} }, "rule"},
		"undone by itself":      {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{undone("a", 1)} }, "undone by"},
		"the same in GitHub":    {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{github} }, "undone by"},
		"undone within no time": {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{undone("b", 0)} }, "undone within"},
		"undone by nothing":     {func(r *scoring.Rule) { r.Events = []scoring.RuleEvent{undone("", 1)} }, "outcome name"},
		"a negative allowance":  {func(r *scoring.Rule) { r.Allowance = -1 }, "allowance"},
		"no end":                {func(r *scoring.Rule) { r.End = scoring.Expiry{} }, "expiry"},
		"a bad predicate": {func(r *scoring.Rule) {
			badMeaning.Where = []scoring.Predicate{scoring.Field("f").Is(nil)}
			r.Events = []scoring.RuleEvent{badMeaning}
		}, "compared value"},
	} {
		r := any1(happens("a"))
		c.change(&r)
		t.Log(name)
		invalid(t, r.Validate(), c.field)
	}
}

// A rule is the same after it was JSON, which is how it travels.
func TestRulesTravel(t *testing.T) {
	t.Parallel()
	e := happens("a")
	e.Where, e.Undone = []scoring.Predicate{scoring.Field("f").AtLeast(3)}, &scoring.Undo{Event: scoring.Event{Name: "b", Key: "k"}, Within: time.Hour}
	r := scoring.Rule{Need: scoring.NeedTimes, Times: 2, Events: []scoring.RuleEvent{e, {Event: scoring.Event{Name: "c", Key: "k"}}}, End: scoring.ExpiresAs(0.5), Allowance: time.Hour}
	require.NoError(t, r.Validate())
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var back scoring.Rule
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, r, back)
	require.Equal(t, []scoring.Event{{Name: "a", Key: "k"}, {Name: "c", Key: "k"}, {Name: "b", Key: "k"}}, r.All())
}

// An expectation's identity is what it says, and not what is learned of its run.
func TestIdentity(t *testing.T) {
	t.Parallel()
	rule := any1(happens("a"))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := scoring.Expectation{
		Scorer: "s", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: "1", Place: 3, At: at,
		Window: scoring.Window{Since: at, Until: at.Add(time.Hour)}, Run: scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"},
	}
	require.NoError(t, e.Validate())
	require.Len(t, e.Identity(), 32)
	same := e
	same.Place, same.FirstRunID, same.OriginalRunID, same.RunStartedAt = 9, "f", "o", at
	same.At = at.In(time.FixedZone("", 3600)).Add(999)
	require.Equal(t, e.Identity(), same.Identity())
	ids := map[string]bool{e.Identity(): true}
	for _, change := range []func(*scoring.Expectation){
		func(e *scoring.Expectation) { e.Call = "2" }, func(e *scoring.Expectation) { e.Run.RunID = "q" },
		func(e *scoring.Expectation) { e.ScorerVersion = "2" }, func(e *scoring.Expectation) { e.Window.Until = at.Add(2 * time.Hour) },
		func(e *scoring.Expectation) { r := any1(happens("b")); e.Rule, e.Events = &r, r.All() },
		func(e *scoring.Expectation) { e.Step.ID = "5" }, func(e *scoring.Expectation) { e.Attribution = scoring.AttributeLast },
	} {
		other := e
		change(&other)
		require.NoError(t, other.Validate())
		ids[other.Identity()] = true
	}
	require.Len(t, ids, 8)
	for field, change := range map[string]func(*scoring.Expectation){
		"rule": func(e *scoring.Expectation) { e.Rule = nil }, "call": func(e *scoring.Expectation) { e.Call = "" },
		"events": func(e *scoring.Expectation) { e.Events = []scoring.Event{{Name: "b", Key: "k"}} },
	} {
		other := e
		change(&other)
		invalid(t, other.Validate(), field)
	}
}

// A rule that is valid decides any outcomes, at any time, and says so in a valid score.
func FuzzRule(f *testing.F) {
	f.Add(`{"need":"any","events":[{"name":"a","key":"k","means":true}],"end":{"set":true,"unknown":true,"value":null}}`, "a", `{"x":1}`, int64(60), int64(5))
	f.Add(`{"need":"times","times":2,"events":[{"name":"a","key":"k","means":null,"where":[{"field":"x","is":"ge","value":1}],"undone":{"name":"b","key":"k","within":60000000000}}],"end":{"set":true,"value":0.5},"allowance":1}`, "b", `{"x":2}`, int64(61), int64(-5))
	f.Add(`{"need":"all","events":[{"name":"a","key":"k","means":1},{"name":"b","key":"k","means":2}],"end":{"set":true,"value":false}}`, "a", `null`, int64(1e9), int64(1e9))
	f.Fuzz(func(t *testing.T, rule, name, payload string, minute, late int64) {
		var r scoring.Rule
		if json.Unmarshal([]byte(rule), &r) != nil || r.Validate() != nil {
			return
		}
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		w := scoring.Window{Since: start, Until: start.Add(time.Hour), Grace: time.Duration(late%2) * time.Minute}
		if w.Validate() != nil {
			return
		}
		var outcomes []scoring.Outcome
		for i, e := range append(r.All(), scoring.Event{Name: name, Key: "k"}) {
			at := start.Add(time.Duration(minute%1000+int64(i)) * time.Minute)
			outcomes = append(outcomes, scoring.Outcome{
				ID: fmt.Sprint(i), Name: e.Name, Key: e.Key, Payload: []byte(payload), ObservedAt: at, ReceivedAt: at.Add(time.Duration(late%1000) * time.Minute),
			})
		}
		for _, now := range []time.Time{start, w.Until, r.Ends(w), r.Closes(w)} {
			d := r.Decide("s", w, outcomes, now)
			if err := d.Score.Validate(); err != nil {
				t.Fatalf("%v: %+v", err, d)
			}
			if final := d.Score.State != scoring.Pending; final != d.Next.IsZero() || !now.Before(r.Closes(w)) && !final {
				t.Fatalf("at %s of %s: %+v", now, r.Closes(w), d)
			}
		}
	})
}
