package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

// scripts are texts that limits allow and that are hard to carry.
var scripts = []string{
	"plain-1", "évènement-1", "注文-1", "заказ №7", "طلب", "👩‍👩‍👧", "a b", "trailing ", "100%", "%2F", "a/b@c", `<&>"'`, "x\u2028", "\u00a0x", "x\u0301",
	strings.Repeat("x", scoring.MaxOutcomeID), strings.Repeat("é", scoring.MaxOutcomeID/2), wire.ID("évènement-1"),
}

// An outcome's id may be of any script: it is held once, however often it is delivered, and by itself in a batch too.
func TestOutcomesOfAnyScript(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.VerdictQueue += "-größe"
	b = b.By(b.Client)
	b.StoreWorker()
	key := uuid.NewString()
	ids := map[string]bool{}
	for i, s := range scripts {
		id := key + s
		if len(id) > scoring.MaxOutcomeID {
			id = key + s[len(key):]
		}
		ids[id] = true
		o := verdict.Outcome{ID: id, Name: scripts[i%15], Key: key, Source: "t"}
		require.NoError(t, b.Verdict.Deliver(t.Context(), o), "%q", id)
		require.NoError(t, b.Verdict.Deliver(t.Context(), o), "%q", id)
	}
	handler, err := webhooks.New(webhooks.CloudEvents{Tokens: []string{"token"}}, webhooks.Options{Sink: b.Verdict, Mapping: func(d webhooks.Delivery) ([]scoring.Outcome, error) {
		return []scoring.Outcome{{ID: d.ID, Name: d.Type, Key: key}}, nil
	}})
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	var events []string
	for i := range 40 {
		id := fmt.Sprint(key, "/", i)
		if i == 3 {
			id = "bestellung-ü/" + key
		}
		events = append(events, fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/shop","type":"order.placed","data":{}}`, id))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("["+strings.Join(events, ",")+"]"))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", "application/cloudevents-batch+json")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	said, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode, string(said))
	var all []store.Entry
	b.Eventually(func() (err error) {
		all, err = b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && len(all) != len(ids)+40 {
			err = fmt.Errorf("%d of %d outcomes", len(all), len(ids)+40)
		}
		return err
	})
	require.NotEmpty(t, all)
	for _, e := range all {
		require.Equal(t, key, e.Outcome.Key)
		delete(ids, e.Outcome.ID)
	}
	require.Empty(t, ids)
}

// A run that another SDK has started may have an id of any script, and is scored like any other.
func TestScoresOfRunsOfAnyScript(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	key := []byte("0123456789abcdef0123456789abcdef")
	v := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, TokenKeys: [][]byte{key}})
	set := &activities.Set{Store: b.Store, Client: b.Client}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(set.FollowRun)
	for _, s := range scripts {
		id := s + uuid.NewString()
		run, err := b.Client.ExecuteWorkflow(wire.About(t.Context(), id), client.StartWorkflowOptions{ID: id, TaskQueue: "another-sdks-" + b.Queue}, "another")
		require.NoError(t, err, "%q", id)
		sealed, err := token.Seal(key, of(run))
		require.NoError(t, err)
		require.NoError(t, v.Score(t.Context(), verdict.Run{WorkflowID: id}, "newest é", 1), "%q", id)
		require.NoError(t, v.Score(t.Context(), verdict.Run{WorkflowID: id, RunID: run.GetRunID()}, "run<&>", 1), "%q", id)
		require.NoError(t, v.Score(t.Context(), verdict.Token(sealed), "token", 1), "%q", id)
		b.Scores(run, 3)
		require.NoError(t, b.Client.TerminateWorkflow(wire.About(t.Context(), id), id, "", "it is over"))
		followed, err := env.ExecuteActivity(set.FollowRun, of(run))
		require.NoError(t, err, "%q", id)
		var closed activities.Closed
		require.NoError(t, followed.Get(&closed))
		require.Equal(t, scoring.RunTerminated, closed.Status)
	}
}

// Whatever the text, it is taken or refused with a type, at the call. Nothing is refused for ever by what carries it.
func TestTextsAreTakenOrRefusedAtTheCall(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	run := b.Start("nobody runs it")
	texts := rapid.OneOf(
		rapid.StringN(0, 20, -1), rapid.SampledFrom(scripts), rapid.StringMatching(`[ -~]{1,9}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 9), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.StringN(1, 40, -1), func(s string) string { return strings.Repeat(s, 12) }),
	)
	typed := func(t *rapid.T, err error) {
		var invalid *scoring.InvalidError
		if err != nil && !errors.As(err, &invalid) && !errors.Is(err, verdict.ErrNotFound) {
			require.NoError(t, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return texts.Draw(t, label) }
		ctx := b.T.Context()
		switch rapid.IntRange(0, 3).Draw(t, "call") {
		case 0:
			typed(t, b.Verdict.Deliver(ctx, verdict.Outcome{ID: text("id"), Name: text("name"), Key: text("key"), Source: text("source")}))
		case 1:
			typed(t, b.Verdict.Score(ctx, verdict.Run{WorkflowID: text("workflow")}, text("name"), 1))
		case 2:
			typed(t, b.Verdict.Score(ctx, verdict.Run{WorkflowID: run.GetID(), RunID: text("run")}, "name", 1))
		case 3:
			typed(t, b.Verdict.Score(ctx, verdict.Run{WorkflowID: run.GetID()}, text("name"), 1, verdict.Keyed(text("key")), verdict.Reason(text("reason")),
				verdict.InSession(text("session"), text("session id"))))
		}
	})
}

// An experiment of any script is managed as any other is.
func TestExperimentsOfAnyScript(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	d := twoArms
	d.Name, d.Version = "größe-"+b.Queue, "zwölf"
	exp, err := experiments.New(d)
	require.NoError(t, err)
	c := &managed{b, exp, d.Name, d.Version}
	first, err := c.start(rollout.Policy{})
	require.NoError(t, err)
	require.Equal(t, rollout.Start, first.Action)
	c.must(rollout.Promote, rollout.Change{Variant: "b", Reason: "both will do"})
	require.Equal(t, rollout.Promoted, c.read().Status)
	cfg := b.Config()
	cfg.Experiments, cfg.Client = []*experiments.Experiment{exp}, b.Client
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			p := verdict.Experiment(ctx, exp, verdict.ThisRun)
			return p.Variant, err
		}, workflow.RegisterOptions{Name: "assigned"})
	})
	var got string
	require.NoError(t, b.Start("assigned").Get(t.Context(), &got))
	require.Equal(t, "b", got)
}
