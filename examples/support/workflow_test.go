package support_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/support"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// A supervisor decides, a judge decides because none does, and a customer who stays silent leaves no value.
func TestHelpful(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config(support.Helpful)
	cfg.Judges = []judges.Judge{support.Grateful}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflow(support.Answer)
		w.RegisterActivity(support.Write)
	})
	ask := func(q support.Question) (string, client.WorkflowRun) {
		q.ID, q.Text = uuid.NewString(), "Why is it so dark?"
		run := b.Start(support.Answer, q)
		require.NoError(t, run.Get(t.Context(), nil))
		return q.ID, run
	}
	deliver := func(name, question, payload string, value scoring.Value) {
		require.NoError(t, b.Verdict.Deliver(t.Context(), verdict.Outcome{ID: uuid.NewString(), Name: name, Key: question, Payload: []byte(payload), Value: value}))
	}
	reviewed, first := ask(support.Question{})
	thanked, second := ask(support.Question{Review: time.Millisecond})
	scolded, third := ask(support.Question{Review: time.Millisecond})
	_, silent := ask(support.Question{Patience: time.Millisecond})

	deliver(support.Replied, reviewed, `{"text":"It is still dark."}`, scoring.Value{})
	deliver(support.Replied, thanked, `{"text":"Thank you, there is light!"}`, scoring.Value{})
	deliver(support.Replied, scolded, `{"text":"It is still dark."}`, scoring.Value{})
	deliver(support.Reviewed, reviewed, "", scoring.BoolValue(true))
	for run, want := range map[client.WorkflowRun]string{first: "helpful=true", second: "helpful=true", third: "helpful=false", silent: "helpful:expired"} {
		require.Equal(t, []string{want}, b.Scores(run, 1))
	}
}
