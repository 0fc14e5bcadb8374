package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/reconcile"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/webhooks"
)

// agent is a user's workflow whose pull request is decided on after it has ended.
func agent(ctx workflow.Context, number int) error {
	verdict.Defer(ctx, accepted, number)
	return nil
}

var accepted = verdict.NewScorer("accepted", "1", func(ctx workflow.Context, number int) (scoring.Score, error) {
	key := webhooks.IssueKey("octo/hello", number)
	got, err := verdict.Await(ctx, verdict.AnyOf(
		verdict.On(webhooks.PullRequestMerged, key).Means(true), verdict.On(webhooks.PullRequestClosed, key).Means(false),
	), verdict.Within(time.Hour), verdict.ExpiresUnknown)
	return got.Score(), err
})

// github answers as GitHub's API does about pull requests: the first is merged, the second closed, the third open, and
// about any other there are no more answers in this hour.
func github(t *testing.T) string {
	t.Helper()
	now := time.Now().UTC().Format(time.RFC3339)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer a token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/api/v3/repos/octo/hello/pulls/1":
			fmt.Fprintf(w, `{"number":1,"state":"closed","merged":true,"merged_at":%q,"closed_at":%q}`, now, now)
		case "/api/v3/repos/octo/hello/pulls/2":
			fmt.Fprintf(w, `{"number":2,"state":"closed","merged":false,"merge_commit_sha":"0123abcd","closed_at":%q}`, now)
		case "/api/v3/repos/octo/hello/pulls/3":
			fmt.Fprint(w, `{"number":3,"state":"open","merged":false}`)
		default:
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(50*time.Minute).Unix()))
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/api/v3/"
}

