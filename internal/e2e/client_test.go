package e2e

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/workflows"
)

// A service scores a run that is open or closed, by its ids, by a key that it declared and by a token that it made.
func TestScoreFromAService(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	key := []byte("0123456789abcdef0123456789abcdef")
	cfg := b.Config()
	cfg.TokenKey = key
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, message string) (string, error) {
			if err := verdict.DeclareKey(ctx, message); err != nil {
				return "", err
			}
			if err := verdict.Session(ctx, "customer", "c-1"); err != nil {
				return "", err
			}
			if err := verdict.Flush(ctx, "declared"); err != nil {
				return "", err
			}
			token, err := verdict.TokenFor(ctx)
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			return token, err
		}, workflow.RegisterOptions{Name: "service"})
	})
	v := verdict.NewClient(b.Client, verdict.ClientOptions{TaskQueue: b.VerdictQueue, TokenKeys: [][]byte{key}})
	message := uuid.NewString()
	run := b.Start("service", message)

	ctx := t.Context()
	require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: run.GetID()}, "open", 1), "the newest run of the id")
	require.NoError(t, v.Score(ctx, verdict.Key(message), "by_key", true))
	require.NoError(t, b.Client.SignalWorkflow(ctx, run.GetID(), "", "end", nil))
	var token string
	require.NoError(t, run.Get(ctx, &token))
	require.NotContains(t, token, run.GetID())
	require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, "closed", 0.5, verdict.Because("why")))
	require.NoError(t, v.Score(ctx, verdict.Token(token), "by_token", false))
	require.NoError(t, v.Record(ctx, verdict.Key(message), scoring.Decline("declined", "no reason to")))
	require.ElementsMatch(t, []string{"open=1", "by_key=true", "closed=0.5", "by_token=false", "declined:not_applicable"}, b.Scores(run, 5))

	session, err := b.Store.Scores(ctx, store.Filter{Session: scoring.Session{Key: "customer", ID: "c-1"}})
	require.NoError(t, err)
	require.Len(t, session, 5, "the run's session is its scores'")

	t.Run("thumbs up, changed mind, thumbs up again", func(t *testing.T) {
		for i, up := range []bool{true, false, true} {
			require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, "thumbs", up))
			b.Eventually(func() error { // one after the other
				h, err := b.Store.Scores(ctx, store.Filter{Run: of(run), Name: "thumbs", History: true})
				if err == nil && len(h) != i+1 {
					err = context.DeadlineExceeded
				}
				return err
			})
		}
		current, err := b.Store.Scores(ctx, store.Filter{Run: of(run), Name: "thumbs"})
		require.NoError(t, err)
		require.Len(t, current, 1)
		require.Equal(t, scoring.BoolValue(true), current[0].Value)
		require.Equal(t, 3, current[0].Revision)
	})

	t.Run("bad input is refused", func(t *testing.T) {
		var invalid *scoring.InvalidError
		for _, value := range []any{math.NaN(), math.Inf(1), "0.5", nil, []int{1}} {
			require.ErrorAs(t, v.Score(ctx, verdict.Key(message), "x", value), &invalid)
		}
		for _, target := range []verdict.Target{nil, verdict.Key(""), verdict.Token("forged"), verdict.Run{}} {
			require.ErrorAs(t, v.Score(ctx, target, "x", 1), &invalid)
		}
	})

	t.Run("an unknown run is an error", func(t *testing.T) {
		require.ErrorIs(t, v.Score(ctx, verdict.Run{WorkflowID: "nobody"}, "x", 1), verdict.ErrNotFound)
		require.ErrorIs(t, v.Score(ctx, verdict.Run{WorkflowID: "nobody", RunID: uuid.NewString()}, "x", 1), verdict.ErrNotFound)
	})

	t.Run("a run that only the store knows", func(t *testing.T) {
		old := scoring.Run{Namespace: "default", WorkflowID: "expired", RunID: uuid.NewString()}
		require.NoError(t, b.Store.Flush(ctx, scoring.Flush{Facts: scoring.RunFacts{Run: old, StartedAt: time.Now()}, At: time.Now()}))
		require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: old.WorkflowID, RunID: old.RunID}, "late", 1))
		scores, err := b.Store.Scores(ctx, store.Filter{Run: old})
		require.NoError(t, err)
		require.Len(t, scores, 1)
	})

	t.Run("an ambiguous key is an error", func(t *testing.T) {
		other := b.Start("service", message)
		require.NoError(t, b.Client.SignalWorkflow(ctx, other.GetID(), "", "end", nil))
		require.NoError(t, other.Get(ctx, nil))
		b.Eventually(func() error { // what it declared is on its way to the store
			_, err := b.Store.RunOfKey(ctx, message)
			if errors.Is(err, store.ErrAmbiguous) {
				return nil
			}
			return errors.Join(errors.New("not yet ambiguous"), err)
		})
		require.ErrorIs(t, v.Score(ctx, verdict.Key(message), "x", 1), verdict.ErrAmbiguous)
	})
}

