package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// latest counts an outcome for the run that started last before it.
var latest = verdict.NewOutcomeScorer("latest", "1", func(key string) verdict.Wait {
	return verdict.Wait{
		For:    verdict.AnyOf(verdict.On("pr.merged", key).Means(true), verdict.On("pr.closed", key).Means(false)),
		Window: verdict.Within(time.Hour).Attribute(scoring.AttributeLast), End: verdict.ExpiresUnknown,
	}
})

// refusing is a run whose first workflow task the server refuses: the task is held, once it has deferred, until a signal has
// come. The next one defers for another key at the same place.
type refusing struct{ gate *gate }

func (r refusing) run(ctx workflow.Context, key string, atEnd, held bool) (string, error) {
	var other string
	if workflow.GetSignalChannel(ctx, "another").ReceiveAsync(&other) {
		key = other
	}
	var opts []verdict.DeferOption
	if atEnd {
		opts = append(opts, verdict.AtEnd())
	}
	d := verdict.Defer(ctx, latest, key, opts...)
	if atEnd {
		verdict.Flush(ctx, "half")
	}
	if held {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 2 * time.Minute})
		if err := workflow.ExecuteLocalActivity(ctx, r.hold).Get(ctx, nil); err != nil {
			return "", err
		}
	}
	return d.ID, d.Err()
}

func (r refusing) hold(ctx context.Context) error {
	r.gate.pass(ctx)
	return ctx.Err()
}

// patientTask leaves the test time before the SDK gives the server a held task back. The server takes no longer timeout.
var patientTask = client.StartWorkflowOptions{WorkflowTaskTimeout: 2 * time.Minute}

// A refused task leaves nothing behind, on either store, at the call and at the end: the score of what it waited for is
// retracted though an outcome had decided it, the outcome counts for the scorer that is next by attribution, and what comes
// of the refused task after the flush is refused.
func TestARefusedTasksOutcomeGoesToTheNext(t *testing.T) {
	t.Parallel()
	for _, atEnd := range []bool{false, true} {
		t.Run(fmt.Sprintf("at end %v", atEnd), func(t *testing.T) {
			t.Parallel()
			for kind, open := range stores {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					b := harness.New(t, func(store.Store) store.Store { return open(t) })
					b.StoreWorker()
					refusedTask(t, b, atEnd)
				})
			}
		})
	}
}

func refusedTask(t *testing.T, b *harness.Bench, atEnd bool) {
	r := refusing{newGate()}
	t.Cleanup(r.gate.opened)
	cfg := b.Config(latest)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(r.run, workflow.RegisterOptions{Name: "refused"})
	})
	one, two := uuid.NewString(), uuid.NewString()
	before := b.Start("refused", one, atEnd, false)
	require.NoError(t, before.Get(t.Context(), nil))
	b.Waiting(one, 1)

	run := b.StartWith(patientTask, "refused", one, atEnd, true)
	<-r.gate.arrived
	var phantom scoring.Expectation
	b.Eventually(func() error {
		open, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
		for _, e := range open {
			if phantom = e; e.Run.RunID == run.GetRunID() {
				return nil
			}
		}
		return errors.Join(errors.New("the phantom is not kept"), err)
	})
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.closed", one)))
	require.Equal(t, []string{"latest=false"}, b.Scores(run, 1), "it started last")
	b.Waiting(one, 1) // the other one still does
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "another", two))
	r.gate.opened()
	require.NoError(t, run.Get(t.Context(), nil))
	b.Waiting(two, 1)
	require.Equal(t, []string{"latest=false"}, b.Scores(before, 1), "the outcome is its own now")
	b.Waiting(one, 0)

	all, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), History: true, Retracted: true})
	require.NoError(t, err)
	require.Equal(t, scoring.Pending, all[len(all)-1].State, "it waits for the other one")
	_, err = b.Store.Expect(t.Context(), phantom)
	require.NoError(t, err)
	b.Waiting(one, 0)

	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.merged", two)))
	require.Equal(t, []string{"latest=true"}, b.Scores(run, 1))
	require.Equal(t, []string{"latest=false"}, b.Scores(before, 1))
	entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	for _, e := range entries {
		require.Equal(t, store.Matched, e.State, e.Outcome.Name)
	}
}
