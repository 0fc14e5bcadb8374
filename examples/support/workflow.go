// Package support scores an answer by how its customer writes back. The scorer runs code, so it is a workflow.
package support

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// TaskQueue is where the worker polls.
const TaskQueue = "support"

// The outcomes: the customer writes back, and a supervisor says whether the answer helped.
const (
	Replied  = "customer.replied"
	Reviewed = "answer.reviewed"
)

// Question is what a customer wants to know.
type Question struct {
	ID       string        `json:"id"`
	Text     string        `json:"text"`
	Patience time.Duration `json:"patience,omitempty"` // how long the customer may take to write back; three days if 0
	Review   time.Duration `json:"review,omitempty"`   // how long a supervisor may take then; an hour if 0
}

// Helpful is the deferred scorer: it waits for the customer's reply, then for a supervisor, and asks a judge about the reply if
// no supervisor has the time. A declared scorer waits once and runs no code; this one is a workflow, whose outcomes come as
// signals and whose windows are timers.
var Helpful = verdict.NewScorer("helpful", "1", func(ctx workflow.Context, q Question) (scoring.Score, error) {
	reply, err := verdict.Await(ctx, verdict.On(Replied, q.ID), verdict.Within(q.Patience), verdict.ExpiresUnknown)
	if err != nil || reply.Ended {
		return reply.Score(), err
	}
	review, err := verdict.Await(ctx, verdict.On(Reviewed, q.ID), verdict.Within(q.Review), verdict.ExpiresUnknown)
	if err != nil || !review.Ended {
		return review.Score(), err
	}
	var written struct{ Text string }
	if err := reply.Decode(&written); err != nil {
		return scoring.Score{}, err
	}
	return verdict.Judge(ctx, "grateful", judges.Sample{Input: q.Text, Output: written.Text}).Score("helpful"), nil
})

// Answer answers a question and leaves the scorer behind.
func Answer(ctx workflow.Context, q Question) (string, error) {
	if q.Patience == 0 {
		q.Patience = 72 * time.Hour
	}
	if q.Review == 0 {
		q.Review = time.Hour
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var answer string
	if err := workflow.ExecuteActivity(ctx, Write, q.Text).Get(ctx, &answer); err != nil {
		return "", err
	}
	verdict.Defer(ctx, Helpful, q)
	return answer, nil
}
