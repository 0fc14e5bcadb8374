package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// Predicates that are data are part of meeting, as the Go ones are.
func TestAwaitIf(t *testing.T) {
	t.Parallel()
	merged := verdict.Field("pull_request.merged")
	closed := verdict.On("closed", "k")
	decided := verdict.AnyOf(closed.If(merged.Is(true)).Means(true), closed.If(merged.Is(false)).Means(false))
	for name, c := range map[string]struct {
		condition verdict.Condition
		payload   string
		value     any
		want      string
	}{
		"merged":                {decided, `{"pull_request":{"merged":true}}`, 1, "s=true"},
		"not merged":            {decided, `{"pull_request":{"merged":false}}`, 1, "s=false"},
		"a payload without it":  {decided, `{"pull_request":{}}`, 1, "s:expired"},
		"no payload":            {decided, ``, 1, "s:expired"},
		"enough":                {closed.If(verdict.OutcomeValue().AtLeast(3)), ``, 3, "s=3"},
		"too little":            {closed.If(verdict.OutcomeValue().MoreThan(3)), ``, 3, "s:expired"},
		"both hold":             {closed.If(verdict.OutcomeValue().AtMost(3), merged.IsNot("no")), `{"pull_request":{"merged":"yes"}}`, 3, "s=3"},
		"one of both":           {closed.If(verdict.OutcomeValue().LessThan(4)).If(merged.IsNot("no")), `{"pull_request":{"merged":"no"}}`, 3, "s:expired"},
		"a value of no kind":    {closed.If(merged.Is([]int{1})), ``, 1, "s:error"},
		"an order of a boolean": {closed.If(merged.AtLeast(true)), ``, 1, "s:error"},
		"no JSON at all":        {closed.If(merged.Is(func() {})), ``, 1, "s:error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newScorerBench()
			o := b.at(time.Minute, "1", "closed", c.value)
			o.Payload = []byte(c.payload)
			b.signal(time.Minute, o)
			require.Equal(t, []string{c.want}, b.run(t, waiting(c.condition, verdict.Within(time.Hour), verdict.ExpiresUnknown)))
		})
	}
}

// An outcome that can be undone counts once that can no longer happen, also after the window's end.
func TestAwaitUnlessUndone(t *testing.T) {
	t.Parallel()
	closed := verdict.On("closed", "k").Means(false).UnlessUndone(verdict.On("reopened", "k"), 30*time.Minute)
	merged := verdict.On("merged", "k").Means(true)
	type minutes = map[int]string
	for name, c := range map[string]struct {
		outcomes minutes
		want     string
		settles  time.Duration
	}{
		"closed":                            {minutes{5: "closed"}, "s=false", 36 * time.Minute},
		"closed, reopened":                  {minutes{5: "closed", 20: "reopened"}, "s:expired", 60 * time.Minute},
		"closed, reopened, merged":          {minutes{5: "closed", 20: "reopened", 25: "merged"}, "s=true", 25 * time.Minute},
		"closed, reopened too late":         {minutes{5: "closed", 35: "reopened", 40: "merged"}, "s=false", 36 * time.Minute},
		"reopened before":                   {minutes{5: "reopened", 6: "closed"}, "s=false", 37 * time.Minute},
		"closed late":                       {minutes{55: "closed"}, "s=false", 86 * time.Minute},
		"closed late, reopened after":       {minutes{55: "closed", 70: "reopened"}, "s:expired", 70 * time.Minute},
		"closed, reopened, closed":          {minutes{5: "closed", 6: "reopened", 50: "closed"}, "s=false", 81 * time.Minute},
		"merged after the end, then undone": {minutes{55: "closed", 65: "merged", 70: "reopened"}, "s:expired", 70 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newScorerBench()
			for at, name := range c.outcomes {
				after := time.Duration(at) * time.Minute
				b.signal(after, b.at(after, fmt.Sprint(at), name))
			}
			require.Equal(t, []string{c.want}, b.run(t, waiting(verdict.AnyOf(closed, merged), verdict.Within(time.Hour), verdict.ExpiresUnknown)))
			require.Equal(t, c.settles, b.env.Now().Sub(b.start).Truncate(time.Second))
			require.Equal(t, 30*time.Minute, b.expected[0].Window.Grace, "the store has the scorer get what may undo")
			require.Len(t, b.expected[0].Events, 3)
		})
	}
	for name, by := range map[string]verdict.Event{
		"itself": verdict.On("closed", "k"), "one with a meaning": verdict.On("x", "k").Means(true), "one with a predicate": verdict.On("x", "k").If(verdict.OutcomeValue().Is(1)),
	} {
		b := newScorerBench()
		require.Equal(t, []string{"s:error"}, b.run(t, waiting(verdict.On("closed", "k").Means(false).UnlessUndone(by, time.Hour), verdict.Within(time.Hour), verdict.ExpiresUnknown)), name)
	}
}

