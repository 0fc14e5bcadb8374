package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
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

// heldOnce holds the first reply about a declared scorer of a run back, at the call or of the flush, once the store has it.
type heldOnce struct {
	store.Store
	once          sync.Once
	workflow      string // its id begins so
	kept, release chan struct{}
	mu            sync.Mutex
	phantom       scoring.Expectation
}

func (h *heldOnce) hold(e scoring.Expectation) {
	if !strings.HasPrefix(e.Run.WorkflowID, h.workflow) {
		return
	}
	h.once.Do(func() {
		h.mu.Lock()
		h.phantom = e
		h.mu.Unlock()
		close(h.kept)
		<-h.release
	})
}

func (h *heldOnce) Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	outcomes, err := h.Store.Expect(ctx, e)
	if e.Declared() {
		h.hold(e)
	}
	return outcomes, err
}

func (h *heldOnce) Flush(ctx context.Context, f scoring.Flush) error {
	err := h.Store.Flush(ctx, f)
	for _, e := range f.Waits {
		h.hold(e)
	}
	return err
}

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
					h := &heldOnce{workflow: "refused-", kept: make(chan struct{}), release: make(chan struct{})}
					b := harness.New(t, func(store.Store) store.Store { h.Store = open(t); return h })
					b.StoreWorker()
					refusedTask(t, b, h, atEnd)
				})
			}
		})
	}
}

func refusedTask(t *testing.T, b *harness.Bench, h *heldOnce, atEnd bool) {
	cfg := b.Config(latest)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			var other string
			if workflow.GetSignalChannel(ctx, "another").ReceiveAsync(&other) {
				key = other
			}
			var opts []verdict.DeferOption
			if atEnd {
				opts = append(opts, verdict.AtEnd())
			}
			return verdict.Defer(ctx, latest, key, opts...).Err()
		}, workflow.RegisterOptions{Name: "waits"})
	})
	one, two := uuid.NewString(), uuid.NewString()
	before := b.Start("waits", one)
	require.NoError(t, before.Get(t.Context(), nil))
	b.Waiting(one, 1)

	run := b.StartWith(client.StartWorkflowOptions{ID: "refused-" + uuid.NewString()[:8]}, "waits", one)
	<-h.kept
	require.NoError(t, b.Verdict.Deliver(t.Context(), outcome("pr.closed", one)))
	require.Equal(t, []string{"latest=false"}, b.Scores(run, 1), "it started last")
	b.Waiting(one, 1) // the other one still does
	require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "another", two))
	close(h.release)
	require.NoError(t, run.Get(t.Context(), nil))
	b.Waiting(two, 1)
	require.Equal(t, []string{"latest=false"}, b.Scores(before, 1), "the outcome is its own now")
	b.Waiting(one, 0)

	all, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), History: true, Retracted: true})
	require.NoError(t, err)
	require.Equal(t, scoring.Pending, all[len(all)-1].State, "it waits for the other one")
	h.mu.Lock()
	phantom := h.phantom
	h.mu.Unlock()
	require.Equal(t, one, phantom.Events[0].Key)
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
