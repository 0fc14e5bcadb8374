package app

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// toldDatabase has a run with everything that a run can have, and others with a score each.
func toldDatabase(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	run := scoring.Run{Namespace: "default", WorkflowID: "order-7", RunID: "r7"}
	customer := scoring.Session{Key: "customer", ID: "42"}
	_, err = s.Assign(t.Context(), scoring.Assignment{
		Experiment: "retriever", Version: "1", Variant: "vectors", By: scoring.ByWeight, Probabilities: map[string]float64{"vectors": .5, "bm25": .5},
		Unit: "u", At: at, Run: run, FirstRunID: "r7", OriginalRunID: "r7", WorkflowType: "Answer",
	})
	require.NoError(t, err)
	_, err = s.Expect(t.Context(), scoring.Expectation{
		ScorerRun: scoring.Run{Namespace: "default", WorkflowID: "scorer", RunID: "s"}, Wait: 1, Scorer: "merged", ScorerVersion: "1",
		Events: []scoring.Event{{Name: "pr.merged", Key: "acme/shop#7"}}, Window: scoring.Window{Since: at, Until: at.Add(90 * 365 * 24 * time.Hour)},
		Run: run, FirstRunID: "r7", OriginalRunID: "r7", RunStartedAt: at, At: at,
	})
	require.NoError(t, err)
	said := scoring.NewRecord(scoring.Number("quality", .5).WithReason("terse,\nbut right"), scoring.FromWorkflow, run, scoring.Step{}, at)
	require.NoError(t, s.Flush(t.Context(), scoring.Flush{
		Facts: scoring.RunFacts{
			Run: run, FirstRunID: "r7", OriginalRunID: "r7", WorkflowType: "Answer", StartedAt: at, ClosedAt: at.Add(time.Minute),
			Status: scoring.RunCompleted, Sessions: []scoring.Session{customer}, BuildID: "b3",
			Assigned: []scoring.Ref{{Experiment: "retriever", Version: "1", Variant: "vectors", Probability: .5, FirstRunID: "r7"}},
		},
		Records: []scoring.Record{said}, Sequence: 9, At: at.Add(time.Minute),
	}))
	for i := range 3 {
		require.NoError(t, s.Record(t.Context(), []scoring.Record{scoring.NewRecord(scoring.Bool("up", i > 0), scoring.FromClient,
			scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("other-", i), RunID: "r"}, scoring.Step{}, at)}))
	}
	return path
}

func TestRunShow(t *testing.T) {
	t.Parallel()
	db := toldDatabase(t)
	for _, args := range [][]string{{"order-7"}, {"order-7", "r7"}, {"order-7", "r7", "--run-namespace", "default"}} {
		got := call(t, RunStarter, nil, append([]string{"run", "show", "--db", db}, args...)...)
		require.NoError(t, got.err)
		require.Equal(t, `run       default/order-7/r7
type      Answer
started   2026-01-02T03:04:05Z
closed    2026-01-02T03:05:05Z completed
build     b3
session   customer=42
assigned  retriever@1: vectors (weighted, probability 0.5)

score    value    step  source    observed              revision  reason
merged   pending        scorer                          1         
quality  0.5            workflow  2026-01-02T03:04:05Z  1         terse, but right

waits for
  merged  pr.merged acme/shop#7  until 2115-12-12T03:04:05Z
`, got.stdout)
	}
	got := call(t, RunStarter, nil, "run", "show", "--db", db, "order-7", "-o", "json")
	require.NoError(t, got.err)
	var v store.RunView
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &v))
	require.Len(t, v.Scores, 2)
	for _, args := range [][]string{{"order-8"}, {"order-7", "r8"}} {
		got := call(t, RunStarter, nil, append([]string{"run", "show", "--db", db}, args...)...)
		require.ErrorContains(t, got.err, "the store knows no run")
	}
	require.Error(t, call(t, RunStarter, nil, "run", "show", "--db", db).err)
}

func TestScoresList(t *testing.T) {
	t.Parallel()
	db := toldDatabase(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"up=true", "up=true", "up=false", "quality=0.5", "merged:pending"}},
		{[]string{"--limit", "2"}, []string{"up=true", "up=true"}},
		{[]string{"--name", "up", "--limit", "0"}, []string{"up=true", "up=true", "up=false"}},
		{[]string{"--state", "pending"}, []string{"merged:pending"}},
		{[]string{"--workflow-id", "order-7", "--state", "pending,scored"}, []string{"quality=0.5", "merged:pending"}},
		{[]string{"--session", "customer=42"}, []string{"quality=0.5", "merged:pending"}},
		{[]string{"--experiment", "retriever", "--version", "1"}, []string{"quality=0.5", "merged:pending"}},
	} {
		got := call(t, RunStarter, nil, append([]string{"scores", "list", "--db", db, "-o", "json"}, c.args...)...)
		require.NoError(t, got.err)
		var all []scoring.Record
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &all))
		var said []string
		for _, r := range all {
			if r.State == scoring.Scored {
				said = append(said, r.Name+"="+r.Value.String())
			} else {
				said = append(said, r.Name+":"+string(r.State))
			}
		}
		require.Equal(t, c.want, said, c.args)
	}
	require.Equal(t, "no scores\n", call(t, RunStarter, nil, "scores", "list", "--db", db, "--name", "none").stdout)
	for _, args := range [][]string{{"--state", "none"}, {"--history"}, {"--experiment", "retriever"}} {
		require.Error(t, call(t, RunStarter, nil, append([]string{"scores", "list", "--db", db}, args...)...).err, args)
	}
}

func TestSessionsShow(t *testing.T) {
	t.Parallel()
	db := toldDatabase(t)
	got := call(t, RunStarter, nil, "sessions", "show", "customer=42", "--db", db)
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "Answer  2026-01-02T03:04:05Z  completed  order-7      r7\n")
	require.Contains(t, got.stdout, "quality  0.5")
	b, err := sqlite.Open(t.Context(), db)
	require.NoError(t, err)
	of := scoring.NewRecord(scoring.Bool("resolved", true), scoring.FromClient, scoring.Run{}, scoring.Step{}, time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC))
	of.Session = scoring.Session{Key: "customer", ID: "42"}
	require.NoError(t, b.Record(t.Context(), []scoring.Record{of}))
	require.NoError(t, b.Close())
	got = call(t, RunStarter, nil, "sessions", "show", "customer=42", "--db", db)
	require.NoError(t, got.err)
	require.Regexp(t, `resolved  true +\(session customer\)  client +2026-01-03T03:04:05Z  1 +customer=42 +- +\n`, got.stdout)
	require.Regexp(t, `\(session customer\) +1 +1 `, call(t, RunStarter, nil, "report", "--db", db).stdout)
	require.Equal(t, "no runs\n\nno scores\n", call(t, RunStarter, nil, "sessions", "show", "customer=1", "--db", db).stdout)
	require.Error(t, call(t, RunStarter, nil, "sessions", "show", "customer", "--db", db).err)
}
