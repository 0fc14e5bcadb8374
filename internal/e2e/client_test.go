package e2e

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
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
	"github.com/verdict-dev/verdict/internal/harness/patient"
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
			verdict.DeclareKey(ctx, message)
			verdict.Session(ctx, "customer", "c-1")
			verdict.Flush(ctx, "declared")
			token := verdict.TokenFor(ctx)
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			return token, nil
		}, workflow.RegisterOptions{Name: "service"})
	})
	v := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, TokenKeys: [][]byte{key}})
	message := uuid.NewString()
	run := b.Start("service", message)

	ctx := t.Context()
	require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: run.GetID()}, "open", 1), "the newest run of the id")
	require.NoError(t, v.Score(ctx, verdict.Key(message), "by_key", true))
	require.NoError(t, b.Client.SignalWorkflow(ctx, run.GetID(), "", "end", nil))
	var token string
	require.NoError(t, run.Get(ctx, &token))
	require.NotContains(t, token, run.GetID())
	require.NoError(t, v.Score(ctx, verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}, "closed", 0.5, verdict.Reason("why")))
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
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error { verdict.DeclareKey(ctx, key); return nil },
			workflow.RegisterOptions{Name: "declares"})
	})
	v := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, Patience: 50 * time.Millisecond})
	key := uuid.NewString()
	require.NoError(t, v.Score(t.Context(), verdict.Key(key), "early", true), "held, to be recorded once it can be")
	run := b.Start("declares", key)
	require.Equal(t, []string{"early=true"}, b.Scores(run, 1))
}

// A thumb by the key of a run that is open is answered at once, and stands in the ledger from then on: so does one whose key
// is mistyped. It is said once, and is no error.
func TestThumbOnAnOpenRun(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			verdict.DeclareKey(ctx, key)
			return nil
		}, workflow.RegisterOptions{Name: "open"})
	})
	key, mistyped := uuid.NewString(), uuid.NewString()
	run := b.Start("open", key)
	v := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, Patience: time.Minute})
	for i, about := range []verdict.Key{verdict.Key(key), verdict.Key(mistyped)} {
		receipt, err := v.RecordReceipt(t.Context(), about, scoring.Bool("thumb", true))
		require.NoError(t, err)
		require.Equal(t, verdict.Receipt{Held: true}, receipt)
		held, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Held})
		require.NoError(t, err)
		require.Len(t, held, i+1, "the answer comes once the store has it")
		require.Equal(t, string(about), held[0].Outcome.Key)
		b.Eventually(func() error { // nothing waits on the server
			open, err := b.Client.CountActivities(t.Context(), client.CountActivitiesOptions{
				Query: fmt.Sprintf("ExecutionStatus = 'Running' AND TaskQueue = '%s'", activities.BundleQueue(b.VerdictQueue)),
			})
			if err == nil && open.Count > 0 {
				err = fmt.Errorf("%d standalone activities wait", open.Count)
			}
			return err
		})
	}
	require.NoError(t, v.Score(t.Context(), verdict.Key(key), "thumb", false), "a changed mind")
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "end", nil))
	require.Equal(t, []string{"thumb=false"}, b.Scores(run, 1))
	history, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), History: true})
	require.NoError(t, err)
	require.Len(t, history, 2)
	held, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Held})
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, mistyped, held[0].Outcome.Key)
	receipt, err := v.RecordReceipt(t.Context(), verdict.Key(key), scoring.Bool("thumb", true))
	require.NoError(t, err)
	require.Equal(t, verdict.Receipt{}, receipt)
	require.Equal(t, 1, strings.Count(b.Log.String(), mistyped), b.Log)
	require.NotContains(t, b.Log.String(), "level=ERROR")
}

