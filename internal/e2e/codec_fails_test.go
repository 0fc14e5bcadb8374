package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
)

// jsonOnly is a data converter as somebody may write one who knows nothing of raw values.
type jsonOnly struct{ converter.DataConverter }

func (jsonOnly) FromPayloads(payloads *commonpb.Payloads, to ...any) error {
	for i, p := range payloads.GetPayloads() {
		if i < len(to) {
			if err := json.Unmarshal(p.Data, to[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// deferrer is a bench with a run that defers a scorer which somebody else runs.
type deferrer struct {
	*harness.Bench
	queue, key string
	run        client.WorkflowRun
}

func defers(b *harness.Bench) *deferrer {
	b.StoreWorker()
	d := &deferrer{Bench: b, queue: "scorers-" + b.Queue, key: uuid.NewString()}
	cfg := b.Config(merged)
	cfg.ScorerTaskQueue = d.queue
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, merged, pullRequest{key})
			return nil
		}, workflow.RegisterOptions{Name: "defers"})
	})
	d.run = b.Start("defers", d.key)
	require.NoError(b.T, d.run.Get(b.T.Context(), nil))
	return d
}

// scorers starts a worker whose client has a data converter and the plugin.
func (d *deferrer) scorers(dc converter.DataConverter) (stop func()) {
	c := d.Dial(func(o *client.Options) {
		o.DataConverter, o.Plugins = dc, []client.Plugin{verdict.NewPlugin(d.Config(merged))}
	})
	return d.WorkerBy(c, d.queue, worker.Options{}, func(worker.Worker) {})
}

// A scorer whose codec fails, on its input or on an outcome, waits for one that does not, and says so. The SDK would end it.
func TestAScorerWaitsWhileItsCodecFails(t *testing.T) {
	t.Parallel()
	d := defers(encrypts(harness.New(t, nil), "key"))
	stop := d.scorers(harness.Encrypting("another key"))
	d.Eventually(func() error {
		if !d.Log.Contains("Verdict cannot decode the envelope of a scorer") {
			return fmt.Errorf("nothing is said: %s", d.Log)
		}
		return nil
	})
	stop()
	stop = d.scorers(harness.Encrypting("key"))
	d.Waiting(d.key, 1)
	stop()
	stop = d.scorers(harness.Encrypting("another key"))
	require.NoError(t, d.Verdict.Deliver(t.Context(), outcome("pr.merged", d.key)))
	d.Eventually(func() error {
		all, err := d.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Matched})
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("%d outcomes", len(all))
		}
		return err
	})
	stop()
	d.scorers(harness.Encrypting("key"))
	require.Equal(t, []string{"merged=true"}, d.Scores(d.run, 1))
}

// A data converter that knows no raw values, as the SDK's own do, runs scorers.
func TestScorersNeedNoRawValues(t *testing.T) {
	t.Parallel()
	d := defers(harness.New(t, nil))
	d.scorers(jsonOnly{converter.GetDefaultDataConverter()})
	d.Waiting(d.key, 1)
	require.NoError(t, d.Verdict.Deliver(t.Context(), outcome("pr.merged", d.key)))
	require.Equal(t, []string{"merged=true"}, d.Scores(d.run, 1))
}
