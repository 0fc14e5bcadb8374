package verdict_test

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/verdicttest"
)

// A declared scorer says as data what it waits for. No code runs while it waits: the store decides. One that was closed by
// mistake and is reopened within a day is not decided.
func ExampleNewOutcomeScorer() {
	accepted := verdict.NewOutcomeScorer("accepted", "1", func(pullRequest string) verdict.Wait {
		reopened := verdict.On("pull_request.reopened", pullRequest)
		return verdict.Wait{
			For: verdict.AnyOf(
				verdict.On("pull_request.merged", pullRequest).If(verdict.Field("base").Is("main")).Means(true),
				verdict.On("pull_request.closed", pullRequest).Means(false).UnlessUndone(reopened, 24*time.Hour)),
			Window: verdict.Within(14 * 24 * time.Hour),
			End:    verdict.ExpiresUnknown,
		}
	})
	propose := func(ctx workflow.Context, pullRequest string) error {
		verdict.Defer(ctx, accepted, pullRequest)
		return nil // the run ends, the store waits
	}

	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{accepted}})
	env.Deliver(2*time.Hour, verdict.Outcome{Name: "pull_request.closed", Key: "octo/site#7"})
	env.Deliver(3*time.Hour, verdict.Outcome{Name: "pull_request.reopened", Key: "octo/site#7"})
	env.Deliver(90*time.Hour, verdict.Outcome{Name: "pull_request.merged", Key: "octo/site#7", Payload: []byte(`{"base":"main"}`)})
	env.ExecuteWorkflow(propose, "octo/site#7")
	env.RequireDeferred("accepted", "octo/site#7")
	show(env.Scores())

	show(verdicttest.NewScorer(t, accepted, "octo/site#8").Scores()) // nobody decided
	// Output:
	// accepted: true (outcome pull_request.merged)
	// accepted: expired
}
