package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

// order is a user's workflow: it scores itself, and defers a scorer that waits for the payment.
func order(ctx workflow.Context, id string) (string, error) {
	verdict.Score(ctx, "quality", .75)
	verdict.Defer(ctx, paid, id)
	return "shipped " + id, nil
}

var paid = verdict.NewScorer("paid", "1", func(ctx workflow.Context, id string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("checkout.paid", id), verdict.Within(time.Hour), verdict.ExpiresUnknown)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

// program is the worker, as it runs.
type program struct {
	*testing.T
	env  []string // of the worker and of every command
	url  string
	db   string
	stop func() error
	log  *harness.Log
}

var readyLine = regexp.MustCompile(`msg=ready http=(http://\S+)`)

// startWorker runs the worker until the test ends or stop is called.
func startWorker(t *testing.T, namespace string, args ...string) *program {
	t.Helper()
	server := devservertest.ForTest(t)
	p := &program{T: t, db: filepath.Join(t.TempDir(), "verdict.db"), log: &harness.Log{}}
	p.env = []string{
		"TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none.toml"), "TEMPORAL_ADDRESS=" + server.Address,
		"TEMPORAL_NAMESPACE=" + namespace, "VERDICT_DB=" + p.db, "VERDICT_HTTP=127.0.0.1:0",
		"VERDICT_STANDARD_WEBHOOKS_SECRET=" + standardSecret,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- RunWorker(ctx, Options{Args: args, Stdin: &bytes.Buffer{}, Stdout: io.Discard, Stderr: p.log, Environ: p.env})
	}()
	var result error
	stopped := false
	p.stop = func() error {
		if !stopped {
			stopped = true
			cancel()
			result = <-done
		}
		return result
	}
	t.Cleanup(func() { _ = p.stop() })
	harness.Eventually(t, harness.Patience, func() error {
		select {
		case err := <-done:
			stopped, result = true, err
			require.FailNow(t, "the worker ended", "%v\n%s", err, p.log)
		default:
		}
		if m := readyLine.FindStringSubmatch(p.log.String()); m != nil {
			p.url = m[1]
			return nil
		}
		return errors.New("not ready")
	})
	return p
}

// starter runs a command and returns what it printed.
func (p *program) starter(args ...string) string {
	p.Helper()
	got := call(p.T, RunStarter, p.env, args...)
	require.NoError(p, got.err, "%v: %s", args, got.stderr)
	return got.stdout
}

// http makes a request and returns its status and body.
func (p *program) http(method, path, body string, h http.Header) (int, string) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), method, p.url+path, strings.NewReader(body))
	require.NoError(p, err)
	r.Header = http.Header{"Content-Type": {"application/json"}}
	for k, v := range h {
		r.Header[k] = v
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(r)
	require.NoError(p, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p, err)
	return resp.StatusCode, string(text)
}

// report reads a row of the report, and what is known of outcomes.
func (p *program) report(score string) (row report.Row, l report.Ledger) {
	p.Helper()
	var r report.Report
	require.NoError(p, json.Unmarshal([]byte(p.starter("report", "-o", "json")), &r))
	for _, x := range r.Scores {
		if x.Score == score {
			row = x
		}
	}
	return row, r.Ledger
}

