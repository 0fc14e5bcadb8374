package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	reporting "github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/storeworker"
)

// kept is a store that several workers share: none of them closes it.
type kept struct{ store.Store }

func (kept) Close() error { return nil }

// inNamespace is a namespace with a store worker, a user's worker and a service.
type inNamespace struct {
	*harness.Bench
	name, url string
	service   *verdict.Client
	quality   float64
	runs      map[string]client.WorkflowRun
}

// thanked is an experiment that has the runs of two namespaces.
var thanked = experiments.MustNew(experiments.Definition{
	Name: "namespaces", Version: "1", Control: "plain", Variants: []experiments.Variant{{Name: "plain"}, {Name: "fancy"}},
	Primary: experiments.Metric{Name: "thanks", Type: experiments.Boolean},
})

// ordered says what differs between the namespaces, and waits twice for what comes later.
func ordered(ctx workflow.Context, key string, quality float64) (variant string, err error) {
	verdict.DeclareKey(ctx, "key-"+key)
	verdict.Session(ctx, "customer", key)
	verdict.Score(ctx, "quality", quality)
	pick := verdict.Experiment(ctx, thanked, verdict.ThisRun)
	verdict.Defer(ctx, declared, pullRequest{Key: key})
	verdict.Defer(ctx, merged, pullRequest{Key: key})
	return pick.Variant, nil
}

