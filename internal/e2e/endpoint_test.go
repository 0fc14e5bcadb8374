package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/storeworker"
)

const apiToken = "an-api-token"

// front is a store worker with its HTTP API behind a proxy that may keep answers from whoever asked.
type front struct {
	*harness.Bench
	url string

	mu       sync.Mutex
	requests int
	swallow  func(http.ResponseWriter, *http.Request) // after the worker has answered; nil: the answer passes
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{Bench: harness.New(t, nil)}
	server := devservertest.ForTest(t)
	w, err := storeworker.Start(t.Context(), storeworker.Options{
		Client: client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: f.Logger()},
		Store:  f.Store, TaskQueue: f.VerdictQueue, Listen: "127.0.0.1:0", APITokens: []string{apiToken},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	to, err := url.Parse(w.URL())
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(to)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests++
		swallow := f.swallow
		f.mu.Unlock()
		if swallow == nil {
			forward.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			t.Errorf("the worker answers %d: %s", answer.Code, answer.Body)
		}
		swallow(w, r)
	}))
	t.Cleanup(proxy.Close)
	f.url = proxy.URL
	return f
}

func (f *front) set(swallow func(http.ResponseWriter, *http.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.swallow = swallow
}

func (f *front) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// client returns a service's client that goes by the endpoint, and the calls that it makes to Temporal.
func (f *front) client(change func(*verdict.ClientOptions)) (*verdict.Client, *rpcs) {
	by, seen := counting(f.Bench)
	o := verdict.ClientOptions{
		StoreTaskQueue: f.VerdictQueue, Endpoint: f.url, EndpointToken: apiToken, Namespace: "default",
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if change != nil {
		change(&o)
	}
	return verdict.NewClient(by, o), seen
}

// known is a run that the store knows.
func (f *front) known() verdict.Run {
	f.T.Helper()
	run := verdict.Run{WorkflowID: "gone-" + uuid.NewString(), RunID: uuid.NewString()}
	require.NoError(f.T, f.Store.Flush(f.T.Context(), scoring.Flush{
		Facts: scoring.RunFacts{Run: scoring.Run{Namespace: "default", WorkflowID: run.WorkflowID, RunID: run.RunID}, StartedAt: time.Now()}, At: time.Now(),
	}))
	return run
}

// once checks that a score has one revision and an outcome one delivery, and that a key has one held score.
func (f *front) once(name, outcome, key string) {
	f.T.Helper()
	f.Eventually(func() error {
		scores, err := f.Store.Scores(f.T.Context(), store.Filter{Name: name, History: true})
		if err == nil && len(scores) != 1 {
			err = fmt.Errorf("%d revisions", len(scores))
		}
		ledger, other := f.Store.Ledger(f.T.Context(), store.LedgerFilter{})
		outcomes, held := 0, 0
		for _, e := range ledger {
			if e.Outcome.ID == outcome {
				outcomes += e.Deliveries
			}
			if e.State == store.Held && e.Outcome.Key == key {
				held++
			}
		}
		if outcomes != 1 || held != 1 {
			err = errors.Join(err, fmt.Errorf("%d deliveries, %d held", outcomes, held))
		}
		return errors.Join(err, other)
	})
}

// Scores and outcomes of a service go to the worker itself, and Temporal has nothing to do with it.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	v, seen := f.client(nil)
	run, key := f.known(), "key-"+f.Queue
	require.NoError(t, v.Score(t.Context(), run, "good", true))
	receipt, err := v.RecordReceipt(t.Context(), verdict.Key(key), scoring.Bool("thumb", true))
	require.NoError(t, err)
	require.True(t, receipt.Held)
	o := outcome("paid", f.Queue)
	require.NoError(t, v.Deliver(t.Context(), o))
	f.once("good", o.ID, key)
	require.ErrorIs(t, v.Score(t.Context(), verdict.Run{WorkflowID: "nobody", RunID: uuid.NewString()}, "good", true), verdict.ErrNotFound)
	var invalid *scoring.InvalidError
	require.ErrorAs(t, v.Deliver(t.Context(), verdict.Outcome{ID: "x"}), &invalid)

	var statements []verdict.Statement
	var outcomes []verdict.Outcome
	for i := range 150 {
		statements = append(statements, verdict.Statement{About: run, Score: scoring.Number(fmt.Sprint("s-", i), 1)})
		outcomes = append(outcomes, outcome("paid", fmt.Sprint(f.Queue, i)))
	}
	outcomes = append(outcomes, outcomes[7])
	before := f.asked()
	_, err = v.ScoreAll(t.Context(), statements)
	require.NoError(t, err)
	require.Equal(t, 2, f.asked()-before)
	results, err := v.DeliverAll(t.Context(), outcomes)
	require.NoError(t, err)
	require.Equal(t, 5, f.asked()-before)
	for i, r := range results {
		require.Equal(t, i == 150, r.Repeated)
	}
	scores, err := v.Scores(t.Context(), run)
	require.NoError(t, err)
	require.Len(t, scores, 151)
	require.Equal(t, "good", scores[0].Name)
	for _, method := range []string{"StartWorkflowExecution", "StartActivityExecution", "DescribeWorkflowExecution", "DescribeTaskQueue"} {
		require.Zero(t, seen.of(method), method)
	}
	_, err = v.Scores(t.Context(), verdict.Run{WorkflowID: "nobody"})
	require.ErrorIs(t, err, verdict.ErrNotFound)
	_, err = f.Verdict.Scores(t.Context(), run)
	require.ErrorIs(t, err, verdict.ErrNoEndpoint)
}

// What the worker has committed, and has said so to nobody, goes to Temporal as well, and is one score and one delivery.
func TestEndpointWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, swallow := range map[string]func(http.ResponseWriter, *http.Request){
		"an error in its place": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"no answer at all":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			run, key, o := f.known(), "key-"+f.Queue, outcome("paid", f.Queue)
			f.set(swallow)
			// Each has a client of its own, which has not found out yet.
			for _, say := range []func(*verdict.Client) error{
				func(v *verdict.Client) error { return v.Score(t.Context(), run, "good", true) },
				func(v *verdict.Client) error { return v.Score(t.Context(), verdict.Key(key), "thumb", true) },
				func(v *verdict.Client) error { return v.Deliver(t.Context(), o) },
			} {
				v, seen := f.client(nil)
				before := f.asked()
				require.NoError(t, say(v))
				require.Equal(t, 1, f.asked()-before)
				require.NotZero(t, seen.started("StartWorkflowExecution")+seen.started("StartActivityExecution"))
				seen.over(f.Bench)
			}
			f.once("good", o.ID, key)
		})
	}
}

