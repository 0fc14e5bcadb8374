package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// encrypts returns the bench of somebody whose clients encrypt with a key.
func encrypts(b *harness.Bench, key string) *harness.Bench {
	e := b.By(b.Dial(func(o *client.Options) { o.DataConverter = harness.Encrypting(key) }))
	e.Verdict = verdict.NewClient(e.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, Patience: 100 * time.Millisecond})
	return e
}

// resulted tells whether a run returned what is expected.
var resulted = verdict.NewScorer("resulted", "1", func(ctx workflow.Context, want string) (scoring.Score, error) {
	run, err := verdict.AwaitRun(ctx)
	if err != nil {
		return scoring.Score{}, err
	}
	var got string
	if err := run.Decode(&got); err != nil {
		return scoring.Score{}, err
	}
	return scoring.Bool("resulted", got == want), nil
})

// everything is a run that uses all that there is, with a service and a webhook beside it.
type everything struct {
	*harness.Bench
	exp *experiments.Experiment
	key string
	run client.WorkflowRun
}

func startEverything(b *harness.Bench) *everything {
	d := twoArms
	d.Name, d.Version = "sealed-"+b.Queue, "1"
	exp, err := experiments.New(d)
	require.NoError(b.T, err)
	e := &everything{b, exp, uuid.NewString(), nil}
	b.UserWorker(b.Config(merged, resulted), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(e.parent, workflow.RegisterOptions{Name: "parent"})
		w.RegisterWorkflowWithOptions(e.child, workflow.RegisterOptions{Name: "child"})
		w.RegisterActivityWithOptions(func(ctx context.Context) error { verdict.Score(ctx, "step", 3); return nil }, registerActivity("step"))
	})
	e.run = b.Start("parent")
	require.NoError(b.T, e.run.Get(b.T.Context(), nil))
	ctx, about := b.T.Context(), verdict.Run{WorkflowID: e.run.GetID(), RunID: e.run.GetRunID()}
	require.NoError(b.T, b.Verdict.Score(ctx, about, "service", 4))
	require.NoError(b.T, b.Verdict.Score(ctx, verdict.Key(e.key), "key", 5))
	require.NoError(b.T, b.Verdict.Deliver(ctx, outcome("pr.merged", e.key)))
	return e
}

func (e *everything) parent(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	verdict.DeclareKey(ctx, e.key)
	verdict.Score(ctx, "first", 1)
	verdict.Flush(ctx, "half")
	verdict.Experiment(ctx, e.exp, verdict.ThisRun)
	verdict.Defer(ctx, merged, pullRequest{e.key})
	verdict.Defer(ctx, resulted, "the result")
	if err := workflow.ExecuteActivity(ctx, "step").Get(ctx, nil); err != nil {
		return "", err
	}
	if err := workflow.ExecuteChildWorkflow(ctx, "child").Get(ctx, nil); err != nil {
		return "", err
	}
	verdict.Score(ctx, "last", 2)
	return "the result", nil
}

func (e *everything) child(ctx workflow.Context) error {
	pick := verdict.Experiment(ctx, e.exp, verdict.ThisRun)
	verdict.Score(ctx, "child", pick.Variant == "b")
	return nil
}

// stored waits until all of it is in the store.
func (e *everything) stored() {
	got := e.Scores(e.run, 7)
	slices.Sort(got)
	require.Equal(e.T, []string{"first=1", "key=5", "last=2", "merged=true", "resulted=true", "service=4", "step=3"}, got)
	made, err := e.Store.Assignments(e.T.Context(), e.exp.Definition().Name, "1")
	require.NoError(e.T, err)
	require.Len(e.T, made, 1)
	e.Eventually(func() error {
		inherited, err := e.Store.Scores(e.T.Context(), store.Filter{Experiment: e.exp.Definition().Name, Name: "child"})
		if err == nil && len(inherited) != 1 {
			err = fmt.Errorf("%d scores of the child", len(inherited))
		}
		if err == nil {
			require.Equal(e.T, scoring.BoolValue(made[0].Variant == "b"), inherited[0].Value)
		}
		return err
	})
}