// join puts workers on a namespace. All have one store, and the same task queues.
func join(t *testing.T, b *harness.Bench, quality float64) *inNamespace {
	t.Helper()
	server := devservertest.ForTest(t)
	n := &inNamespace{name: server.NewNamespace(t), quality: quality, runs: map[string]client.WorkflowRun{}}
	w, err := storeworker.Start(t.Context(), storeworker.Options{
		Client: client.Options{HostPort: server.Address, Namespace: n.name, Logger: b.Logger()},
		Store:  kept{b.Store}, TaskQueue: b.VerdictQueue, Listen: "127.0.0.1:0", APITokens: []string{apiToken},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	own := *b
	own.Client = server.Dial(t, client.Options{Namespace: n.name, Logger: b.Logger()})
	n.Bench, n.url = &own, w.URL()
	n.UserWorker(n.Config(declared, merged), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(ordered, workflow.RegisterOptions{Name: "Order"})
	})
	n.service = verdict.NewClient(own.Client, verdict.ClientOptions{
		StoreTaskQueue: b.VerdictQueue, Endpoint: n.url, EndpointToken: apiToken, Namespace: n.name,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	return n
}

// get reads what the API of a namespace's worker answers.
func (n *inNamespace) get(path string, to any) {
	n.T.Helper()
	r, err := http.NewRequestWithContext(n.T.Context(), http.MethodGet, n.url+path, nil)
	require.NoError(n.T, err)
	r.Header.Set("Authorization", "Bearer "+apiToken)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	require.NoError(n.T, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(n.T, http.StatusOK, answer.StatusCode, path)
	require.NoError(n.T, json.NewDecoder(answer.Body).Decode(to))
}

// is waits until a run has these scores and no others, in the store, by the client and by the API.
func (n *inNamespace) is(id string, want map[string]string) {
	n.T.Helper()
	run := scoring.Run{Namespace: n.name, WorkflowID: id, RunID: n.runs[id].GetRunID()}
	check := func(all []scoring.Record) error {
		got := map[string]string{}
		for _, r := range all {
			if r.Run != run {
				return fmt.Errorf("a score of %v", r.Run)
			}
			if got[r.Name] = string(r.State); r.State == scoring.Scored {
				got[r.Name] = r.Value.String()
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s in %s has %v and should have %v", id, n.name, got, want)
		}
		return nil
	}
	n.Eventually(func() error {
		all, err := n.Store.Scores(n.T.Context(), store.Filter{Run: scoring.Run{Namespace: n.name, WorkflowID: id}})
		return errors.Join(err, check(all))
	})
	all, err := n.service.Scores(n.T.Context(), verdict.Run{WorkflowID: id})
	require.NoError(n.T, err)
	require.NoError(n.T, check(all))
	var page struct{ Scores []scoring.Record }
	n.get("/v1/scores?namespace="+n.name+"&workflow_id="+url.QueryEscape(id), &page)
	require.NoError(n.T, check(page.Scores))
	var view store.RunView
	n.get("/v1/runs/"+url.PathEscape(id)+"/"+run.RunID+"?namespace="+n.name, &view)
	require.Equal(n.T, run, view.Facts.Run)
	require.Len(n.T, view.Assignments, 1)
	require.Equal(n.T, run, view.Assignments[0].Run)
	for _, r := range view.Scores {
		require.Equal(n.T, run, r.Run)
	}
	for _, e := range view.Waiting {
		require.Equal(n.T, run, e.Run)
	}
}

// Two namespaces with one store have runs of the same workflow ids, with the same keys, sessions, scorers and experiment. What is said in one
// is of its run alone.
func TestTheSameWorkflowIDsInTwoNamespaces(t *testing.T) {
	t.Parallel()
	eachStore(t, nil, func(t *testing.T, b *harness.Bench) {
		both := []*inNamespace{join(t, b, .25), join(t, b, .75)}
		ids := []string{"order/7", "order/8"}
		served := map[string]int{}
		for _, n := range both {
			for _, id := range ids {
				n.runs[id] = n.StartWith(client.StartWorkflowOptions{ID: id}, "Order", id, n.quality)
				var variant string
				require.NoError(t, n.runs[id].Get(t.Context(), &variant))
				served[variant]++
			}
		}
		for _, n := range both {
			for _, id := range ids {
				n.is(id, map[string]string{"quality": fmt.Sprint(n.quality), "declared": "pending", "merged": "pending"})
			}
		}

		// An outcome counts in the namespace whose worker has received it, for the scorers of either form.
		require.NoError(t, both[0].service.Deliver(t.Context(), verdict.Outcome{ID: "first-" + b.Queue, Name: "pr.merged", Key: ids[0], ReceivedAt: time.Now()}))
		require.NoError(t, both[1].service.Deliver(t.Context(), verdict.Outcome{ID: "second-" + b.Queue, Name: "pr.closed", Key: ids[1], ReceivedAt: time.Now()}))
		// A service's scores are about its own namespace's run: by workflow id, and by the key that both runs declared.
		for i, n := range both {
			require.NoError(t, n.service.Score(t.Context(), verdict.Run{WorkflowID: ids[0]}, "thanks", i == 0))
			require.NoError(t, n.service.Score(t.Context(), verdict.Key("key-"+ids[1]), "thanks", i == 1))
		}
		waits := map[string]string{"declared": "pending", "merged": "pending"}
		for i, n := range both {
			for j, id := range ids {
				want := map[string]string{"quality": fmt.Sprint(n.quality), "thanks": fmt.Sprint(i == j)}
				for name, state := range waits {
					if want[name] = state; i == j {
						want[name] = fmt.Sprint(i == 0)
					}
				}
				n.is(id, want)
			}
		}

		// A session is one, whichever namespaces its runs are in: a customer is.
		for _, n := range both {
			var session struct{ Runs []scoring.RunFacts }
			n.get("/v1/sessions/customer/"+url.PathEscape(ids[0]), &session)
			found := map[string]string{}
			for _, f := range session.Runs {
				found[f.Run.Namespace] = f.Run.RunID
			}
			require.Equal(t, map[string]string{both[0].name: both[0].runs[ids[0]].GetRunID(), both[1].name: both[1].runs[ids[0]].GetRunID()}, found)
		}

		// The experiment is one, with a unit for each run: four, and no two of one workflow id are one.
		rows := map[string]int{}
		for _, n := range both {
			e, err := n.service.Report(t.Context(), "namespaces", "1")
			require.NoError(t, err)
			require.Equal(t, len(both)*len(ids), e.Units)
			require.Zero(t, e.Excluded+e.Unserved)
			require.Equal(t, results.Registered, e.Definition.Origin)
			require.Empty(t, e.Contradictions, "both namespaces' workers have one definition")
			sum := 0.0
			for _, r := range e.Rows {
				if r.Score == "quality" {
					require.Equal(t, served[r.Variant], r.Assigned)
					rows[r.Variant] += r.Scored
					if r.Mean != nil { // nil: all four runs had the other variant
						sum += *r.Mean * float64(r.Scored)
					}
				}
			}
			require.InDelta(t, 2*.25+2*.75, sum, 1e-9)
		}
		for variant, n := range served {
			require.Equal(t, len(both)*n, rows[variant])
		}
		_, err := b.Store.FoldCounts(t.Context())
		require.NoError(t, err)
		r, err := reporting.Build(t.Context(), b.Store, reporting.Options{Now: time.Now()})
		require.NoError(t, err)
		require.Equal(t, reporting.Ledger{Received: 2, Matched: 2}, r.Ledger)
		require.Empty(t, r.Unflushed)
		for _, row := range r.Scores {
			require.Equal(t, len(both)*len(ids), row.Assigned, row.Score)
		}
	})
}
