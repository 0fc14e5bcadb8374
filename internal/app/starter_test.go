package app

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// away is an address where nobody answers.
const away = "TEMPORAL_ADDRESS=127.0.0.1:1"

func TestMistakesSayWhatWouldMendThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"frobnicate"}, "unknown command \"frobnicate\" for \"starter\": `starter --help` lists the commands"},
		{[]string{"report", "--nope"}, "unknown flag: --nope: `starter report --help` lists the flags"},
		{[]string{"report", "a", "b"}, "unexpected argument \"b\": `starter report --help` shows the usage"},
		{[]string{"report", "--by", "moon"}, `--by: "moon": must be one of variant, step, day, build, attribute=KEY`},
		{[]string{"report", "--session", "x"}, `--session: "x": must be KEY=ID, such as customer=42`},
		{[]string{"report", "--db", filepath.Join("no", "such.db")}, "no database at no/such.db; set --db or VERDICT_DB to the worker's database"},
		{[]string{"report", "--build", "b2", "--db", database(t)}, `--against: which build is "b2" compared with?`},
		{[]string{"report", "--build", "b2", "--against", "b1", "--by", "day", "--db", database(t)}, "--build: two builds are compared on every score: leave out the tables, the metric, the control and the plots"},
		{[]string{"report", "--build", "b2", "--against", "b1", "--since", "1h", "--until", "2h", "--db", database(t)}, "--since: it is not before the end"},
		{[]string{"report", "-o", "xml"}, `--output: "xml": must be one of text, json, csv`},
		{[]string{"outcome", "--name", "x"}, "--key: must not be empty"},
		{[]string{"outcome", "--name", "x", "--key", "y", "--value", "maybe"}, `--value: "maybe": must be true, false or a number`},
		{[]string{"outcome", "--name", "x", "--key", "y", "--value", "1e999"}, `--value: "1e999": must be true, false or a number`},
		{[]string{"outcome", "--name", "x", "--key", "y", "--payload", "{"}, `--payload: "{": must be JSON`},
		{[]string{"outcome", "--name", "x", "--key", "y", "--observed-at", "noon"}, `--observed-at: "noon": must be a time such as 2026-01-31T12:00:00Z`},
		{[]string{"score", "--name", "x", "--value", "1"}, "name the run by exactly one of --workflow-id (with --run-id), --key and --token, or a session by --session"},
		{[]string{"score", "--name", "x", "--value", "1", "--key", "a", "--token", "b"}, "name the run by exactly one of --workflow-id (with --run-id), --key and --token, or a session by --session"},
		{[]string{"score", "--name", "x", "--value", "1", "--key", "a", "--run-id", "b"}, "--run-id needs --workflow-id"},
		{[]string{"score", "--name", "x", "--key", "a"}, "give one of --value, --category and --not-applicable"},
		{[]string{"score", "--name", "x", "--key", "a", "--not-applicable", "--value", "1"}, "give one of --value, --category and --not-applicable"},
		{[]string{"ledger", "--state", "lost"}, `--state: "lost": must be one of matched, late, unclaimed, rejected, held`},
		{[]string{"migrate", "--db", filepath.Join("no", "such.db")}, "no database at no/such.db; the worker creates a SQLite file when it starts"},
		{[]string{"migrate", "--db", ":memory:"}, `--db: ":memory:": must be the path of a SQLite file or a postgres:// URL: a store in memory is always up to date`},
		{[]string{"report", "--db", ":memory:"}, "no database at :memory:; set --db or VERDICT_DB to the worker's database"},
	} {
		got := call(t, RunStarter, []string{away}, c.args...)
		require.EqualError(t, got.err, c.want, "%v", c.args)
		require.True(t, isUsage(got.err), "%v", c.args)
		require.Empty(t, got.stdout)
	}
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"setup"}, {"run", "--type", "T", "--task-queue", "q"}, {"outcome", "--name", "x", "--key", "y"}, {"score", "--key", "x", "--name", "y", "--value", "1"},
	} {
		got := call(t, RunStarter, []string{away}, args...)
		require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1 (set by --address or TEMPORAL_ADDRESS)")
		require.False(t, isUsage(got.err))
	}
}

