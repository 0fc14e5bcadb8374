package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func run(id string) scoring.Run {
	return scoring.Run{Namespace: "default", WorkflowID: "answer-" + id, RunID: "run-" + id}
}

func assignment(id, variant string) scoring.Assignment {
	return scoring.Assignment{
		Experiment: "retriever", Version: "1", Variant: variant, By: scoring.ByWeight,
		Probabilities: map[string]float64{"bm25": .5, "substring": .5},
		Unit:          "run-" + id, Run: run(id), FirstRunID: "run-" + id, OriginalRunID: "run-" + id, WorkflowType: "Answer", At: start,
		Vouched: true,
	}
}

func record(id string, s scoring.Score, step scoring.Step) scoring.Record {
	return scoring.Record{Score: s, Run: run(id), Step: step, Source: scoring.FromActivity, RecordedAt: start}
}

var retrieve = scoring.Step{ID: "5", Type: "Retrieve", Attempt: 1}

// seed fills a store with an experiment in which every state occurs.
func seed(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	variants := map[string]string{
		"1": "bm25", "2": "bm25", "3": "bm25", "4": "substring", "5": "substring", "6": "substring", "7": "substring",
	}
	for i, variant := range variants {
		_, err := s.Assign(t.Context(), assignment(i, variant))
		require.NoError(t, err)
	}
	forced := assignment("8", "bm25")
	forced.By = scoring.ByForce
	_, err = s.Assign(t.Context(), forced)
	require.NoError(t, err)

	require.NoError(t, s.Record(t.Context(), []scoring.Record{
		record("1", scoring.Bool("accepted", true), scoring.Step{}),
		record("2", scoring.Bool("accepted", false), scoring.Step{}),
		record("4", scoring.Bool("accepted", false), scoring.Step{}),
		record("5", scoring.Expire("accepted"), scoring.Step{}),
		record("6", scoring.Decline("accepted", "nothing to accept"), scoring.Step{}),
		record("7", scoring.Fail("accepted", "boom"), scoring.Step{}),
		record("8", scoring.Bool("accepted", true), scoring.Step{}), // forced: out of the statistics
		record("1", scoring.Number("rank", 1), retrieve),
		record("1", scoring.Number("rank", .5), scoring.Step{ID: "6", Type: "Retrieve"}), // one unit, two steps
		record("2", scoring.Number("rank", .25), retrieve),
		record("4", scoring.Number("rank", .125), retrieve),
	}))
	_, err = s.Expect(t.Context(), scoring.Expectation{
		ScorerRun: scoring.Run{Namespace: "default", WorkflowID: "scorer-3", RunID: "s3"}, Wait: 1, Scorer: "accepted", ScorerVersion: "1",
		Events: []scoring.Event{{Name: "verdict", Key: "q3"}},
		Window: scoring.Window{Since: start, Until: start.Add(time.Hour)}, Run: run("3"), At: start,
	})
	require.NoError(t, err)
	for _, id := range []string{"1", "2", "4", "5", "6"} {
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{
			Facts: scoring.RunFacts{
				Run: run(id), FirstRunID: "run-" + id, OriginalRunID: "run-" + id, WorkflowType: "Answer", StartedAt: start, ClosedAt: start.Add(time.Minute), Attempt: 1,
				Status: scoring.RunCompleted, Assigned: []scoring.Ref{assignment(id, variants[id]).Ref()},
				Sessions: []scoring.Session{{Key: "customer", ID: "c" + id}},
			},
			Sequence: 5, At: start.Add(time.Minute),
		}))
	}
	for _, o := range []scoring.Outcome{
		{ID: "o1", Name: "verdict", Key: "q3", ReceivedAt: start}, {ID: "o1", Name: "verdict", Key: "q3", ReceivedAt: start},
		{ID: "o2", Name: "verdict", Key: "nobody", ReceivedAt: start},
	} {
		_, err := s.Receive(t.Context(), o)
		require.NoError(t, err)
	}
	require.NoError(t, s.Reject(t.Context(), store.Rejection{Source: "github", Reason: "signature mismatch", At: start}))
	return s
}

// ask plays a server that knows three of the runs.
func ask(_ context.Context, r scoring.Run) (report.RunState, error) {
	switch r {
	case run("3"):
		return report.Open, nil
	case run("7"):
		return report.RunState(scoring.RunTerminated), nil
	}
	return report.Gone, nil
}