func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	p := startWorker(t, namespace, "--ui-url", "http://ui.example")
	user := worker.New(server.Dial(t, client.Options{Namespace: namespace}), "orders", worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{paid}})},
	})
	user.RegisterWorkflowWithOptions(order, workflow.RegisterOptions{Name: "Order"})
	require.NoError(t, user.Start())
	t.Cleanup(user.Stop)

	for path, want := range map[string]string{"/livez": "ok\n", "/readyz": "ok\n"} {
		status, body := p.http(http.MethodGet, path, "", nil)
		require.Equal(t, 200, status, body)
		require.Equal(t, want, body)
	}

	// A run that is started from the command line, and scored from everywhere.
	var started runResult
	require.NoError(t, json.Unmarshal([]byte(p.starter("run", "--type", "Order", "--task-queue", "orders", "--input", `"7"`, "--id", "order-7", "--wait", "-o", "json")), &started))
	require.Equal(t, "order-7", started.WorkflowID)
	require.JSONEq(t, `"shipped 7"`, string(started.Result))
	p.starter("score", "--workflow-id", "order-7", "--name", "thumbs_up", "--value", "true", "--reason", "nice")
	status, body := p.http(http.MethodPost, "/v1/scores", `{"workflow_id":"order-7","name":"tone","value":0.5}`, nil)
	require.Equal(t, 201, status, body)
	harness.Eventually(t, harness.Patience, func() error {
		for _, name := range []string{"quality", "thumbs_up", "tone"} {
			if row, _ := p.report(name); row.Scored != 1 {
				return fmt.Errorf("%s: %+v", name, row)
			}
		}
		return nil
	})
	harness.Eventually(t, harness.Patience, func() error {
		if row, _ := p.report("paid"); row.Pending != 1 {
			return fmt.Errorf("%+v", row)
		}
		return nil
	})

	// The payment comes by a signed webhook, twice; a forged one and one that nobody waits for come as well.
	event := []byte(`{"type":"checkout.paid","timestamp":"2026-01-01T00:00:00Z","data":{"name":"checkout.paid","key":"7","value":true,"observed_at":"` +
		time.Now().UTC().Format(time.RFC3339Nano) + `"}}`)
	header, err := webhooks.Sign(standardSecret, "evt_1", time.Now(), event)
	require.NoError(t, err)
	for range 2 {
		status, body := p.http(http.MethodPost, "/webhooks/standard", string(event), header)
		require.Equal(t, 200, status, body)
	}
	status, _ = p.http(http.MethodPost, "/webhooks/standard", string(event)+" ", header)
	require.Equal(t, 401, status)
	status, _ = p.http(http.MethodPost, "/webhooks/github", "{}", nil)
	require.Equal(t, 404, status, "a sender without a secret has no endpoint")
	p.starter("outcome", "--name", "checkout.paid", "--key", "nobody", "--value", "true")
	status, body = p.http(http.MethodPost, "/v1/outcomes", `{"id":"evt_1b","name":"checkout.paid","key":"other","value":49.9}`, nil)
	require.Equal(t, 201, status, body)
	status, body = p.http(http.MethodPost, "/v1/outcomes", `{"id":"evt_1b","name":"checkout.paid","key":"other","value":49.9}`, nil)
	require.Equal(t, 200, status, body)

	harness.Eventually(t, harness.Patience, func() error {
		row, l := p.report("paid")
		want := report.Ledger{Received: 3, Matched: 1, Unclaimed: 2, Rejected: 1, Duplicates: 2}
		if row.Scored != 1 || row.Mean == nil || *row.Mean != 1 || l != want {
			return fmt.Errorf("%+v, %+v", row, l)
		}
		return nil
	})
	var entries []store.Entry
	require.NoError(t, json.Unmarshal([]byte(p.starter("ledger", "--state", "matched", "-o", "json")), &entries))
	require.Len(t, entries, 1)
	require.Equal(t, 2, entries[0].Deliveries)

	status, body = p.http(http.MethodGet, "/", "", nil)
	require.Equal(t, 200, status)
	require.Contains(t, body, "http://ui.example/namespaces/"+namespace+"/workflows/order-7/"+started.RunID+"/history")

	require.NoError(t, p.stop())
	log := p.log.String()
	steps := []string{"msg=stopping step=http", "msg=stopping step=worker", "msg=stopping step=store"}
	at := -1
	for _, step := range steps {
		i := strings.Index(log, step)
		require.Greater(t, i, at, "%s in\n%s", step, log)
		at = i
	}
}

