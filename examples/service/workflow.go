// Package service is an HTTP service that answers questions with a workflow and records what people think of the answers.
package service

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
)

// TaskQueue is where the worker polls.
const TaskQueue = "service"

// Question is a question of a user.
type Question struct {
	MessageID string `json:"message_id"`
	Text      string `json:"text"`
}

// Reply is the answer that goes to a browser. Neither the message id nor the token reveals anything about Temporal.
type Reply struct {
	MessageID string `json:"message_id"`
	Answer    string `json:"answer"`
	Token     string `json:"token"` // stands for this run, and cannot be forged
}

// Answer answers a question. From then on a service can refer to its run in two ways: by the message id, which anyone
// who knows it can use, and by the token, which only its holder has.
func Answer(ctx workflow.Context, q Question) (Reply, error) {
	verdict.DeclareKey(ctx, q.MessageID)
	token := verdict.TokenFor(ctx)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	r := Reply{MessageID: q.MessageID, Token: token}
	return r, workflow.ExecuteActivity(ctx, Look, q.Text).Get(ctx, &r.Answer)
}
