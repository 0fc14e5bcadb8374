package e2e

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/workflows"
)

// on returns a bench whose user has a client made with o.
func on(t *testing.T, o client.Options) *harness.Bench {
	b := harness.New(t, nil)
	b.StoreWorker()
	if o.Namespace != "" {
		verdictWorker := *b
		verdictWorker.Client = devservertest.ForTest(t).Dial(t, client.Options{Namespace: o.Namespace, Logger: b.Logger()})
		verdictWorker.StoreWorker()
	}
	o.Logger = b.Logger()
	b.Client = devservertest.ForTest(t).Dial(t, o)
	return b
}

// Search attributes are looked for in the namespace of the worker, whatever the plugin is on: a run would hang that sets one
// which is not there.
func TestSearchAttributesInTheWorkersNamespace(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	with, without := server.NewNamespace(t), server.NewNamespace(t)
	require.NoError(t, devserver.AddSearchAttributes(t.Context(), server.Dial(t, client.Options{}), with, map[string]string{"OnlyThere": "Double"}))
	config := func(b *harness.Bench) verdict.Config {
		cfg := b.Config(merged)
		cfg.Store, cfg.SearchAttributes, cfg.Doubles = b.Store, true, map[string]string{"in_run": "OnlyThere"}
		return cfg
	}
	const missing = "search attribute OnlyThere of type Double is not registered in namespace "

	t.Run("the plugin on a worker, of a client that lacks one", func(t *testing.T) {
		t.Parallel()
		b := on(t, client.Options{Namespace: without})
		cfg := config(b)
		cfg.Client = b.Client
		w := worker.New(b.Client, b.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
		require.ErrorContains(t, w.Start(), missing+without)
	})
	t.Run("the plugin on a worker, of a client that has it", func(t *testing.T) {
		t.Parallel()
		b := on(t, client.Options{Namespace: with})
		cfg := config(b)
		cfg.Client = b.Client
		b.UserWorker(cfg, scoresEverywhere)
		indexed(b, true)
	})
	t.Run("the plugin on a worker, and another client", func(t *testing.T) {
		t.Parallel()
		b := on(t, client.Options{Namespace: without})
		cfg := config(b)
		cfg.Client = server.Dial(t, client.Options{Namespace: with})
		b.UserWorker(cfg, scoresEverywhere)
		indexed(b, false)
		require.Contains(t, b.Log.String(), "search attributes were checked in another namespace")
	})
	t.Run("one plugin on two clients", func(t *testing.T) {
		t.Parallel()
		b := harness.New(t, nil)
		plugin := verdict.NewPlugin(config(b))
		dial := func(namespace string) *harness.Bench {
			user := b.In(t)
			user.Client = server.Dial(t, client.Options{Namespace: namespace, Logger: b.Logger(), Plugins: []client.Plugin{plugin}})
			return user
		}
		first := dial(with)
		w := worker.New(dial(without).Client, b.Queue, worker.Options{})
		require.ErrorContains(t, w.Start(), missing+without)
		dial(with)
		first.StoreWorker()
		first.Worker(b.Queue, worker.Options{}, scoresEverywhere)
		indexed(first, true)
	})
}

// indexed runs a workflow and its scorer to their ends and tells whether they set search attributes.
func indexed(b *harness.Bench, want bool) {
	b.T.Helper()
	pr := pullRequest{uuid.NewString()}
	run := b.Start(scoreEverywhere, pr)
	require.NoError(b.T, run.Get(b.T.Context(), nil))
	scorer := scorerOf(b, run)
	require.NoError(b.T, b.Client.CancelWorkflow(b.T.Context(), scorer.GetID(), scorer.GetRunID()))
	require.Error(b.T, scorer.Get(b.T.Context(), nil))
	for run, attribute := range map[client.WorkflowRun]string{run: workflows.RunAttribute, scorer: workflows.ScorerAttribute} {
		d, err := b.Client.DescribeWorkflowExecution(b.T.Context(), run.GetID(), run.GetRunID())
		require.NoError(b.T, err)
		fields := d.WorkflowExecutionInfo.SearchAttributes.GetIndexedFields()
		require.Equal(b.T, want, fields[attribute] != nil, attribute)
	}
}

// A worker whose runs could not write what is ours into their histories does not start. Where the plugin cannot know before
// a run, the run goes on without us.
func TestDataConverterWithoutJSON(t *testing.T) {
	t.Parallel()
	bytes := converter.NewCompositeDataConverter(
		converter.NewNilPayloadConverter(), converter.NewByteSlicePayloadConverter(), converter.NewProtoPayloadConverter())
	const unfit = "the client's data converter does not take Verdict's records"

	t.Run("the plugin on the client", func(t *testing.T) {
		t.Parallel()
		plugin := verdict.NewPlugin(verdict.Config{})
		b := on(t, client.Options{DataConverter: bytes, Plugins: []client.Plugin{plugin}})
		w := worker.New(b.Client, b.Queue, worker.Options{})
		require.ErrorContains(t, w.Start(), unfit)
	})
	t.Run("the plugin on the worker, with the client", func(t *testing.T) {
		t.Parallel()
		b := on(t, client.Options{DataConverter: bytes})
		cfg := b.Config()
		cfg.Client = b.Client
		w := worker.New(b.Client, b.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
		require.ErrorContains(t, w.Start(), unfit)
	})
	t.Run("the plugin on the worker", func(t *testing.T) {
		t.Parallel()
		b := on(t, client.Options{DataConverter: bytes})
		b.UserWorker(b.Config(), func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in []byte) ([]byte, error) {
				verdict.Score(ctx, "quality", 0.5)
				return in, nil
			}, workflow.RegisterOptions{Name: "bytes"})
		})
		run := b.Start("bytes", []byte("in"))
		var out []byte
		require.NoError(t, run.Get(t.Context(), &out))
		require.Equal(t, []byte("in"), out)
		require.Contains(t, b.Log.String(), unfit)
		require.NotContains(t, harness.Shape(b.History(run)), "MarkerRecorded")
	})
	t.Run("JSON behind a codec", func(t *testing.T) {
		t.Parallel()
		zipped := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), converter.NewZlibCodec(converter.ZlibCodecOptions{AlwaysEncode: true}))
		plugin := verdict.NewPlugin(verdict.Config{})
		b := on(t, client.Options{DataConverter: zipped, Plugins: []client.Plugin{plugin}})
		b.Worker(b.Queue, worker.Options{}, func(worker.Worker) {})
	})
}
