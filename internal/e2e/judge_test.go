package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
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
	return verdict.Judge(ctx, "good", judges.Sample{Output: "a"}).Score("judged"), nil
})

// A run waits for a judge so long and no longer, whatever activity options it has; a scorer, for which nobody waits, waits for
// an hour. The first judgement of a run has a version. A run never fails for a judge.
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
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, judge, which string, within time.Duration) (last judges.Verdict, err error) {
			var o []verdict.JudgeOption
			if within != 0 {
				o = append(o, verdict.JudgeWithin(within))
			}
			ctx = workflow.WithActivityOptions(ctx, options[which])
			for range 2 {
				last = verdict.Judge(ctx, judge, judges.Sample{Output: "a"}, o...)
				verdict.Record(ctx, last.Score("good"))
			}
			verdict.Defer(ctx, judged, "")
			return last, nil
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

	// A judge that gives no verdict fails nothing: its score is an error, and has the reason.
	for _, c := range []struct {
		judge  string
		within time.Duration
		cause  judges.Cause
		reason string
	}{
		{"away", 300 * time.Millisecond, judges.Cause(judges.Unavailable), "no route"},
		{"unknown", time.Second, scoring.ErrorTypeInvalid, `this worker has no judge named "unknown"`},
		{"good", -time.Second, scoring.ErrorTypeInvalid, "-1s is not a positive duration"},
	} {
		run := b.Start("judging", c.judge, "none", c.within)
		var last judges.Verdict
		require.NoError(t, run.Get(t.Context(), &last))
		require.Equal(t, scoring.Failed, last.State)
		require.Equal(t, c.cause, last.Cause)
		require.Contains(t, last.Reason, c.reason)
		require.ElementsMatch(t, []string{"good:error", "judged=true"}, b.Scores(run, 2))
	}
}