func TestTextIsGolden(t *testing.T) {
	t.Parallel()
	s := seed(t)
	for name, o := range map[string]report.Options{
		"all":        {},
		"experiment": {Experiment: "retriever"},
		"by_step":    {Experiment: "retriever", By: report.ByStep},
		"session":    {Session: scoring.Session{Key: "customer", ID: "c4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Now, o.Ask = start.Add(time.Hour), ask
			r, err := report.Build(t.Context(), s, o)
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, display.Text(&b, r))
			file := "testdata/" + name + ".txt"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

func TestEveryUnitCountsOnce(t *testing.T) {
	t.Parallel()
	r, err := report.Build(t.Context(), seed(t), report.Options{Now: start, Ask: ask})
	require.NoError(t, err)
	require.Len(t, r.Experiments, 1)
	e := r.Experiments[0]
	require.Equal(t, 7, e.Units)
	require.Equal(t, 1, e.Excluded)
	require.NotEmpty(t, e.Rows)
	for _, row := range e.Rows {
		require.Equal(t, row.Assigned, row.Scored+row.Pending+row.Expired+row.Missing+row.NotApplicable+row.Errors, "%+v", row)
	}
	require.Equal(t, report.Ledger{Received: 2, Matched: 1, Unclaimed: 1, Rejected: 1, Duplicates: 1}, r.Ledger)
}

// A continued run, and a child that inherited the assignment, count for the unit that was assigned.
func TestLaterRunsCountForTheirUnit(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	a := assignment("1", "bm25")
	_, err = s.Assign(t.Context(), a)
	require.NoError(t, err)
	for i, facts := range []scoring.RunFacts{
		{Run: scoring.Run{Namespace: "default", WorkflowID: "answer-1", RunID: "continued"}, FirstRunID: "run-1"},
		{Run: scoring.Run{Namespace: "default", WorkflowID: "child", RunID: "child"}, FirstRunID: "child", Assigned: []scoring.Ref{a.Ref()}},
	} {
		rec := scoring.Record{Score: scoring.Number("quality", float64(i)), Run: facts.Run, Source: scoring.FromWorkflow, RecordedAt: start}
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{Facts: facts, Sequence: 1, At: start, Records: []scoring.Record{rec}}))
	}
	r, err := report.Build(t.Context(), s, report.Options{Experiment: "retriever", Now: start})
	require.NoError(t, err)
	mean, rows := .5, r.Experiments[0].Rows
	require.True(t, rows[0].Interval.Contains(mean))
	require.Less(t, rows[0].Interval.Hi-rows[0].Interval.Lo, 1.01)
	rows[0].Interval = nil
	require.Equal(t, []report.Row{
		{Score: "quality", Variant: "bm25", Counts: results.Counts{Assigned: 1, Matured: 1, Scored: 1}, Mean: &mean, IntervalMethod: results.Betting},
		{Score: "quality", Variant: "substring"},
	}, rows)
}

func TestUnknownExperimentIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := report.Build(t.Context(), seed(t), report.Options{Experiment: "nope", Now: start})
	require.ErrorIs(t, err, store.ErrNotFound)
}

// Without a server, or with one that does not answer, a run that never flushed is listed as not known.
func TestUnflushedWithoutAServer(t *testing.T) {
	t.Parallel()
	asked := 0
	for _, a := range []func(context.Context, scoring.Run) (report.RunState, error){
		nil,
		func(context.Context, scoring.Run) (report.RunState, error) {
			asked++
			return "", errors.New("away")
		},
	} {
		r, err := report.Build(t.Context(), seed(t), report.Options{Now: start, Ask: a})
		require.NoError(t, err)
		require.NotEmpty(t, r.Unflushed)
		for _, e := range r.Unflushed {
			require.Equal(t, report.NotAsked, e.State)
		}
	}
	require.Equal(t, 1, asked, "a server that does not answer is not asked again")
}

func TestJSONHasNoNumberWhereThereIsNone(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(report.Row{Score: "x"})
	require.NoError(t, err)
	require.Contains(t, string(data), `"mean":null`)
}

type describer struct{ err error }

func (d describer) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, d.err
}

func TestAskTemporal(t *testing.T) {
	t.Parallel()
	for _, gone := range []error{serviceerror.NewNotFound("x"), fmt.Errorf("wrapped: %w", serviceerror.NewInvalidArgument("x"))} {
		state, err := report.AskTemporal(describer{gone})(t.Context(), run("1"))
		require.NoError(t, err)
		require.Equal(t, report.Gone, state)
	}
	_, err := report.AskTemporal(describer{serviceerror.NewUnavailable("x")})(t.Context(), run("1"))
	require.Error(t, err)
}