func TestCommandTimeout(t *testing.T) {
	t.Parallel()
	got := call(t, RunStarter, []string{away}, "setup", "--command-timeout", "1ns")
	require.EqualError(t, got.err, "not done within the --command-timeout of 1ns")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got = callContext(ctx, t, RunStarter, []string{away}, "setup")
	require.EqualError(t, got.err, "interrupted")
}

func TestHelpOfTheStarter(t *testing.T) {
	t.Parallel()
	got := call(t, RunStarter, nil)
	require.NoError(t, got.err)
	for _, command := range []string{"demo", "setup", "run", "outcome", "score", "report", "ledger", "migrate"} {
		require.Contains(t, got.stdout, "\n  "+command+" ")
	}
	got = call(t, RunStarter, nil, "--version")
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "starter version ")
}

// database makes a database with a score, an assignment and some outcomes.
func database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run := scoring.Run{Namespace: "default", WorkflowID: "order-7", RunID: "r7"}
	_, err = s.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "new", By: scoring.ByWeight,
		Probabilities: map[string]float64{"new": .5, "old": .5}, Unit: "r7", Run: run, FirstRunID: "r7", At: at,
	})
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), []scoring.Record{{
		Score: scoring.Number("quality", .75), Run: run, Source: scoring.FromClient, RecordedAt: at,
	}}))
	_, err = s.Receive(t.Context(), scoring.Outcome{ID: "o1", Name: "paid", Key: "order-7", Value: scoring.BoolValue(true), Source: "stripe", ReceivedAt: at})
	require.NoError(t, err)
	require.NoError(t, s.Reject(t.Context(), store.Rejection{Source: "github", DeliveryID: "d1", Reason: "signature mismatch", At: at.Add(time.Minute)}))
	return path
}

func TestReport(t *testing.T) {
	t.Parallel()
	db := database(t)
	got := call(t, RunStarter, []string{away, "VERDICT_DB=" + db}, "report")
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "experiment prompt, version 1: 1 unit")
	require.Contains(t, got.stdout, "order-7      r7            unknown")
	require.Contains(t, got.stderr, "the Temporal server does not answer")

	got = call(t, RunStarter, []string{away}, "report", "prompt", "--db", db, "--by", "variant", "--output", "json")
	require.NoError(t, got.err)
	var r report.Report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r))
	require.Len(t, r.Experiments, 1)
	require.Equal(t, "quality", r.Experiments[0].Rows[0].Score)
	require.InDelta(t, .75, *r.Experiments[0].Rows[0].Mean, 1e-12)

	got = call(t, RunStarter, []string{away}, "report", "promt", "--db", db)
	require.EqualError(t, got.err, `no experiment "promt"; the store has prompt`)
}

func TestLedger(t *testing.T) {
	t.Parallel()
	db := database(t)
	got := call(t, RunStarter, nil, "ledger", "--db", db)
	require.NoError(t, got.err)
	require.Equal(t, `received              state      deliveries  name  key      value  source  id  scorers or reason
2026-03-01T12:01:00Z  rejected   1                                 github  d1  signature mismatch
2026-03-01T12:00:00Z  unclaimed  1           paid  order-7  true   stripe  o1  
`, got.stdout)
	got = call(t, RunStarter, nil, "ledger", "--db", db, "--state", "unclaimed", "-o", "json")
	require.NoError(t, got.err)
	var entries []store.Entry
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &entries))
	require.Len(t, entries, 1)
	require.Equal(t, "o1", entries[0].Outcome.ID)
	got = call(t, RunStarter, nil, "ledger", "--db", db, "--state", "late", "-o", "json")
	require.Equal(t, "[]\n", got.stdout)
}

// isUsage tells whether err is, or has in it, a mistake of the caller's.
func isUsage(err error) bool { return errors.As(err, new(usageError)) }
