package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// A scorer as a workflow of its own, with a store that is told what to answer. What the real store answers is tested in
// the store and on a real server; here is what the scorer makes of it.
type scorerBench struct {
	env      *testsuite.TestWorkflowEnvironment
	start    time.Time
	early    []scoring.Outcome
	more     bool                 // of the early ones
	refusals []activities.Refusal // answered by Settle one after the other, then nothing
	expected []scoring.Expectation
	settled  []store.Settlement
	settling func() // called before a settlement is answered
	mocks    func() // called once all is registered
	err      error
}

func newScorerBench() *scorerBench {
	var suite testsuite.WorkflowTestSuite
	b := &scorerBench{env: patient.Environment(&suite, worker.Options{}), start: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)}
	b.env.SetStartTime(b.start)
	b.env.RegisterActivityWithOptions(func(_ context.Context, e scoring.Expectation) (activities.Expected, error) {
		b.expected = append(b.expected, e)
		return activities.Expected{Window: e.Window, Early: b.early, More: b.more}, b.err
	}, activity.RegisterOptions{Name: activities.ExpectName})
	b.env.RegisterActivityWithOptions(func(_ context.Context, s store.Settlement) (activities.Refusal, error) {
		b.settled = append(b.settled, s)
		if b.settling != nil {
			b.settling()
		}
		if n := len(b.settled) - 1; n < len(b.refusals) {
			return b.refusals[n], nil
		}
		return activities.Refusal{}, nil
	}, activity.RegisterOptions{Name: activities.SettleName})
	return b
}

// at is an outcome about "k" that happened and is signalled some time after the start.
func (b *scorerBench) at(after time.Duration, id, name string, value ...any) scoring.Outcome {
	o := scoring.Outcome{ID: id, Name: name, Key: "k", ObservedAt: b.start.Add(after), ReceivedAt: b.start.Add(after)}
	if len(value) > 0 {
		o.Value, _ = scoring.ValueOf(value[0])
	}
	return o
}

func (b *scorerBench) signal(after time.Duration, o scoring.Outcome) {
	b.env.RegisterDelayedCallback(func() { b.env.SignalWorkflow(activities.OutcomeSignal, o) }, after)
}

// run runs a scorer and returns what it settled last, as text.
func (b *scorerBench) run(t *testing.T, score func(workflow.Context, string) ([]scoring.Score, error)) []string {
	t.Helper()
	s := verdict.NewScorer("s", "1", score)
	s.Register(b.env)
	if b.mocks != nil {
		b.mocks()
	}
	b.env.ExecuteWorkflow(workflows.ScorerPrefix+"s", workflows.Envelope{
		Scorer: "s", Version: "1", Run: scoring.Run{WorkflowID: "w", RunID: "r"}, OriginalRunID: "r", FirstRunID: "r",
		RunStartedAt: b.start, TaskQueue: "verdict",
	}, "k")
	require.True(t, b.env.IsWorkflowCompleted())
	if b.env.GetWorkflowError() != nil || len(b.settled) == 0 {
		return nil
	}
	var got []string
	require.NotEmpty(t, b.settled[len(b.settled)-1].Records)
	for _, r := range b.settled[len(b.settled)-1].Records {
		require.NoError(t, r.Validate())
		require.Equal(t, "s@1", r.Key)
		text := r.Name + "=" + r.Value.String()
		if !r.Value.IsSet() {
			text = r.Name + ":" + string(r.State)
		}
		got = append(got, text)
	}
	return got
}