// An endpoint that fails is left alone for a second, and Temporal takes what comes meanwhile; so it does where the worker wants another
// token, is of another namespace, or does not know what it is asked.
func TestEndpointThatFails(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	run := f.known()
	for name, change := range map[string]func(*verdict.ClientOptions){
		"no such address":   func(o *verdict.ClientOptions) { o.Endpoint = "http://127.0.0.1:1" },
		"no URL":            func(o *verdict.ClientOptions) { o.Endpoint = "::" },
		"another token":     func(o *verdict.ClientOptions) { o.EndpointToken = "wrong" },
		"another namespace": func(o *verdict.ClientOptions) { o.Namespace = "other" },
		"another release":   func(o *verdict.ClientOptions) { o.Endpoint += "/pages" },
	} {
		t.Run(name, func(t *testing.T) {
			v, seen := f.client(change)
			require.NoError(t, v.Score(t.Context(), run, "fell_back", true))
			require.NoError(t, v.Deliver(t.Context(), outcome("paid", uuid.NewString())))
			require.NotZero(t, seen.of("StartWorkflowExecution")+seen.of("StartActivityExecution"))
		})
	}
	v, _ := f.client(nil)
	f.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	before, began := f.asked(), time.Now()
	for range 5 {
		require.NoError(t, v.Score(t.Context(), run, "left_alone", true))
	}
	require.LessOrEqual(t, f.asked()-before, 1+int(time.Since(began)/time.Second))
	f.set(nil)
	f.Eventually(func() error {
		before := f.asked()
		err := v.Score(t.Context(), run, "back", true)
		if err == nil && f.asked() == before {
			err = errors.New("it is still left alone")
		}
		return err
	})
	require.ErrorIs(t, v.Score(t.Context(), verdict.Run{WorkflowID: "nobody", RunID: uuid.NewString()}, "good", true), verdict.ErrNotFound)
}

// Beside an endpoint that fails, scores of runs that the server knows are held once Temporal has them: the service asks for the runs at
// the same time, and waits for no store.
func TestBesideAnEndpointThatFails(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.UserWorker(f.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "plain"})
	})
	run := f.Start("plain")
	require.NoError(t, run.Get(t.Context(), nil))
	about := verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
	v, seen := f.client(func(o *verdict.ClientOptions) { o.Endpoint = "http://127.0.0.1:1" })
	var asked atomic.Int32
	together := make(chan struct{})
	seen.set(func(method string) error {
		if method == "DescribeWorkflowExecution" && asked.Add(1) == 2 {
			close(together)
		}
		if method == "DescribeWorkflowExecution" {
			select {
			case <-together:
			case <-time.After(harness.Patience):
				return serviceerror.ToStatus(serviceerror.NewInternal("the second question waits for the answer to the first")).Err()
			}
		}
		return nil
	}, nil)
	_, err := v.ScoreAll(t.Context(), []verdict.Statement{
		{About: about, Score: scoring.Bool("one", true)}, {About: about, Score: scoring.Bool("two", true)},
	})
	require.NoError(t, err)
	for _, method := range []string{"GetWorkflowExecutionHistory", "PollActivityExecution"} {
		require.Zero(t, seen.of(method), method)
	}
	stored(f.Bench, "one", 1)
	stored(f.Bench, "two", 1)
}
