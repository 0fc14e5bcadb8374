// Package pullrequest scores an agent by what became of its pull request, days after its run has ended.
package pullrequest

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/webhooks"
)

// TaskQueue is where the worker polls.
const TaskQueue = "pullrequest"

// Patience is how long a pull request may stay open.
const Patience = 14 * 24 * time.Hour

// Regret is how soon a closed pull request is reopened that was closed by mistake.
const Regret = time.Hour

// Change is the agent's proposal: a branch that it has pushed.
type Change struct {
	Repository string `json:"repository"` // owner/name
	Branch     string `json:"branch"`
	Base       string `json:"base"`
	Title      string `json:"title"`
}

// PullRequest names a pull request.
type PullRequest struct {
	Repository string `json:"repository"`
	Number     int    `json:"number"`
}

// Validate is called where the scorer is deferred.
func (p PullRequest) Validate() error {
	if p.Repository == "" || p.Number <= 0 {
		return errors.New("a pull request has a repository and a number")
	}
	return nil
}

// Accepted is the deferred scorer: was the pull request merged? If it is not decided in time, it was not. One that is closed
// and reopened at once is not decided.
var Accepted = verdict.NewOutcomeScorer("accepted", "1", func(pr PullRequest) verdict.Wait {
	on := func(outcome string) verdict.Event {
		return verdict.On(outcome, webhooks.IssueKey(pr.Repository, pr.Number))
	}
	return verdict.Wait{
		For: verdict.AnyOf(
			on(webhooks.PullRequestMerged).Means(true),
			on(webhooks.PullRequestClosed).Means(false).UnlessUndone(on(webhooks.PullRequestReopened), Regret)),
		Window: verdict.Within(Patience),
		End:    verdict.ExpiresFalse,
	}
})

// Propose opens a pull request and leaves the scorer behind. The run ends at once; its score comes later.
func Propose(ctx workflow.Context, c Change) (PullRequest, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	pr := PullRequest{Repository: c.Repository}
	if err := workflow.ExecuteActivity(ctx, (*Activities).Open, c).Get(ctx, &pr.Number); err != nil {
		return pr, err
	}
	verdict.Defer(ctx, Accepted, pr)
	return pr, nil
}
