package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// judged scores a run by a judge, in a scorer.
var judged = verdict.NewScorer("judged", "1", func(ctx workflow.Context, _ string) (scoring.Score, error) {
	v, err := verdict.Judge(ctx, "good", judges.Sample{Output: "a"})
	return v.Score("judged"), err
})

// A run waits for a judge so long and no longer, whatever activity options it has; a scorer, for which nobody waits, waits for
// an hour. The first judgement of a run has a version.
func TestJudgeIsBounded(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	good := judges.NewScripted("good", judges.Reply{Verdict: judges.Verdict{State: scoring.Scored, Value: scoring.BoolValue(true)}})
	away := judges.NewScripted("away", judges.Reply{Err: &judges.Error{Class: judges.Unavailable, Err: errors.New("no route")}})
	cfg := b.Config(judged)
	cfg.Judges = []judges.Judge{good, away}
	options := map[string]workflow.ActivityOptions{
		"none":       {},
		"an attempt": {StartToCloseTimeout: 10 * time.Minute},
		"in all":     {ScheduleToCloseTimeout: 10 * time.Minute},
	}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, judge, which string, within time.Duration) error {
			var o []verdict.JudgeOption
			if within != 0 {
				o = append(o, verdict.JudgeWithin(within))
			}
			ctx = workflow.WithActivityOptions(ctx, options[which])
			for range 2 {
				v, err := verdict.Judge(ctx, judge, judges.Sample{Output: "a"}, o...)
				if err != nil {
					return err
				}
				if err := verdict.Record(ctx, v.Score("good")); err != nil {
					return err
				}
			}
			_, err := verdict.Defer(ctx, judged, "")
			return err
		}, workflow.RegisterOptions{Name: "judging"})
	})
	asked := func(h *historypb.History) (all []*historypb.ActivityTaskScheduledEventAttributes) {
		for _, e := range h.Events {
			if a := e.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == "verdict.Judge" {
				all = append(all, a)
			}
		}
		return all
	}
	versions := func(h *historypb.History) (n int) {
		for _, e := range h.Events {
			for _, id := range e.GetMarkerRecordedEventAttributes().GetDetails()["change-id"].GetPayloads() {
				if string(id.Data) == `"verdict/judge"` {
					n++
				}
			}
		}
		return n
	}
	for _, c := range []struct {
		which          string
		within         time.Duration
		attempt, inAll time.Duration
	}{
		{"none", 0, time.Minute, workflows.JudgeLimit},
		{"none", time.Hour, time.Minute, time.Hour},
		{"an attempt", 0, workflows.JudgeLimit, workflows.JudgeLimit},
		{"in all", 0, 10 * time.Minute, 10 * time.Minute},
		{"in all", 5 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		run := b.Start("judging", "good", c.which, c.within)
		require.NoError(t, run.Get(t.Context(), nil))
		h := b.History(run)
		require.Len(t, asked(h), 2)
		for _, a := range asked(h) {
			require.Equal(t, c.inAll, a.ScheduleToCloseTimeout.AsDuration(), "%+v", c)
			require.Equal(t, c.attempt, a.StartToCloseTimeout.AsDuration(), "%+v", c)
		}
		require.Equal(t, 1, versions(h))
		require.ElementsMatch(t, []string{"good=true", "judged=true"}, b.Scores(run, 2))

		h = b.History(scorerOf(b, run))
		require.Equal(t, workflows.JudgeLimitInScorer, asked(h)[0].ScheduleToCloseTimeout.AsDuration())
		require.NotContains(t, harness.Shape(h), "MarkerRecorded")
	}

	var refused *temporal.ApplicationError
	err := b.Start("judging", "away", "none", 300*time.Millisecond).Get(t.Context(), nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, string(judges.Unavailable), refused.Type())

	// A judge that no worker has.
	err = b.Start("judging", "unknown", "none", time.Second).Get(t.Context(), nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, scoring.ErrorTypeInvalid, refused.Type())

	err = b.Start("judging", "good", "none", -time.Second).Get(t.Context(), nil)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, scoring.ErrorTypeInvalid, refused.Type())
}