func waiting(c verdict.Condition, w verdict.Window, end scoring.Expiry) func(workflow.Context, string) ([]scoring.Score, error) {
	return func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
		got, err := verdict.Await(ctx, c, w, end)
		return []scoring.Score{got.Score()}, err
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	yes, no := verdict.On("yes", "k").Means(true), verdict.On("no", "k").Means(false)
	big := verdict.On("paid", "k").Where(func(o scoring.Outcome) bool { v, _ := o.Value.Float(); return v > 10 })
	hour := verdict.Within(time.Hour)
	for name, c := range map[string]struct {
		condition verdict.Condition
		end       scoring.Expiry
		outcomes  func(b *scorerBench) []scoring.Outcome
		want      string
	}{
		"one": {yes, verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "yes")}
		}, "s=true"},
		"the first of any": {verdict.AnyOf(yes, no), verdict.ExpiresUnknown, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "2", "no"), b.at(2*time.Minute, "1", "yes")}
		}, "s=false"},
		"another name": {yes, verdict.ExpiresUnknown, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "no")}
		}, "s:expired"},
		"another key": {verdict.On("yes", "other").Means(true), verdict.ExpiresUnknown, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "yes")}
		}, "s:expired"},
		"all": {verdict.AllOf(yes, no), verdict.ExpiresAs(-1), func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "no"), b.at(2*time.Minute, "2", "yes")}
		}, "s=true"},
		"not all": {verdict.AllOf(yes, no), verdict.ExpiresAs(-1), func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "no"), b.at(2*time.Minute, "2", "no")}
		}, "s=-1"},
		"a count": {verdict.Times(2, yes), verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "yes"), b.at(2*time.Minute, "2", "yes")}
		}, "s=true"},
		"not the count: one came twice": {verdict.Times(2, yes), verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "yes"), b.at(time.Minute, "1", "yes")}
		}, "s=false"},
		"until none came": {verdict.On("reopened", "k").Means(false), verdict.ExpiresTrue, func(*scorerBench) []scoring.Outcome {
			return nil
		}, "s=true"},
		"its own value": {verdict.On("rated", "k"), verdict.ExpiresUnknown, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "rated", 0.25)}
		}, "s=0.25"},
		"no value and no meaning": {verdict.On("rated", "k"), verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "rated")}
		}, "s:error"},
		"a predicate": {big, verdict.ExpiresAs(0), func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Minute, "1", "paid", 5), b.at(2*time.Minute, "2", "paid", 50)}
		}, "s=50"},
		"the last instant inside": {yes, verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Hour-time.Nanosecond, "1", "yes")}
		}, "s=true"},
		"the window's end is outside": {yes, verdict.ExpiresFalse, func(b *scorerBench) []scoring.Outcome {
			return []scoring.Outcome{b.at(time.Hour, "1", "yes")}
		}, "s=false"},
		"no events":   {verdict.AnyOf(), verdict.ExpiresFalse, func(*scorerBench) []scoring.Outcome { return nil }, "s:error"},
		"no expiry":   {yes, scoring.Expiry{}, func(*scorerBench) []scoring.Outcome { return nil }, "s:error"},
		"bad meaning": {verdict.On("yes", "k").Means("yes"), verdict.ExpiresFalse, func(*scorerBench) []scoring.Outcome { return nil }, "s:error"},
	} {
		for _, when := range []string{"early", "signalled"} {
			t.Run(name+"/"+when, func(t *testing.T) {
				t.Parallel()
				b := newScorerBench()
				for i, o := range c.outcomes(b) {
					if when == "early" {
						b.early = append(b.early, o)
					} else {
						b.signal(time.Duration(i+1)*time.Second, o)
					}
				}
				require.Equal(t, []string{c.want}, b.run(t, waiting(c.condition, hour, c.end)))
			})
		}
	}
}

// A scorer learns what came, if the window ends before its condition is met.
func TestWhatCameBeforeTheEnd(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	b.signal(time.Minute, b.at(time.Minute, "1", "rated", 3))
	b.signal(2*time.Minute, b.at(2*time.Minute, "2", "rated", 4))
	require.Equal(t, []string{"s=7"}, b.run(t, func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.Times(3, verdict.On("rated", "k")), verdict.Within(time.Hour), verdict.ExpiresUnknown)
		sum := 0.0
		for _, o := range got.Outcomes {
			v, _ := o.Value.Float()
			sum += v
		}
		require.True(t, got.Ended)
		return []scoring.Score{scoring.Number("", sum)}, err
	}))
}

