package verdicttest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/verdicttest"
)

var kept = verdict.NewOutcomeScorer("kept", "1", func(o order) verdict.Wait {
	return verdict.Wait{
		For: verdict.AnyOf(
			verdict.On("parcel.returned", o.ID).Means(false).UnlessUndone(verdict.On("parcel.sent", o.ID), 24*time.Hour),
			verdict.On("order.rated", o.ID).If(verdict.Field("stars").AtLeast(4)).Means(true),
		),
		Window: verdict.Within(14 * 24 * time.Hour), End: verdict.ExpiresTrue,
	}
})

// A declared scorer over its two weeks, by itself and deferred by a run.
func TestADeclaredScorer(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	type deliveries map[time.Duration]verdict.Outcome
	returned, again := verdict.Outcome{Name: "parcel.returned", Key: "o-1"}, verdict.Outcome{Name: "parcel.sent", Key: "o-1"}
	rated := func(stars int) verdict.Outcome {
		return verdict.Outcome{Name: "order.rated", Key: "o-1", Payload: fmt.Appendf(nil, `{"stars":%d}`, stars)}
	}
	for name, c := range map[string]struct {
		deliveries
		want bool
	}{
		"nothing came":             {deliveries{}, true},
		"returned":                 {deliveries{3 * day: returned}, false},
		"before the run":           {deliveries{-time.Second: returned}, false},
		"returned and sent again":  {deliveries{3 * day: returned, 3*day + time.Hour: again}, true},
		"sent again much later":    {deliveries{3 * day: returned, 5 * day: again}, false},
		"returned on the last day": {deliveries{14*day - time.Hour: returned}, false},
		"returned too late":        {deliveries{14 * day: returned}, true},
		"rated, then returned":     {deliveries{day: rated(5), 2 * day: returned}, true},
		"badly rated and returned": {deliveries{day: rated(1), 2 * day: returned}, false},
		"another's parcel":         {deliveries{day: {Name: "parcel.returned", Key: "o-2"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := verdicttest.NewScorer(t, kept, order{"o-1"})
			env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{kept}})
			for after, o := range c.deliveries {
				s.Deliver(after, o)
				env.Deliver(after, o)
			}
			s.RequireScore("kept", c.want)
			require.Equal(t, s.Run(), verdict.Run{WorkflowID: s.Scores()[0].Run.WorkflowID, RunID: s.Scores()[0].Run.RunID})
			env.ExecuteWorkflow(func(ctx workflow.Context) error {
				verdict.Defer(ctx, kept, order{"o-1"})
				verdict.Score(ctx, "shipped", 1)
				return workflow.Sleep(ctx, time.Hour)
			})
			require.NoError(t, env.GetWorkflowError())
			env.RequireDeferred("kept", order{"o-1"})
			env.RequireScore("shipped", 1)
			env.RequireScore("kept", c.want)
		})
	}
}

// A declared scorer that is refused fails the test: a Go predicate is no data.
func TestARefusedDeclaration(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]verdict.Wait{
		"a Go predicate": {For: verdict.On("a", "k").Means(1).Where(func(verdict.Outcome) bool { return true }), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse},
		"no condition":   {Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse},
		"no end":         {For: verdict.On("a", "k").Means(1), Window: verdict.Within(time.Hour)},
		"no window":      {For: verdict.On("a", "k").Means(1), End: verdict.ExpiresFalse},
		"no key":         {For: verdict.On("a", "").Means(1), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse},
		"never met":      {For: verdict.Times(0, verdict.On("a", "k").Means(1)), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse},
		"in the past":    {For: verdict.On("a", "k").Means(1), Window: verdict.Until(time.Unix(1, 0)), End: verdict.ExpiresFalse},
	} {
		f := &failing{TB: t}
		env := verdicttest.New(f, verdict.Config{})
		s := verdict.NewOutcomeScorer("s", "1", func(string) verdict.Wait { return wait })
		env.ExecuteWorkflow(func(ctx workflow.Context) (bool, error) { return verdict.Defer(ctx, s, "").Started(), nil })
		require.NoError(t, env.GetWorkflowError(), name)
		var started bool
		require.NoError(t, env.GetWorkflowResult(&started))
		require.False(t, started, name)
		require.Len(t, f.said, 1, name)
		env.RequireScore("s", scoring.Failed)
	}
	f := &failing{TB: t}
	env := verdicttest.New(f, verdict.Config{})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		verdict.Defer(ctx, returned, order{"o-1"}, verdict.AtEnd())
		return nil
	})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, f.said, 1)
}

// A declared scorer that waits for the close of its run: its window begins then.
func TestADeclaredScorerAfterTheClose(t *testing.T) {
	t.Parallel()
	for option, c := range map[string]struct {
		o        verdict.DeferOption
		ok, fail any
	}{
		"close":   {verdict.OnClose(), false, false},
		"success": {verdict.OnSuccess(), false, scoring.Declined},
		"failure": {verdict.OnFailure(), scoring.Declined, false},
	} {
		for _, fails := range []bool{false, true} {
			env := verdicttest.New(t, verdict.Config{})
			env.Deliver(14*24*time.Hour+time.Hour, verdict.Outcome{Name: "parcel.returned", Key: "o-1"}) // in the two weeks after the close
			env.ExecuteWorkflow(func(ctx workflow.Context) error {
				verdict.Defer(ctx, kept, order{"o-1"}, c.o)
				err := workflow.Sleep(ctx, 24*time.Hour)
				if fails {
					err = errors.New("no")
				}
				return err
			})
			require.Equal(t, fails, env.GetWorkflowError() != nil)
			want := c.ok
			if fails {
				want = c.fail
			}
			t.Log(option, fails)
			env.RequireScore("kept", want)
		}
	}
}
