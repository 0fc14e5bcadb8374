// Package thumbsup records readers' opinions of an answer, and lets them change their minds.
package thumbsup

import (
	"context"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
)

// TaskQueue is where the worker polls.
const TaskQueue = "thumbsup"

// Joke tells a joke. There is no Verdict in it: with the plugin on the worker, any run can be scored from outside.
func Joke(_ workflow.Context, about string) (string, error) {
	return "A " + about + " walks into a bar. It hurts.", nil
}

// Rate records a reader's thumb on a joke. Each reader has one: another one is a revision of it, and the last one counts.
func Rate(ctx context.Context, v *verdict.Client, joke verdict.Run, reader string, up bool) error {
	return v.Score(ctx, joke, "thumbs_up", up, verdict.Keyed("reader/"+reader))
}