// What the store refuses is taken into account, and the function decides again.
func TestRefusedSettlements(t *testing.T) {
	t.Parallel()
	yes, no := verdict.On("yes", "k").Means(true), verdict.On("no", "k").Means(false)
	t.Run("an unseen outcome that happened first", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.early = []scoring.Outcome{b.at(2*time.Minute, "1", "yes")} // the store answers in any order
		b.refusals = []activities.Refusal{{Unseen: []scoring.Outcome{b.at(time.Minute, "2", "no")}}}
		require.Equal(t, []string{"s=false"}, b.run(t, waiting(verdict.AnyOf(yes, no), verdict.Within(time.Hour), verdict.ExpiresUnknown)))
		require.ElementsMatch(t, []string{"1", "2"}, b.settled[1].Seen)
		require.Len(t, b.expected, 1, "what it waited for is remembered")
	})
	t.Run("an unseen outcome at the window's end", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.refusals = []activities.Refusal{{Unseen: []scoring.Outcome{b.at(59*time.Minute, "1", "yes")}}}
		require.Equal(t, []string{"s=true"}, b.run(t, waiting(yes, verdict.Within(time.Hour), verdict.ExpiresFalse)))
	})
	t.Run("an outcome that counts for another scorer", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.early = []scoring.Outcome{b.at(time.Minute, "1", "yes")}
		b.refusals = []activities.Refusal{{Taken: []string{"1"}}}
		require.Equal(t, []string{"s=false"}, b.run(t, waiting(yes, verdict.Within(time.Hour), verdict.ExpiresFalse)))
		require.Empty(t, b.settled[1].Seen)
	})
}

// A late outcome within the grace corrects the score; one after it does not.
func TestGrace(t *testing.T) {
	t.Parallel()
	yes := verdict.On("yes", "k").Means(true)
	window := verdict.Within(time.Hour).Grace(time.Hour)
	for after, want := range map[time.Duration][]string{
		time.Hour: {"s=true"}, 2*time.Hour - time.Nanosecond: {"s=true"}, 2 * time.Hour: {"s=false"},
	} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			b := newScorerBench()
			b.signal(70*time.Minute, b.at(after, "1", "yes"))
			require.Equal(t, want, b.run(t, waiting(yes, window, verdict.ExpiresFalse)))
		})
	}
}

// An outcome in the grace counts however it comes: with the store's refusal, while the settlement is under way, or shortly
// before its end.
func TestGraceHoweverItComes(t *testing.T) {
	t.Parallel()
	score := waiting(verdict.On("yes", "k").Means(true), verdict.Within(time.Hour).Grace(time.Hour), verdict.ExpiresFalse)
	t.Run("with a refusal", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.refusals = []activities.Refusal{{Unseen: []scoring.Outcome{b.at(61*time.Minute, "1", "yes")}}}
		require.Equal(t, []string{"s=true"}, b.run(t, score))
	})
	t.Run("while it settles", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.settling = func() {
			b.settling = nil
			b.env.SignalWorkflow(activities.OutcomeSignal, b.at(59*time.Minute, "1", "yes"))
		}
		require.Equal(t, []string{"s=true"}, b.run(t, score))
		require.Len(t, b.settled, 2, "a revision")
	})
	t.Run("at its end", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.signal(2*time.Hour-time.Millisecond, b.at(2*time.Hour-time.Second, "1", "yes"))
		require.Equal(t, []string{"s=true"}, b.run(t, score))
	})
	t.Run("about something else", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.signal(90*time.Minute, b.at(3*time.Hour, "1", "yes")) // of after the grace
		require.Equal(t, []string{"s=false"}, b.run(t, score))
		require.Len(t, b.settled, 1, "nothing to look at again")
	})
}

