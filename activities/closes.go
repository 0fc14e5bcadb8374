package activities

import (
	"context"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/scoring"
)

// Closes is how a rule hears of the runs that close. Only visibility tells it today: a server calls back about the end of a run only where
// the one who starts the run asks for that (docs/history.md). A source that pushes needs no overlaps, and may answer with nothing most of the time.
type Closes interface {
	// Closed returns a page of the runs that match [Backfill.Filter], Verdict's own excepted. A run may be in several pages, and may be missing
	// from the pages of the first minutes after its close: who asks goes back.
	Closed(ctx context.Context, namespace string, b Backfill) (Listed, error)
}

// Visibility hears of closes by listing runs. One call lists 1,000 of them.
type Visibility struct{ Client client.Client }

// Closed implements [Closes].
func (v Visibility) Closed(ctx context.Context, namespace string, b Backfill) (Listed, error) {
	r, err := v.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: listSize, NextPageToken: b.Progress.Page, Query: b.Filter(),
	})
	if err != nil {
		return Listed{}, unlisted(err)
	}
	page := Listed{Next: r.GetNextPageToken()}
	for _, e := range r.GetExecutions() {
		if !strings.HasPrefix(e.GetType().GetName(), ownTypes) {
			page.Runs = append(page.Runs, scoring.Run{Namespace: namespace, WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId()})
		}
	}
	return page, nil
}