func TestSetup(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := devservertest.Name(t)
	c := server.Dial(t, client.Options{Namespace: namespace})
	_, err := c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(devserver.Retention),
	})
	require.NoError(t, err)
	env := []string{"TEMPORAL_ADDRESS=" + server.Address}
	args := []string{"--namespace", namespace, "--db", ":memory:", "--http", "127.0.0.1:0"}

	// Until the attributes are registered the worker does not start, and says what to do. The server's parts learn of a
	// namespace one after the other.
	harness.Eventually(t, harness.Patience, func() error {
		got := call(t, RunWorker, env, args...)
		require.Error(t, got.err)
		if !strings.Contains(got.err.Error(), "run `starter setup`") {
			return got.err
		}
		return nil
	})
	got := call(t, RunStarter, env, "setup", "-n", namespace)
	require.NoError(t, got.err)
	require.Equal(t, fmt.Sprintf("registered VerdictScorer (KeywordList) in namespace %[1]s\nregistered VerdictScores (KeywordList) in namespace %[1]s\n", namespace), got.stdout)
	harness.Eventually(t, harness.Patience, func() error {
		got := call(t, RunStarter, env, "setup", "-n", namespace)
		require.NoError(t, got.err)
		if want := "VerdictScorer (KeywordList) is already registered in namespace " + namespace; !strings.Contains(got.stdout, want) {
			return errors.New(got.stdout)
		}
		return nil
	})
}

// A worker whose port is taken, or whose context is done while it starts, fails and leaves nothing open.
func TestPortIsTaken(t *testing.T) {
	t.Parallel()
	namespace := devservertest.ForTest(t).NewNamespace(t)
	p := startWorker(t, namespace, "--search-attributes=false")
	got := call(t, RunWorker, p.env, "--http", strings.TrimPrefix(p.url, "http://"), "--db", ":memory:")
	require.ErrorContains(t, got.err, "address already in use")
	require.NoError(t, p.stop())
}

// What comes again is said to, and what is said about a key that no run has declared is held, by whichever way it comes.
func TestRepeatedAndHeld(t *testing.T) {
	t.Parallel()
	p := startWorker(t, devservertest.ForTest(t).NewNamespace(t), "--search-attributes=false")
	deliver := []string{"outcome", "--id", "evt_1", "--name", "checkout.paid", "--key", "7", "--value", "true"}
	require.Equal(t, "delivered checkout.paid of 7 with the id evt_1\n", p.starter(deliver...))
	require.Equal(t, "repeated: an outcome with the id evt_1 was delivered before; this one is counted and changes nothing\n", p.starter(deliver...))
	require.Contains(t, p.starter(append(deliver, "-o", "json")...), `"repeated": true`)
	ledger := func(want report.Ledger) {
		harness.Eventually(t, harness.Patience, func() error {
			if _, l := p.report(""); l != want {
				return fmt.Errorf("%+v", l)
			}
			return nil
		})
	}
	ledger(report.Ledger{Received: 1, Unclaimed: 1, Duplicates: 2}) // the store has them, and not Temporal alone
	status, body := p.http(http.MethodPost, "/v1/outcomes", `{"id":"evt_1","name":"checkout.paid","key":"7","value":true}`, nil)
	require.Equal(t, 200, status, body)

	begin := time.Now()
	require.Equal(t, "held thumbs_up: true; no run has declared the key \"message-1\" yet; the first to declare it gets the score\n",
		p.starter("score", "--key", "message-1", "--name", "thumbs_up", "--value", "true"))
	require.Less(t, time.Since(begin), 5*time.Second, "nobody waits for the run to end")
	status, body = p.http(http.MethodPost, "/v1/scores", `{"run_key":"message-1","name":"thumbs_up","value":false}`, nil)
	require.Equal(t, 202, status, body)
	require.JSONEq(t, `{"name":"thumbs_up","state":"scored","value":false,"held":true}`, body)
	list := p.starter("ledger", "--state", "held")
	require.Equal(t, 2, strings.Count(list, "message-1"), list)
	ledger(report.Ledger{Received: 1, Unclaimed: 1, Duplicates: 3, Held: 2})
	require.Contains(t, p.starter("report"), "held: 2 scores about keys that no run has declared yet")
	_, page := p.http(http.MethodGet, "/", "", nil)
	require.Contains(t, page, "2 scores are held: no run has declared their keys yet")
	require.NoError(t, p.stop())
	require.NotContains(t, p.log.String(), "level=ERROR")
	require.Equal(t, 1, strings.Count(p.log.String(), "Key=message-1"), "the log has it once")
}