// In a namespace whose clients encrypt, with a worker that has the key, all goes its way.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	b := encrypts(harness.New(t, nil), "key")
	b.StoreWorker()
	startEverything(b).stored()

	d := twoArms
	d.Name, d.Version = "control-"+b.Queue, "1"
	exp, err := experiments.New(d)
	require.NoError(t, err)
	c := &managed{b, exp, d.Name, d.Version}
	_, err = c.start(rollout.Policy{})
	require.NoError(t, err)
	c.must(rollout.Promote, rollout.Change{Variant: "b", Reason: "both will do"})
	cfg := b.Config()
	cfg.Experiments, cfg.Client = []*experiments.Experiment{exp}, b.Client
	queue := "controlled-" + b.Queue
	b.Worker(queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			p := verdict.Experiment(ctx, exp, verdict.ThisRun)
			return p.Variant, err
		}, workflow.RegisterOptions{Name: "assigned"})
	})
	var got string
	require.NoError(t, b.StartWith(client.StartWorkflowOptions{TaskQueue: queue}, "assigned").Get(t.Context(), &got))
	require.Equal(t, "b", got, "what is served is read through the codec")
	require.False(t, b.Log.Contains("cannot decode"))
}

// What a worker that opens the store cannot decode waits, and everybody hears of it. With a worker that can, nothing is
// missing.
func TestWhatCannotBeDecodedWaits(t *testing.T) {
	t.Parallel()
	noCodec := func(b *harness.Bench) *harness.Bench { return b }
	byWorkflows := []string{"the input of verdict.RecordWorkflow", "the input of verdict.DeliverWorkflow", "the input of an activity"}
	for name, c := range map[string]struct {
		other func(*harness.Bench) *harness.Bench
		work  func(*harness.Bench) (stop func())
		said  []string
	}{
		"no codec":                        {noCodec, (*harness.Bench).PlainStoreWorker, byWorkflows},
		"another key":                     {func(b *harness.Bench) *harness.Bench { return encrypts(b, "another key") }, (*harness.Bench).PlainStoreWorker, byWorkflows},
		"no codec, standalone activities": {noCodec, (*harness.Bench).StoreWorker, byWorkflows[2:]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := harness.New(t, nil)
			b := encrypts(plain, "key")
			stop := c.work(c.other(plain))
			e := startEverything(b)
			for _, what := range c.said {
				b.Eventually(func() error {
					if !b.Log.Contains("Verdict cannot decode " + what) {
						return fmt.Errorf("nothing is said of %s", what)
					}
					return nil
				})
			}
			runs, err := b.Store.Runs(t.Context(), store.RunFilter{})
			require.NoError(t, err)
			require.Empty(t, runs)
			stop()
			b.StoreWorker()
			e.stored()
		})
	}
}

// A scorer whose own worker cannot decode its input, or an outcome, waits for one that can.
func TestAScorerThatCannotBeDecodedWaits(t *testing.T) {
	t.Parallel()
	plain := harness.New(t, nil)
	b := encrypts(plain, "key")
	b.StoreWorker()
	cfg := b.Config(merged)
	cfg.ScorerTaskQueue = "scorers-" + b.Queue
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, merged, pullRequest{key})
			return nil
		}, workflow.RegisterOptions{Name: "defers"})
	})
	scorers := func(b *harness.Bench) func() {
		return b.Worker(cfg.ScorerTaskQueue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(b.Config(merged))}}, func(worker.Worker) {})
	}
	says := func(what string) {
		b.Eventually(func() error {
			if !b.Log.Contains("Verdict cannot decode " + what) {
				return fmt.Errorf("nothing is said of %s", what)
			}
			return nil
		})
	}
	stop := scorers(plain)
	key := uuid.NewString()
	run := b.Start("defers", key)
	require.NoError(t, run.Get(t.Context(), nil))
	says("the envelope of a scorer")
	stop()
	stop = scorers(b)
	b.Waiting(key, 1)
	stop()
	stop = scorers(plain) // it replays the scorer from its start
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", key)))
	b.Eventually(func() error {
		all, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Matched})
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("%d outcomes", len(all))
		}
		return err
	})
	stop()
	scorers(b)
	require.Equal(t, []string{"merged=true"}, b.Scores(run, 1))
}
