package verdict

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
)

// ErrNoEndpoint: the client has no [ClientOptions.Endpoint], and Temporal keeps no scores to read.
var ErrNoEndpoint = errors.New("verdict: reading needs ClientOptions.Endpoint")

// Scores returns the current scores of a run, oldest first: the pending ones, the declined ones and the ones in state error
// included. A run without any has none, known or not.
//
// Errors: [scoring.InvalidError] for a run that names no workflow id, [ErrNotFound] for one without a run id that the server does
// not know, [ErrNoEndpoint], and errors of the connection.
func (c *Client) Scores(ctx context.Context, run Run) ([]scoring.Record, error) {
	if c.endpoint == nil {
		return nil, ErrNoEndpoint
	}
	named := scoring.Run{WorkflowID: run.WorkflowID, RunID: run.RunID}
	if run.RunID == "" || run.WorkflowID == "" {
		var err error
		if named, _, err = runs.AtServer(ctx, c.temporal, named); err != nil {
			return nil, err
		}
	}
	scores, err := c.endpoint.Scores(ctx, named)
	if err != nil {
		return nil, fmt.Errorf("verdict: the scores of %s: %w", run.WorkflowID, err)
	}
	return slices.Clip(scores), nil
}