// A scorer that waits, and a rule that is asked at the end, decide the same.
func TestAwaitAndDecideAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c"}
		flag := verdict.Field("flag")
		var events []verdict.Event
		var rule scoring.Rule
		for _, name := range names[:rapid.IntRange(1, 3).Draw(rt, "events")] {
			e, data := verdict.On(name, "k"), scoring.RuleEvent{Event: scoring.Event{Name: name, Key: "k"}}
			if rapid.Bool().Draw(rt, "means") {
				e = e.Means(name == "a")
				data.Means = scoring.BoolValue(name == "a")
			}
			if rapid.Bool().Draw(rt, "predicate") {
				e = e.If(flag.Is(true))
				data.Where = []scoring.Predicate{flag.Is(true)}
			}
			if rapid.Bool().Draw(rt, "undone") {
				within := time.Duration(rapid.IntRange(1, 40).Draw(rt, "within")) * time.Minute
				e = e.UnlessUndone(verdict.On("u", "k"), within)
				data.Undone = &scoring.Undo{Event: scoring.Event{Name: "u", Key: "k"}, Within: within}
			}
			events, rule.Events = append(events, e), append(rule.Events, data)
		}
		var c verdict.Condition
		switch rapid.IntRange(0, 2).Draw(rt, "condition") {
		case 0:
			c, rule.Need = verdict.AnyOf(events...), scoring.NeedAny
		case 1:
			c, rule.Need = verdict.AllOf(events...), scoring.NeedAll
		default:
			n := rapid.IntRange(1, 3).Draw(rt, "times")
			c, rule.Need, rule.Times, rule.Events = verdict.Times(n, events[0]), scoring.NeedTimes, n, rule.Events[:1]
		}
		rule.End = verdict.ExpiresAs(-1)
		require.NoError(t, rule.Validate())

		b := newScorerBench()
		var outcomes []scoring.Outcome
		for i, at := range rapid.SliceOfNDistinct(rapid.IntRange(1, 100), 0, 6, rapid.ID[int]).Draw(rt, "minutes") {
			after := time.Duration(at)*time.Minute + time.Second // never the time of a timer
			o := b.at(after, fmt.Sprint(i), rapid.SampledFrom(append(names, "u")).Draw(rt, "name"), float64(i))
			o.Payload = fmt.Appendf(nil, `{"flag":%t}`, rapid.Bool().Draw(rt, "flag"))
			outcomes = append(outcomes, o)
			b.signal(after, o)
		}
		w := scoring.Window{Since: b.start.Add(-time.Minute), Until: b.start.Add(time.Hour)}
		d := rule.Decide("s", w, outcomes, rule.Closes(w))
		want := "s=" + d.Score.Value.String()
		if !d.Score.Value.IsSet() {
			want = "s:" + string(d.Score.State)
		}
		require.Equal(t, []string{want}, b.run(t, func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
			got, err := verdict.Await(ctx, c, verdict.Within(time.Hour), verdict.ExpiresAs(-1))
			var hits []scoring.Outcome
			for _, h := range d.Hits {
				hits = append(hits, h.Outcome)
			}
			if got.Ended != d.Ended || !got.Ended && fmt.Sprint(hits) != fmt.Sprint(got.Outcomes) {
				rt.Errorf("it decides by %v, not %v", got.Outcomes, hits)
			}
			return []scoring.Score{got.Score()}, err
		}))
	})
}

// The workflow of a declared scorer gives what happened in time its allowance, and one that began as a function does not.
func TestTheAllowanceOfAWorkflow(t *testing.T) {
	t.Parallel()
	s := verdict.NewOutcomeScorer("s", "1", func(key string) verdict.Wait {
		return verdict.Wait{
			For: verdict.On("a", key).Means(true), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse, Allowance: 10 * time.Minute,
		}
	})
	for _, declared := range []bool{true, false} {
		b := newScorerBench()
		s.Register(b.env)
		o := b.at(59*time.Minute, "1", "a")
		o.ReceivedAt = b.start.Add(65 * time.Minute)
		b.signal(65*time.Minute, o)
		b.env.ExecuteWorkflow(workflows.ScorerPrefix+"s", workflows.Envelope{
			Scorer: "s", Version: "1", Run: scoring.Run{WorkflowID: "w", RunID: "r"}, RunStartedAt: b.start, TaskQueue: "verdict", Declared: declared,
		}, "k")
		require.NoError(t, b.env.GetWorkflowError())
		require.Equal(t, scoring.BoolValue(declared), b.settled[0].Records[0].Value)
		require.Zero(t, b.expected[0].Window.Grace)
		minutes := 60 * time.Minute
		if declared {
			minutes = 65 * time.Minute
		}
		require.Equal(t, minutes, b.env.Now().Sub(b.start).Truncate(time.Minute))
	}
}
