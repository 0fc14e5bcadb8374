package verdict

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
)

// ErrNoEndpoint: the client has no [ClientOptions.Endpoint], and Temporal keeps no scores to read.
var ErrNoEndpoint = errors.New("verdict: reading needs ClientOptions.Endpoint")

// Scores returns the current scores of a run, oldest first: the pending ones, the declined ones and the ones in state error
// included. A run without any has none, known or not.
//
// Errors: [scoring.InvalidError] for a run that names no workflow id, [ErrNotFound] for one without a run id that the server does
// not know, [ErrNoEndpoint], [APIError], and errors of the connection.
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
		return nil, fmt.Errorf("verdict: the scores of %s: %w", run.WorkflowID, refused(err))
	}
	return slices.Clip(scores), nil
}

// Report returns the results of a version of an experiment as they are now: the units and scores of each variant, how the variants
// compare with the control, and the decision. It is what `starter report` shows. The worker computes it; ctx says how long that
// may take, and the worker gives up after 8 s.
//
// Errors: [scoring.InvalidError] for a name or a version that no experiment can have, [ErrNotFound] for a version that has no
// assignments, [ErrNoEndpoint], [APIError] for any other answer of the worker, such as 401 for a wrong token or 503 while its store is
// away, and errors of the connection and of ctx.
func (c *Client) Report(ctx context.Context, experiment, version string) (results.Experiment, error) {
	if c.endpoint == nil {
		return results.Experiment{}, ErrNoEndpoint
	}
	if err := errors.Join(scoring.CheckName("experiment", experiment), scoring.CheckName("version", version)); err != nil {
		return results.Experiment{}, err
	}
	r, err := c.endpoint.Report(ctx, experiment, version)
	if err != nil {
		return results.Experiment{}, fmt.Errorf("verdict: the report of %s, version %s: %w", experiment, version, refused(err))
	}
	return r, nil
}

// APIError is an answer of [ClientOptions.Endpoint] that is no success. One that says that there is no such thing is [ErrNotFound].
type APIError struct {
	// Status is the HTTP status, 300 to 599.
	Status int
	// Type is the kind of problem, a URN that never changes, such as "urn:verdict:problem:unauthorized". Empty: it is no answer of a
	// worker, but perhaps of a proxy before it.
	Type string
	// Field is the parameter or the header that is wrong, and empty for none. Detail explains the refusal, in at most 500 bytes.
	Field, Detail string
}

func (e *APIError) Error() string { return (*endpoint.Refusal)(e).Error() }

// Is tells that an answer is [ErrNotFound]: a worker says so, and not just any server that has no such path.
func (e *APIError) Is(target error) bool { return (*endpoint.Refusal)(e).Is(target) }

// refused makes an APIError of an answer that is no success.
func refused(err error) error {
	if r, ok := errors.AsType[*endpoint.Refusal](err); ok {
		return (*APIError)(r)
	}
	return err
}
