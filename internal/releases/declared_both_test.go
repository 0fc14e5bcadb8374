package releases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// parcel is the input of a scorer whose window may be short.
type parcel struct {
	Key    string
	Window time.Duration
}

var arrived = verdict.NewOutcomeScorer("arrived", "1", func(p parcel) verdict.Wait {
	return verdict.Wait{
		For: verdict.On("parcel.arrived", p.Key).Means(true), Window: verdict.Within(p.Window), End: verdict.ExpiresFalse, Allowance: 10 * time.Millisecond,
	}
})

// A verdict worker of the release before, which knows no declared scorers, and one of today share a store and a task queue.
// Whichever of them takes what is handed over, receives an outcome or lives when a window ends, each declared scorer has one
// score, and nothing waits for ever.
func TestDeclaredScorersBetweenTwoReleases(t *testing.T) {
	t.Parallel()
	for _, old := range olderReleases(t) {
		for _, kind := range []string{"postgres", "sqlite"} {
			t.Run(old+"/"+kind, func(t *testing.T) {
				t.Parallel()
				b := &between{besides: &besides{scene: newScene(t, nil), old: old, kind: kind}, want: map[client.WorkflowRun]string{}}
				b.play()
			})
		}
	}
}

// between is a scene with a worker of each of two releases.
type between struct {
	*besides
	want map[client.WorkflowRun]string
}

// queues of the users' workers: one has the store, the other hands over.
var userQueues = map[string]bool{"with-store": true, "without-store": false}

func (b *between) play() {
	t := b.T.(*testing.T)
	b.prepare()
	env := b.env()
	env["VERDICT_DB"] = b.db
	before, _ := startWorker(t, b.old, env)
	b.open()
	for queue, own := range userQueues {
		cfg := b.Config(arrived)
		if own {
			cfg.Store = b.Store
		}
		b.Worker(queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}}, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, p parcel) error {
				return verdict.Defer(ctx, arrived, p).Err()
			}, workflow.RegisterOptions{Name: "send"})
		})
	}
	now, _ := startWorker(t, today, env)
	both := map[string]func(verdict.Outcome){
		"Temporal": b.byTemporal, "the release before": b.byHTTP(before.address), "today's": b.byHTTP(now.address),
	}
	for way, deliver := range both { // twice, since either worker may take what is handed over
		for i := range 2 {
			b.arrives(fmt.Sprint("both/", way, i), deliver)
		}
	}
	ended := b.send("both", parcel{uuid.NewString(), time.Second}, "false")
	b.check()

	now.stop()
	var short []client.WorkflowRun
	for _, deliver := range []func(verdict.Outcome){b.byTemporal, b.byHTTP(before.address)} {
		b.arrives("old alone", deliver)
		short = append(short, b.send("old alone", parcel{uuid.NewString(), time.Second}, "false")...)
	}
	for _, run := range append(ended, short...) { // readers see it though nobody closes
		if run.GetID()[:len("with-store")] == "with-store" {
			require.Equal(t, []string{"arrived=false"}, b.Scores(run, 1))
		}
	}

	now, _ = startWorker(t, today, env)
	b.check()
	before.stop()
	b.arrives("new alone", b.byTemporal)
	b.arrives("new alone", b.byHTTP(now.address))
	b.check()
}

// send starts a run on each user's worker, and says what its score will be.
func (b *between) send(when string, p parcel, want string) (runs []client.WorkflowRun) {
	b.T.Helper()
	for queue := range userQueues {
		run := b.StartWith(client.StartWorkflowOptions{ID: queue + "/" + when + "/" + uuid.NewString()[:8], TaskQueue: queue}, "send", p)
		require.NoError(b.T, run.Get(b.T.Context(), nil))
		b.want[run] = "arrived=" + want
		runs = append(runs, run)
	}
	return runs
}

// arrives delivers an outcome before the runs that wait for it and, of another key, after them, each twice.
func (b *between) arrives(when string, deliver func(verdict.Outcome)) {
	b.T.Helper()
	for _, early := range []bool{true, false} {
		p := parcel{"parcel/" + uuid.NewString(), time.Hour}
		o := verdict.Outcome{ID: "o/" + p.Key, Name: "parcel.arrived", Key: p.Key, Source: "test"}
		if early {
			deliver(o)
		}
		b.send(when, p, "true")
		deliver(o)
		deliver(o)
	}
}

func (b *between) byTemporal(o verdict.Outcome) {
	require.NoError(b.T, b.Verdict.Deliver(b.T.Context(), o))
}

// byHTTP posts outcomes to a worker's API.
func (b *between) byHTTP(address string) func(verdict.Outcome) {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	return func(o verdict.Outcome) {
		content := map[string]any{"id": o.ID, "name": o.Name, "key": o.Key, "source": o.Source}
		if !o.ObservedAt.IsZero() {
			content["observed_at"] = o.ObservedAt
		}
		body, err := json.Marshal(content)
		require.NoError(b.T, err)
		res, err := c.Post("http://"+address+"/v1/outcomes", "application/json", bytes.NewReader(body))
		require.NoError(b.T, err)
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		require.NoError(b.T, err)
		require.Less(b.T, res.StatusCode, 300, "%s", said)
	}
}

// check waits until each run has its score and nothing is under way, and looks for what is there twice.
func (b *between) check() {
	b.T.Helper()
	for run, want := range b.want {
		require.Equal(b.T, []string{want}, b.Scores(run, 1), run.GetID())
	}
	b.Eventually(func() error {
		open, err := b.Client.ListOpenWorkflow(b.T.Context(), &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: b.namespace})
		if err == nil && len(open.Executions) > 0 {
			err = errors.New("something still waits in Temporal: " + open.Executions[0].Execution.WorkflowId)
		}
		return err
	})
	for run, want := range b.want {
		require.Equal(b.T, []string{want}, b.Scores(run, 1), run.GetID())
		about := scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
		history, err := b.Store.Scores(b.T.Context(), store.Filter{Run: about, History: true, Retracted: true, Superseded: true})
		require.NoError(b.T, err)
		require.LessOrEqual(b.T, len(history), 2, "pending, and the score: %v", history)
	}
	entries, err := b.Store.Ledger(b.T.Context(), store.LedgerFilter{})
	require.NoError(b.T, err)
	seen := map[string]bool{}
	for _, e := range entries {
		require.False(b.T, seen[e.Outcome.ID], e.Outcome.ID)
		seen[e.Outcome.ID] = true
		require.Equal(b.T, store.Matched, e.State, e.Outcome.ID)
	}
}
