package summarize

import (
	"context"
	"strings"

	"github.com/verdict-dev/verdict"
)

// Condense keeps the first and the last sentence, where writers put the essentials. A score made in an activity is
// about that activity.
func Condense(ctx context.Context, text string) (string, error) {
	sentences := strings.SplitAfter(strings.TrimSpace(text), ". ")
	summary := strings.TrimSpace(sentences[0])
	if last := len(sentences) - 1; last > 0 {
		summary += " " + sentences[last]
	}
	verdict.Score(ctx, "words", len(strings.Fields(summary)))
	return summary, nil
}