// A later pass that takes another way waits for what is on that way.
func TestAnotherWayThroughTheWaits(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	b.signal(90*time.Minute, b.at(90*time.Minute, "1", "merged"))
	b.signal(100*time.Minute, b.at(100*time.Minute, "2", "reverted"))
	got := b.run(t, func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
		merged, err := verdict.Await(ctx, verdict.On("merged", "k").Means(true), verdict.Within(time.Hour).Grace(time.Hour), verdict.ExpiresFalse)
		if err != nil {
			return nil, err
		}
		if merged.Ended {
			closed, err := verdict.Await(ctx, verdict.On("closed", "k").Means(false), verdict.Within(time.Minute), verdict.ExpiresUnknown)
			return []scoring.Score{closed.Score()}, err
		}
		reverted, err := verdict.Await(ctx, verdict.On("reverted", "k").Means(false), verdict.Within(time.Hour), verdict.ExpiresTrue)
		return []scoring.Score{reverted.Score()}, err
	})
	require.Equal(t, []string{"s=false"}, got)
	require.Len(t, b.expected, 3)
	for i, name := range []string{"merged", "closed", "reverted"} {
		require.Equal(t, i+1, b.expected[i].Wait)
		require.Equal(t, name, b.expected[i].Events[0].Name)
	}
}

// Several waits one after the other, and what a function may return.
func TestWhatAScorerReturns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scores []scoring.Score
		err    error
		want   []string
	}{
		"several":       {scores: []scoring.Score{scoring.Bool("a", true), scoring.Number("b", 2)}, want: []string{"a=true", "b=2"}},
		"its own name":  {scores: []scoring.Score{scoring.Number("", 1)}, want: []string{"s=1"}},
		"none":          {want: []string{"s:not_applicable"}},
		"declined":      {scores: []scoring.Score{scoring.Decline("s", "why")}, want: []string{"s:not_applicable"}},
		"an error":      {scores: []scoring.Score{scoring.Bool("s", true)}, err: errors.New("no"), want: []string{"s:error"}},
		"an invalid":    {scores: []scoring.Score{{Name: "s", State: scoring.Scored}}, want: []string{"s:error"}},
		"a pending one": {scores: []scoring.Score{{Name: "s", State: scoring.Pending}}, want: []string{"s:error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, newScorerBench().run(t, func(workflow.Context, string) ([]scoring.Score, error) { return c.scores, c.err }))
		})
	}
	t.Run("two waits", func(t *testing.T) {
		t.Parallel()
		b := newScorerBench()
		b.signal(10*time.Minute, b.at(10*time.Minute, "1", "merged"))
		b.signal(50*time.Minute, b.at(50*time.Minute, "2", "reverted"))
		got := b.run(t, func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
			merged, err := verdict.Await(ctx, verdict.On("merged", "k").Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
			if err != nil || merged.Ended {
				return []scoring.Score{merged.Score().Named("kept")}, err
			}
			kept, err := verdict.Await(ctx, verdict.On("reverted", "k").Means(false), verdict.Within(time.Hour), verdict.ExpiresTrue)
			return []scoring.Score{kept.Score().Named("kept")}, err
		})
		require.Equal(t, []string{"kept=false"}, got)
		require.Equal(t, b.start.Add(time.Hour), b.expected[0].Window.Until.UTC())
		require.Equal(t, b.start.Add(70*time.Minute), b.expected[1].Window.Until.UTC(), "the second window begins with the second wait")
	})
}

// A judge that fails makes a score in state error; a scorer that is cancelled while it asks one leaves none.
func TestAJudgeInAScorer(t *testing.T) {
	t.Parallel()
	ask := func(ctx workflow.Context, _ string) ([]scoring.Score, error) {
		s := verdict.Judge(ctx, "good", judges.Sample{Output: "a"}).Score("s")
		s.Key = ""
		return []scoring.Score{s}, nil
	}
	bench := func(answer error) *scorerBench {
		b := newScorerBench()
		b.env.RegisterActivityWithOptions(func(context.Context, activities.Question) (judges.Verdict, error) {
			return judges.Verdict{}, answer
		}, activity.RegisterOptions{Name: activities.JudgeName})
		return b
	}
	b := bench(temporal.NewNonRetryableApplicationError("no money left", string(judges.Quota), nil))
	require.Equal(t, []string{"s:error"}, b.run(t, ask))
	require.Equal(t, "no money left", b.settled[0].Records[0].Reason)

	b = bench(activity.ErrResultPending)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, time.Second)
	require.Empty(t, b.run(t, ask))
	require.True(t, temporal.IsCanceledError(b.env.GetWorkflowError()))
	require.Len(t, b.settled, 1)
	require.Empty(t, b.settled[0].Records)
}