// A worker of a release that held nothing in its store fails with an undeclared key until the recording gives up. The
// recording goes the same way as it did then.
func TestKeyThatAnOlderWorkerDoesNotHold(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(harness.New(t, nil).Logger())
	env := patient.Environment(&suite, worker.Options{})
	(&activities.Set{Store: holdsNothing{s}}).Register(env)
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

// holdsNothing is the store of such a release.
type holdsNothing struct{ store.Store }

func (s holdsNothing) RecordKeyed(ctx context.Context, k store.Keyed) (store.KeyedReceipt, error) {
	_, err := s.RunOfKey(ctx, k.Key)
	return store.KeyedReceipt{}, err
}

// Whoever delivers an outcome again is told so, and it is counted, whatever the way in; nobody is told of it twice.
func TestRepeatedDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(merged), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest) error {
			verdict.Defer(ctx, merged, pr)
			return nil
		}, workflow.RegisterOptions{Name: "repeats"})
	})
	pr := pullRequest{uuid.NewString()}
	run := b.Start("repeats", pr)
	b.Waiting(pr.Key, 1)
	o := outcome("pr.merged", pr.Key)
	for i := range 3 {
		receipt, err := b.Verdict.DeliverReceipt(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, verdict.Receipt{Repeated: i > 0}, receipt)
	}
	require.Equal(t, []string{"merged=true"}, b.Scores(run, 1))
	b.Eventually(func() error {
		ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && (len(ledger) != 1 || ledger[0].Deliveries != 3) {
			err = fmt.Errorf("%+v", ledger)
		}
		return err
	})
	scorer := b.Client.GetWorkflow(t.Context(), "verdict/scorer/merged/"+run.GetRunID()+"/1", "")
	signals := 0
	for _, e := range harness.Shape(b.History(scorer)) {
		if e == "WorkflowExecutionSignaled" {
			signals++
		}
	}
	require.Equal(t, 1, signals)
}

// A repetition may say something else, and may be quicker than the first: it is counted, and the first stands.
func TestRepetitionIsNeverTheFirst(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	const outcomes, repeats = 5, 3
	for i := range outcomes {
		o := verdict.Outcome{ID: fmt.Sprint(b.Queue, i), Name: "paid", Key: b.Queue, Value: scoring.BoolValue(true)}
		require.NoError(t, b.Verdict.Deliver(t.Context(), o))
		o.Name, o.Value = "refunded", scoring.BoolValue(false)
		for range repeats {
			require.NoError(t, b.Verdict.Deliver(t.Context(), o))
		}
	}
	b.StoreWorker() // finds all of them on its queue, in any order
	b.Eventually(func() error {
		ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && len(ledger) != outcomes {
			err = fmt.Errorf("%d outcomes", len(ledger))
		}
		for _, e := range ledger {
			if e.Deliveries != 1+repeats {
				err = fmt.Errorf("%+v", e)
			}
			require.Equal(t, "paid", e.Outcome.Name)
			require.Equal(t, scoring.BoolValue(true), e.Outcome.Value)
		}
		return err
	})
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
			verdict.Defer(ctx, merged, pr)
			verdict.Score(ctx, "quality_"+b.Queue, quality)
			verdict.Score(ctx, "polite_"+b.Queue, math.NaN())
			return nil
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
	document, err := os.ReadFile("../../docs/search-attributes.md")
	require.NoError(t, err)
	_, queries, _ := strings.Cut(string(document), "```sql\n")
	queries, _, _ = strings.Cut(queries, "```")
	mine := strings.NewReplacer("quality", "quality_"+b.Queue, "polite", "polite_"+b.Queue, "answer-17", run.GetID(), `"Answer"`, `"found"`)
	require.Equal(t, 6, strings.Count(queries, "\n"))
	for query := range strings.Lines(queries) {
		found(mine.Replace(strings.TrimSpace(query)))
	}
	shape := harness.Shape(b.History(run))
	require.Equal(t, "WorkflowExecutionCompleted", shape[len(shape)-1])
	replay(t, b, run, func(r worker.WorkflowReplayer) {
		r.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest, quality float64) error {
			verdict.Defer(ctx, merged, pr)
			return nil
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