// A scorer waits, its webhook never comes, and is asked for.
func TestReconcile(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	p := startWorker(t, namespace, "--search-attributes=false")
	p.env = append(p.env, "GITHUB_TOKEN=a token", "VERDICT_GITHUB_URL="+github(t))
	user := worker.New(server.Dial(t, client.Options{Namespace: namespace}), "agents", worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{accepted}})},
	})
	user.RegisterWorkflowWithOptions(agent, workflow.RegisterOptions{Name: "Agent"})
	require.NoError(t, user.Start())
	t.Cleanup(user.Stop)

	for n := range 3 {
		p.starter("run", "--type", "Agent", "--task-queue", "agents", "--input", fmt.Sprint(n+1), "--id", fmt.Sprint("agent-", n+1), "--wait")
	}
	state := func(pending, scored int) {
		t.Helper()
		harness.Eventually(t, harness.Patience, func() error {
			if row, _ := p.report("accepted"); row.Pending != pending || row.Scored != scored {
				return fmt.Errorf("%+v", row)
			}
			return nil
		})
	}
	state(3, 0)
	ask := func(args ...string) map[string]reconcile.Result {
		t.Helper()
		var r reconcileResult
		require.NoError(t, json.Unmarshal([]byte(p.starter(append([]string{"reconcile", "-o", "json"}, args...)...)), &r))
		results := map[string]reconcile.Result{}
		for _, i := range r.Items {
			results[i.Key] = i.Result
		}
		return results
	}
	require.Empty(t, ask(), "nothing has been waited for for an hour")
	require.Equal(t, map[string]reconcile.Result{
		"octo/hello#1": reconcile.Found, "octo/hello#2": reconcile.Found, "octo/hello#3": reconcile.Open,
	}, ask("--older-than", "0s", "--dry-run"))
	_, ledger := p.report("accepted")
	require.Zero(t, ledger.Received)

	require.Equal(t, map[string]reconcile.Result{
		"octo/hello#1": reconcile.Delivered, "octo/hello#2": reconcile.Delivered, "octo/hello#3": reconcile.Open,
	}, ask("--older-than", "0s"))
	state(1, 2)
	require.Equal(t, map[string]reconcile.Result{"octo/hello#3": reconcile.Open}, ask("--older-than", "0s"))

	// The webhook comes after all: it is a second outcome, and changes no score.
	p.starter("outcome", "--name", webhooks.PullRequestMerged, "--key", "octo/hello#1", "--id", "delivery", "--value", "true")
	harness.Eventually(t, harness.Patience, func() error {
		if _, l := p.report("accepted"); l.Matched != 2 || l.Late != 1 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	db, err := sqlite.Open(t.Context(), p.db)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	scores, err := db.Scores(t.Context(), store.Filter{Name: "accepted", History: true})
	require.NoError(t, err)
	said := map[string][]string{}
	for _, s := range scores {
		said[s.Run.WorkflowID] = append(said[s.Run.WorkflowID], string(s.State)+" "+s.Value.String())
	}
	require.Equal(t, map[string][]string{
		"agent-1": {"pending ", "scored true"}, "agent-2": {"pending ", "scored false"}, "agent-3": {"pending "},
	}, said)
	require.NoError(t, p.stop())
}

// waitingDatabase is one in which scorers wait for pull requests and for an order.
func waitingDatabase(t *testing.T, numbers ...int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	wait := func(id, name, key string, at time.Time) {
		_, err := s.Expect(t.Context(), scoring.Expectation{
			ScorerRun: scoring.Run{Namespace: "default", WorkflowID: "scorer-" + id, RunID: "s"}, Wait: 1, Scorer: "accepted", ScorerVersion: "1",
			Events: []scoring.Event{{Name: name, Key: key}}, At: at,
			Window: scoring.Window{Since: at, Until: time.Now().Add(time.Hour)},
			Run:    scoring.Run{Namespace: "default", WorkflowID: "run-" + id, RunID: "r"},
		})
		require.NoError(t, err)
	}
	for i, n := range numbers {
		wait(fmt.Sprint(n), webhooks.PullRequestMerged, webhooks.IssueKey("octo/hello", n), at.Add(time.Duration(i)*time.Minute))
	}
	wait("order", "checkout.paid", "order-7", at.Add(time.Hour))
	return path
}

// What a limit leaves undone is listed, and the command fails, so that whoever runs it on a schedule knows.
func TestReconcileStops(t *testing.T) {
	t.Parallel()
	got := call(t, RunStarter, []string{away, "GITHUB_TOKEN=a token"}, "reconcile", "--dry-run",
		"--db", waitingDatabase(t, 3, 1, 4, 2), "--github-url", github(t), "--command-timeout", "1m")
	require.ErrorContains(t, got.err, "stopped with 2 left to ask about: GitHub's rate limit is reached: 403; the next request is allowed in 50m")
	require.Equal(t, `waiting since         result       key           waited for           scorers       detail
2026-03-01T12:00:00Z  open         octo/hello#3  pull_request.merged  scorer-3      open
2026-03-01T12:01:00Z  found        octo/hello#1  pull_request.merged  scorer-1      merged
2026-03-01T12:02:00Z  left         octo/hello#4  pull_request.merged  scorer-4      -
2026-03-01T12:03:00Z  left         octo/hello#2  pull_request.merged  scorer-2      -
2026-03-01T13:00:00Z  no_provider  order-7       checkout.paid        scorer-order  -
1 found, 1 open, 1 no_provider, 2 left
`, got.stdout)
}

func TestReconcileMistakes(t *testing.T) {
	t.Parallel()
	db := waitingDatabase(t, 1)
	got := call(t, RunStarter, []string{away}, "reconcile", "--db", db)
	require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1")
	got = call(t, RunStarter, []string{away, "GITHUB_TOKEN=", "VERDICT_GITHUB_URL=ftp://x"}, "reconcile", "--db", db, "--older-than", "soon", "--limit", "-1")
	require.True(t, isUsage(got.err))
	for _, name := range []string{"GITHUB_TOKEN: must not be empty", "VERDICT_GITHUB_URL: ", "--older-than: ", "--limit: "} {
		require.ErrorContains(t, got.err, name)
	}
	got = call(t, RunStarter, []string{away, "GITHUB_TOKEN=hunter2"}, "reconcile", "--db", db, "--dry-run", "--github-url", github(t), "-o", "json")
	require.ErrorContains(t, got.err, "stopped with 1 left to ask about: GitHub refuses the token: 401")
	require.NotContains(t, got.err.Error()+got.stdout+got.stderr, "hunter2")
	var r reconcileResult
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &r))
	require.True(t, r.DryRun)
	require.Len(t, r.Items, 2)
	require.True(t, strings.HasPrefix(r.Stopped, "stopped with 1 left"))
	got = call(t, RunStarter, nil, "reconcile", "--dry-run", "--db", database(t))
	require.NoError(t, got.err)
	require.Equal(t, "no scorer has waited that long\n", got.stdout)
}