// A score by a key waits for the run that is about to declare it.
func TestKeyBeforeItIsDeclared(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error { return verdict.DeclareKey(ctx, key) },
			workflow.RegisterOptions{Name: "declares"})
	})
	v := verdict.NewClient(b.Client, verdict.ClientOptions{TaskQueue: b.VerdictQueue, Patience: 50 * time.Millisecond})
	key := uuid.NewString()
	require.NoError(t, v.Score(t.Context(), verdict.Key(key), "early", true), "held, to be recorded once it can be")
	run := b.Start("declares", key)
	require.Equal(t, []string{"early=true"}, b.Scores(run, 1))
}

// What is said about a key that no run ever declares is not held for ever, and not dropped either.
func TestKeyThatNoRunDeclares(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(harness.New(t, nil).Logger())
	env := suite.NewTestWorkflowEnvironment()
	(&activities.Set{Store: s}).Register(env)
	env.ExecuteWorkflow(workflows.Record, activities.Batch{RunKey: "m-1", Records: []scoring.Record{{
		Score: scoring.Bool("thumbs_up", true), Source: scoring.FromClient, Run: scoring.Run{WorkflowID: "key", RunID: "key"},
	}}})
	require.ErrorContains(t, env.GetWorkflowError(), "m-1")
	ledger, err := s.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	require.Len(t, ledger, 1)
	require.Equal(t, store.Rejected, ledger[0].State)
	require.Contains(t, ledger[0].Reason, `no run has declared the key "m-1"`)
}

// What was scored can be found by visibility, in the run and in its scorer.
func TestSearchAttributes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	cfg := b.Config(merged, fast)
	cfg.SearchAttributes, cfg.Client = true, b.Client
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest, quality float64) error {
			if _, err := verdict.Defer(ctx, merged, pr); err != nil {
				return err
			}
			return verdict.Score(ctx, "quality_"+b.Queue, quality)
		}, workflow.RegisterOptions{Name: "found"})
	})
	pr := pullRequest{uuid.NewString()}
	run := b.Start("found", pr, 0.93)
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	found := func(query string) {
		b.Eventually(func() error {
			r, err := b.Client.CountWorkflow(t.Context(), countRequest(query))
			if err == nil && r.Count != 1 {
				err = context.DeadlineExceeded
			}
			return err
		})
	}
	found(`VerdictScores = "quality_` + b.Queue + `=0.9"`)
	found(`VerdictScorer = "run=` + run.GetID() + `" AND VerdictScorer = "merged=true"`)
	shape := harness.Shape(b.History(run))
	require.Equal(t, "WorkflowExecutionCompleted", shape[len(shape)-1])
	replay(t, b, run, func(r worker.WorkflowReplayer) {
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest, quality float64) error {
			_, err := verdict.Defer(ctx, merged, pr)
			return err
		}, workflow.RegisterOptions{Name: "found"})
	}, verdict.NewPlugin(b.Config(merged))) // search attributes off now: the run keeps its shape
}

// A worker on which the search attributes are not registered does not start.
func TestUnregisteredSearchAttributesFailAtStart(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	cfg := b.Config()
	cfg.SearchAttributes, cfg.Client, cfg.Doubles = true, b.Client, map[string]string{"quality": "NotRegistered"}
	w := worker.New(b.Client, b.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	require.ErrorContains(t, w.Start(), "search attribute NotRegistered of type Double is not registered in namespace default: run `starter setup`")

	_, err := client.Dial(client.Options{Plugins: []client.Plugin{verdict.NewPlugin(verdict.Config{TokenKey: []byte("short")})}})
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
}
