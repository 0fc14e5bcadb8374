package pullrequest_test

import (
	"testing"
	"time"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/pullrequest"
	"github.com/verdict-dev/verdict/verdicttest"
	"github.com/verdict-dev/verdict/webhooks"
)

// The scorer by itself, over its two weeks.
func TestAccepted(t *testing.T) {
	t.Parallel()
	pr := pullrequest.PullRequest{Repository: "octo/site", Number: 7}
	key := webhooks.IssueKey(pr.Repository, pr.Number)
	for name, want := range map[string]bool{webhooks.PullRequestMerged: true, webhooks.PullRequestClosed: false} {
		s := verdicttest.NewScorer(t, pullrequest.Accepted, pr)
		s.Deliver(pullrequest.Patience-time.Hour, verdict.Outcome{Name: name, Key: key})
		s.RequireScore("accepted", want)
	}
	reopened := verdicttest.NewScorer(t, pullrequest.Accepted, pr)
	reopened.Deliver(time.Hour, verdict.Outcome{Name: webhooks.PullRequestClosed, Key: key})
	reopened.Deliver(90*time.Minute, verdict.Outcome{Name: webhooks.PullRequestReopened, Key: key})
	reopened.Deliver(48*time.Hour, verdict.Outcome{Name: webhooks.PullRequestMerged, Key: key})
	reopened.RequireScore("accepted", true)
	verdicttest.NewScorer(t, pullrequest.Accepted, pr).RequireScore("accepted", false) // nobody decided
}
