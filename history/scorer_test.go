package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

type question struct {
	Text string `json:"text"`
	Lang string `json:"lang"`
}

// agent searches, charges a card that takes three attempts, asks a model twice, and answers.
func agent(ctx workflow.Context, q question) (string, error) {
	ctx = options(ctx, 5)
	do := func(tool string, args ...any) { _ = workflow.ExecuteActivity(ctx, tool, args...).Get(ctx, nil) }
	do("search", q)
	do("search", question{q.Text, "de"})
	do("search", q)
	do("charge", 42.5)
	do("refund")
	var answered struct {
		Choices []struct{ Message struct{ Content string } }
	}
	do("think")
	if err := workflow.ExecuteActivity(ctx, "answer").Get(ctx, &answered); err != nil {
		return "", err
	}
	return answered.Choices[0].Message.Content, nil
}

func tools(w worker.Worker) {
	w.RegisterWorkflowWithOptions(agent, workflow.RegisterOptions{Name: "agent"})
	for name, f := range map[string]any{
		"search": func(_ context.Context, q question) ([]string, error) {
			return []string{"bonds pay " + q.Lang, "a"}, nil
		},
		"charge": func(ctx context.Context, _ float64) error {
			if activity.GetInfo(ctx).Attempt < 3 {
				return temporal.NewApplicationError("busy", "CardBusy")
			}
			return nil
		},
		"refund": func(context.Context) error { return temporal.NewNonRetryableApplicationError("no", "Closed", nil) },
		"think": func(context.Context) (json.RawMessage, error) {
			return json.RawMessage(`{"model":"claude-x-1","content":[{"usage":{"input_tokens":1,"output_tokens":1}}],"usage":{"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":10,"output_tokens":50}}`), nil
		},
		"answer": func(context.Context) (json.RawMessage, error) {
			return json.RawMessage(`{"model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"bonds pay en"}}],"usage":{"prompt_tokens":200,"completion_tokens":20,"total_tokens":220,"prompt_tokens_details":{"cached_tokens":50}}}`), nil
		},
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func score(t *testing.T, s history.Scorer, r *history.Run) scoring.Record {
	t.Helper()
	records, err := s.Records(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.NoError(t, records[0].Score.Validate())
	require.Equal(t, r.ClosedAt, records[0].ObservedAt, "as of the run's own time")
	return records[0]
}

// A run whose workflow knows nothing of Verdict is scored by how it behaved, and by what its steps were given and answered.
func TestARunIsScoredByItsHistory(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, tools)
	run := b.Start("agent", question{"what is a bond?", "en"})
	require.NoError(t, run.Get(t.Context(), nil))
	r := fetch(t, b, run)
	agrees(t, b, r)

	for _, c := range []struct {
		scorer history.Scorer
		value  string
		reason string
	}{
		{history.Succeeded(), "true", ""},
		{history.Retries(), "2", "charge CardBusy: 2"},
		{history.Retries("search"), "0", ""},
		{history.Wasted(), "3", "charge CardBusy: 2\nrefund Closed: 1"},
		{history.Wasted("refund").Named("refunds_wasted"), "1", "refund Closed: 1"},
		{history.FailedSteps(), "1", "refund Closed: 1"},
		{history.Loops(), "1", "search: 1"},
		{history.StepsToSuccess("charge"), "4", ""},
		{history.CalledTool("charge"), "true", ""},
		{history.CalledTool("chat"), "false", ""},
		{history.Tokens(), "1380", "claude-x-1: 1160\ngpt-4o-2024-08-06: 220"},
		{history.Cost("1", map[string]history.Price{"gpt-4": {Input: 1000}, "gpt-4o": {Input: 10, Output: 100, Cached: 1}, "claude-x": {Input: 10, Output: 20, Cached: 1, CacheWrites: 20}}),
			"0.006750000000000001", ""},
		{history.RightCalls("1", func(*history.Run) ([]history.Call, bool) {
			return []history.Call{history.Want("search", map[string]string{"lang": "de"}), history.Want("charge", 42.50), history.Want("answer")}, true
		}), "1", ""},
		{history.RightCalls("1", func(*history.Run) ([]history.Call, bool) {
			return []history.Call{history.Want("charge", 42), history.Want("search"), history.Want("answer"), history.Want("search")}, true
		}), "0.5", "missing: charge(42); search"},
	} {
		rec := score(t, c.scorer, r)
		require.Equal(t, c.value, rec.Value.String(), c.scorer.Name)
		require.Equal(t, c.reason, rec.Reason, c.scorer.Name)
		require.Equal(t, c.scorer.Name, rec.Name)
		require.Equal(t, c.scorer.ID(), rec.Key)
	}
	for _, s := range []history.Scorer{history.Duration(), history.Slowest(), history.QueueWait()} {
		v, ok := score(t, s, r).Value.Float()
		require.True(t, ok)
		require.Positive(t, v, s.Name)
	}
	for _, s := range []history.Scorer{
		history.Retries("chat"), history.StepsToSuccess("refund"), history.Cost("1", map[string]history.Price{"gpt-4o": {Input: 1}}),
		history.RightCalls("1", func(*history.Run) ([]history.Call, bool) { return nil, true }),
	} {
		rec := score(t, s, r)
		require.Equal(t, scoring.Declined, rec.State, s.Name)
		require.NotEmpty(t, rec.Reason)
	}
	require.Equal(t, map[history.StepFailure]int{{"charge", "CardBusy"}: 2, {"refund", "Closed"}: 1}, r.Failures())

	steps, err := history.EachStep("charge", "refund").Records(t.Context(), r)
	require.NoError(t, err)
	var lines []string
	for _, s := range steps {
		if s.Name != "step_duration" {
			lines = append(lines, s.Step.Type+" "+s.Name+" "+s.Value.String())
		}
		require.NotEmpty(t, s.Step.ID)
		require.True(t, s.ObservedAt.Before(r.ClosedAt))
	}
	require.Equal(t, []string{"charge step_attempts 3", "charge step_completed true", "refund step_attempts 1", "refund step_completed false"}, lines)
}

// An answer is judged against what an earlier step retrieved. The workflow does not know.
func TestStepsAreJudgedAgainstEachOther(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, tools)
	run := b.Start("agent", question{"what is a bond?", "en"})
	require.NoError(t, run.Get(t.Context(), nil))
	r := fetch(t, b, run)

	grounded, err := judges.Of(judges.ID{Name: "grounded", Version: "1"}, func(output, passages string) bool { return strings.Contains(passages, output) })
	require.NoError(t, err)
	faithful := history.Judged("faithful", grounded, history.Sample{
		Input:    history.RunInput(0, "text"),
		Output:   history.ResultOf("answer", "choices.0.message.content"),
		Expected: []history.Text{history.AllResultsOf("search", "")},
		Context:  map[string]history.Text{"asked": history.InputOf("search", 0, "lang"), "said": history.RunResult("")},
	})
	rec := score(t, faithful, r)
	require.Equal(t, scoring.BoolValue(true), rec.Value)
	require.Equal(t, "grounded@1", rec.Key, "the key of the judge, as in a workflow")
	sample, err := history.Sample{Input: history.RunInput(0, "text"), Output: history.ResultOf("search", "0"), Context: map[string]history.Text{"lang": history.InputOf("search", 0, "lang")}}.Of(r)
	require.NoError(t, err)
	require.Equal(t, judges.Sample{Input: "what is a bond?", Output: "bonds pay en", Context: map[string]string{"lang": "en"}}, sample)

	for _, absent := range []history.Text{history.ResultOf("chat", ""), history.ResultOf("answer", "choices.7"), history.ResultOf("answer", "model.x"), history.RunInput(4, ""), history.ResultOf("charge", "x")} {
		rec := score(t, history.Judged("faithful", grounded, history.Sample{Output: absent}), r)
		require.Equal(t, scoring.Declined, rec.State)
		require.NotEmpty(t, rec.Reason)
	}
	each, err := history.JudgedSteps("passage", grounded, "search", func(_ *history.Run, s *history.Step) (judges.Sample, error) {
		q, err := history.Decode[question](s.Input)
		if q.Lang == "de" {
			return judges.Sample{}, history.Declined("no German")
		}
		return judges.Sample{Output: q.Lang, Expected: s.Result.Texts()}, err
	}).Records(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, each, 3)
	require.Equal(t, []scoring.State{scoring.Scored, scoring.Declined, scoring.Scored}, []scoring.State{each[0].State, each[1].State, each[2].State})
	require.Equal(t, "grounded@1", each[1].Key)

	away := errors.New("the model is away")
	broken := history.Scorer{Name: "x", Version: "1", Score: func(context.Context, *history.Run) ([]history.Scored, error) { return nil, away }}
	_, err = broken.Records(t.Context(), r)
	require.ErrorIs(t, err, away, "a further try may help")
	for _, f := range []func(context.Context, *history.Run) ([]history.Scored, error){
		func(context.Context, *history.Run) ([]history.Scored, error) { panic("oh") },
		func(context.Context, *history.Run) ([]history.Scored, error) { return []history.Scored{{}}, nil },
		func(context.Context, *history.Run) ([]history.Scored, error) {
			return nil, scoring.Invalid("sample", "no good")
		},
	} {
		rec := score(t, history.Scorer{Name: "x", Version: "1", Score: f}, r)
		require.Equal(t, scoring.Failed, rec.State)
		require.Equal(t, "x@1", rec.Key)
	}
	open := *r
	open.Status, open.ClosedAt = "", time.Time{}
	var invalid *scoring.InvalidError
	_, err = history.Succeeded().Records(t.Context(), &open)
	require.ErrorAs(t, err, &invalid)
	for _, s := range []history.Scorer{{}, {Name: "x"}, {Name: "x", Version: "1"}} {
		require.ErrorAs(t, s.Validate(), &invalid)
	}
}
