package runs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// server answers every question with its newest run, or with an error.
type server struct{ err error }

func (s server) DescribeWorkflowExecution(_ context.Context, workflowID, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if s.err != nil {
		return nil, s.err
	}
	run := &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: "newest"}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Execution: run}}, nil
}

// kept is a store that knows runs, and scores of others.
type kept struct {
	runs   []scoring.RunFacts
	scores []scoring.Record
	err    error
}

func (k kept) Runs(_ context.Context, f store.RunFilter) ([]scoring.RunFacts, error) {
	if f.Limit == 1 && len(k.runs) > 1 {
		return k.runs[:1], k.err
	}
	return k.runs, k.err
}

func (k kept) Scores(context.Context, store.Filter) ([]scoring.Record, error) { return k.scores, k.err }

func TestWhichRunIsMeant(t *testing.T) {
	t.Parallel()
	var (
		none      = serviceerror.NewNotFound("no such workflow")
		malformed = serviceerror.NewInvalidArgument("invalid RunId")
		away      = serviceerror.NewUnavailable("away")
		broken    = errors.New("the store is away")
		noon      = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
		of        = func(id string) scoring.Run { return scoring.Run{WorkflowID: "order-7", RunID: id} }
		older     = scoring.RunFacts{Run: of("older"), StartedAt: noon}
		newer     = scoring.RunFacts{Run: of("newer"), StartedAt: noon.Add(time.Hour)}
		silent    = scoring.RunFacts{Run: of("silent")}
		scored    = kept{scores: []scoring.Record{{Run: of("scored")}}}
	)
	for name, c := range map[string]struct {
		server error
		kept   kept
		named  string
		want   string
		err    error
	}{
		"the server knows the newest":               {want: "newest"},
		"the server knows it":                       {named: "r", want: "newest"},
		"only the store knows the newest":           {server: none, kept: kept{runs: []scoring.RunFacts{newer, older}}, want: "newer"},
		"one that has not said when it started":     {server: none, kept: kept{runs: []scoring.RunFacts{newer, silent}}, want: "silent"},
		"only the store knows it":                   {server: none, kept: kept{runs: []scoring.RunFacts{older}}, named: "older", want: "older"},
		"the store knows scores alone":              {server: none, kept: scored, want: "scored"},
		"an id that no server issues":               {server: malformed, kept: scored, named: "scored", want: "scored"},
		"nobody knows it":                           {server: none, named: "r", err: store.ErrNotFound},
		"nobody knows an id that no server issues":  {server: malformed, named: "r", err: store.ErrNotFound},
		"the server is away and the store knows it": {server: away, kept: scored, want: "scored"},
		"the server is away":                        {server: away, err: away},
		"the store is away":                         {server: none, kept: kept{err: broken}, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := runs.Find(t.Context(), server{c.server}, c.kept, of(c.named))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, of(c.want), got)
		})
	}

	for _, run := range []scoring.Run{{}, {RunID: "r"}, {WorkflowID: "a\x00"}, {WorkflowID: "a", RunID: "r\x00"}} {
		_, err := runs.Find(t.Context(), server{}, kept{}, run)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid, "%+v", run)
	}

	// Who has no store learns whether one may know the run.
	for _, c := range []struct {
		server error
		named  string
		known  bool
		err    error
	}{
		{nil, "", true, nil}, {nil, "r", true, nil},
		{none, "r", false, nil}, {none, "", false, store.ErrNotFound}, {malformed, "r", false, store.ErrNotFound}, {away, "r", false, away},
	} {
		_, known, err := runs.AtServer(t.Context(), server{c.server}, of(c.named))
		require.Equal(t, c.known, known, "%+v", c)
		require.ErrorIs(t, err, c.err)
	}
	_, ok, err := runs.Status(t.Context(), server{none}, of("r"))
	require.NoError(t, err)
	require.False(t, ok)
}
