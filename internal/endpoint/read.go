package endpoint

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/scoring"
)

// maxAnswer is the largest answer to a reading in bytes: a page of scores with the longest reasons.
const maxAnswer = 64 << 20

// Scores returns the current scores of a run, oldest first.
func (e *Endpoint) Scores(ctx context.Context, run scoring.Run) (scores []scoring.Record, err error) {
	q := url.Values{"workflow_id": {run.WorkflowID}, "run_id": {run.RunID}, "limit": {"1000"}}
	if e.namespace != "" {
		q.Set("namespace", e.namespace)
	}
	for {
		var page struct {
			Scores []scoring.Record `json:"scores"`
			Next   string           `json:"next"`
		}
		if err := e.get(ctx, "/v1/scores?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		scores = append(scores, page.Scores...)
		if page.Next == "" {
			slices.Reverse(scores) // pages begin with the newest
			return scores, nil
		}
		q.Set("cursor", page.Next)
	}
}

// Report returns the results of an experiment's version.
func (e *Endpoint) Report(ctx context.Context, name, version string) (x results.Experiment, err error) {
	err = e.get(ctx, "/v1/experiments/"+pathPart(name)+"/"+pathPart(version), &x)
	return x, err
}

// get reads what a path answers. Another answer than success is a [Refusal].
func (e *Endpoint) get(ctx context.Context, path string, to any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		return err
	}
	if e.token != "" {
		request.Header.Set("Authorization", "Bearer "+e.token)
	}
	response, err := e.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return refusal(response, answer)
	}
	return json.Unmarshal(answer, to)
}

// pathPart writes a part of a path. On their way, dots alone would be taken for directories.
func pathPart(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
