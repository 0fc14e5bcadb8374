// Package service is an HTTP service that answers questions with a workflow and records what people think of the answers.
package service

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
)

// TaskQueue is where the worker polls.
const TaskQueue = "service"

// Question is a question that somebody asks.
type Question struct {
	MessageID string `json:"message_id"`
	Text      string `json:"text"`
}

// Reply is the answer as it is sent to a browser. Neither the message id nor the token tells it anything about Temporal.
type Reply struct {
	MessageID string `json:"message_id"`
	Answer    string `json:"answer"`
	Token     string `json:"token"` // stands for this run, and cannot be forged
}

// Answer answers a question. From then on its run can be spoken of in two ways: by the message id, which whoever knows it
// may name, and by the token, which only whoever was given it can.
func Answer(ctx workflow.Context, q Question) (Reply, error) {
	verdict.DeclareKey(ctx, q.MessageID)
	token := verdict.TokenFor(ctx)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	r := Reply{MessageID: q.MessageID, Token: token}
	return r, workflow.ExecuteActivity(ctx, Look, q.Text).Get(ctx, &r.Answer)
}
