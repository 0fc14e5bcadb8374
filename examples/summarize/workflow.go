// Package summarize scores a summary inside the run that made it: as a whole, and the step that wrote it.
package summarize

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/judges"
)

// TaskQueue is where the worker polls.
const TaskQueue = "summarize"

// Article is the text to summarize, and its reader.
type Article struct {
	Reader string   `json:"reader"`
	Text   string   `json:"text"`
	Facts  []string `json:"facts"` // facts that a good summary must mention
}

// Summarize summarizes an article. The runs of one reader are a session.
func Summarize(ctx workflow.Context, a Article) (string, error) {
	verdict.Session(ctx, "reader", a.Reader)
	// The step has an id of our own, so that a score can be put on it.
	const step = "condense"
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{ActivityID: step, StartToCloseTimeout: time.Minute})
	var summary string
	if err := workflow.ExecuteActivity(ctx, Condense, a.Text).Get(ctx, &summary); err != nil {
		return "", err
	}
	// Deterministic judges are plain functions, which workflow code may call.
	missed := 0
	for _, fact := range a.Facts {
		mentioned := judges.IncludesFold(summary, fact)
		if !mentioned {
			missed++
		}
		verdict.Score(ctx, "mentions", mentioned, verdict.OnStep(step, "Condense"), verdict.Keyed(fact))
	}
	verdict.Score(ctx, "complete", missed == 0)
	return summary, nil
}
