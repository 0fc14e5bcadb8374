package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

func payloadOf(t *testing.T, v any) int {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	require.NoError(t, err)
	return len(p.GetData())
}

// verbose returns the scorer's own score last of a thousand, whose reasons JSON makes six times as long.
func verbose(workflow.Context, string) ([]scoring.Score, error) {
	var scores []scoring.Score
	for i := range 1000 {
		scores = append(scores, scoring.Number(fmt.Sprint("n", i), float64(i)).WithReason(strings.Repeat("<", scoring.MaxReason)))
	}
	return append(scores, scoring.Bool("s", true)), nil
}

// A scorer records all of its scores, its own first, however much they become on their way, and returns what fits.
func TestAScorerWithTooMuchToSay(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	var later []scoring.Record
	b.env.RegisterActivityWithOptions(func(_ context.Context, batch activities.Batch) error {
		require.LessOrEqual(t, payloadOf(t, batch), activities.MaxCarried)
		later = append(later, batch.Records...)
		return nil
	}, activity.RegisterOptions{Name: activities.RecordName})
	got := b.run(t, verbose)
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, "s=true", got[0])
	require.LessOrEqual(t, payloadOf(t, b.settled[0]), activities.MaxCarried)
	require.Equal(t, 1001, len(b.settled[0].Records)+len(later))
	for _, r := range later {
		require.NoError(t, r.Validate())
		require.False(t, r.RecordedAt.IsZero())
		require.Equal(t, scoring.MaxReason, len(r.Reason))
	}
	var result workflows.Result
	require.NoError(t, b.env.GetWorkflowResult(&result))
	require.LessOrEqual(t, payloadOf(t, result), activities.MaxCarried)
	require.Equal(t, 1001, len(result.Scores))
	require.Zero(t, result.Omitted)
	require.Empty(t, result.Scores[0].Reason)
}

// With the kill switch thrown it asks for as much, with nothing in it.
func TestAScorerThatMayNotSay(t *testing.T) {
	t.Parallel()
	asked := map[bool]int{}
	for _, off := range []bool{false, true} {
		b := newScorerBench()
		b.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: patient.Deadlock, Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{Off: func() bool { return off }})}})
		recorded := 0
		b.env.RegisterActivityWithOptions(func(_ context.Context, batch activities.Batch) error {
			asked[off]++
			recorded += len(batch.Records)
			return nil
		}, activity.RegisterOptions{Name: activities.RecordName})
		verdict.NewScorer("s", "1", verbose).Register(b.env)
		b.env.ExecuteWorkflow(workflows.ScorerPrefix+"s", workflows.Envelope{
			Scorer: "s", Version: "1", Run: scoring.Run{WorkflowID: "w", RunID: "r"}, OriginalRunID: "r", FirstRunID: "r",
			RunStartedAt: b.start, TaskQueue: "verdict",
		}, "k")
		require.NoError(t, b.env.GetWorkflowError())
		require.Len(t, b.settled, 1)
		want := 1001
		if off {
			want = 0
		}
		require.Equal(t, want, len(b.settled[0].Records)+recorded)
	}
	require.Positive(t, asked[true])
	require.Equal(t, asked[false], asked[true])
}

// A scorer that has settled under v0.1.0 and waits in its grace has all of its scores in one activity.
func TestAScorerThatSettledBefore(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	b.mocks = func() {
		b.env.OnGetVersion("verdict/settle", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	}
	require.Equal(t, 1001, len(b.run(t, verbose)))
	require.NoError(t, b.env.GetWorkflowError())
	require.Equal(t, 1001, len(b.settled[0].Records))
}

// longIDs are of outcomes whose ids alone are too many for one activity's input.
func (b *scorerBench) longIDs() (outcomes []scoring.Outcome) {
	for i := range 600 {
		outcomes = append(outcomes, b.at(time.Second, fmt.Sprintf("%03d%s", i, strings.Repeat("&", 500)), "yes"))
	}
	return outcomes
}

var sixHundred = waiting(verdict.Times(600, verdict.On("yes", "k").Means(true)), verdict.Within(time.Hour), verdict.ExpiresFalse)

// What a scorer has seen fits into an activity's input, however many outcomes it is told of.
func TestAScorerThatHasSeenTooMuch(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	all := b.longIDs()
	b.early = all[:200]
	for _, o := range all[200:] {
		b.signal(time.Minute, o)
	}
	taken := all[7]
	b.refusals = []activities.Refusal{{TakenMarks: []string{taken.Mark()}}}
	b.settling = func() {
		if len(b.settled) == 1 { // it is told of it again
			b.signal(time.Second, taken)
		}
	}
	require.Equal(t, []string{"s=true"}, b.run(t, sixHundred))
	require.Equal(t, 2, len(b.settled))
	for _, s := range b.settled {
		require.LessOrEqual(t, payloadOf(t, s), activities.MaxCarried)
		require.Empty(t, s.Seen)
		require.Equal(t, 600, len(s.SeenMarks))
	}
}

// A worker of v0.1.0 does not know marks and says that nothing was seen: the scorer waits for another one.
func TestAScorerThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	b := newScorerBench()
	b.early = b.longIDs()
	for range 5 {
		b.refusals = append(b.refusals, activities.Refusal{Unseen: b.early[:100]})
	}
	require.Equal(t, []string{"s=true"}, b.run(t, sixHundred))
	require.Equal(t, 6, len(b.settled))
	require.GreaterOrEqual(t, b.env.Now().Sub(b.start), 5*time.Minute)
}

// Early outcomes come in parts, also if the ids of those that came are too many for one activity's input.
func TestEarlyOutcomesInManyParts(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"this release": false, "v0.1.0": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newScorerBench()
			all := b.longIDs()
			asked := 0
			expected := func(seen map[string]bool) (answer activities.Expected) {
				for _, o := range all {
					if seen[o.Mark()] {
						continue
					}
					if len(answer.Early) == 100 {
						answer.More = true
						break
					}
					answer.Early = append(answer.Early, o)
				}
				return answer
			}
			b.early, b.more = all[:100], true
			b.env.RegisterActivityWithOptions(func(_ context.Context, r activities.Rest) (activities.Expected, error) {
				asked++
				require.LessOrEqual(t, payloadOf(t, r), activities.MaxCarried)
				seen := map[string]bool{}
				marks := activities.Marks(r.Seen)
				if !old {
					marks = append(marks, r.SeenMarks...)
				}
				for _, mark := range marks {
					seen[mark] = true
				}
				return expected(seen), nil
			}, activity.RegisterOptions{Name: activities.ExpectMoreName})
			want := 5
			if old { // what it does not tell comes with the refusal
				b.refusals, want = []activities.Refusal{{Unseen: all[300:]}}, 3
			}
			require.Equal(t, []string{"s=true"}, b.run(t, sixHundred))
			require.Equal(t, want, asked)
		})
	}
}
