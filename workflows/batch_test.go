package workflows_test

import (
	"time"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

func batch() activities.Batch {
	return activities.Batch{Records: []scoring.Record{{
		Score: scoring.Bool("recorded", true), Source: scoring.FromClient, RecordedAt: time.Now().UTC(),
		Run: scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"},
	}}}
}
