package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
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

// stayedClosed waits until the ticket is reopened, after it has waited for the ticket's first reply.
var stayedClosed = verdict.NewScorer("stayed_closed", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
	reply := verdict.On("ticket.replied", key).Means(true)
	if _, err := verdict.Await(ctx, reply, verdict.Within(time.Hour), verdict.ExpiresFalse); err != nil {
		return scoring.Score{}, err
	}
	got, err := verdict.Await(ctx, verdict.On("ticket.reopened", key).Means(false), verdict.Within(3*time.Second), verdict.ExpiresTrue)
	return got.Score(), err
})

// unsettled is a store in which nobody settles until it is allowed.
type unsettled struct {
	store.Store
	allowed atomic.Bool
}

func (u *unsettled) Settle(ctx context.Context, s store.Settlement) ([]scoring.Outcome, error) {
	if !u.allowed.Load() {
		return nil, errors.New("not yet")
	}
	return u.Store.Settle(ctx, s)
}

// unsaid takes from settlements what the scorers of the first release did not say.
type unsaid struct {
	worker.Worker
	set *activities.Set
}

func (u unsaid) RegisterActivityWithOptions(a any, o activity.RegisterOptions) {
	if o.Name == activities.SettleName {
		a = func(ctx context.Context, st store.Settlement) (activities.Refusal, error) {
			st.Expected = nil
			refusal, err := u.set.Settle(ctx, st)
			if len(refusal.Again) > 0 {
				return refusal, errors.New("it does not know what that means")
			}
			return refusal, err
		}
	}
	u.Worker.RegisterActivityWithOptions(a, o)
}

// The store is another one when the window ends, and knows nothing of the scorer that waits. What has reached it counts, and
// it says who waited.
func TestTheStoreIsAnotherOneWhenAScorerSettles(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"this release's scorer", "the first release's scorer"} {
		for _, reopened := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reopened %v", release, reopened), func(t *testing.T) {
				t.Parallel()
				b := harness.New(t, func(s store.Store) store.Store { return &unsettled{Store: s} })
				stop := b.StoreWorker()
				run := deferStayedClosed(t, b)
				b.Waiting("ticket-1", 2)
				waiting, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
				require.NoError(t, err)
				stop()

				opened, err := sqlite.Open(t.Context(), sqlite.Memory)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, opened.Close()) })
				other := &unsettled{Store: opened}
				b.Store = other
				for _, queue := range []string{b.VerdictQueue, activities.BundleQueue(b.VerdictQueue)} {
					defer b.Worker(queue, worker.Options{}, func(w worker.Worker) {
						set := &activities.Set{Store: b.Store, Client: b.Client}
						if release == "the first release's scorer" {
							set.Register(unsaid{w, set})
						} else {
							set.Register(w)
						}
						workflows.Register(w)
					})() // before the store is closed
				}
				if reopened {
					within := waiting[1].Window.Until.Add(-time.Second)
					require.NoError(t, b.Verdict.Deliver(t.Context(), verdict.Outcome{
						ID: "o-" + b.Queue, Name: "ticket.reopened", Key: "ticket-1", ObservedAt: within,
					}))
					b.Eventually(func() error {
						entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Unclaimed})
						if err == nil && len(entries) == 0 {
							err = errors.New("the outcome has not come")
						}
						return err
					})
				}
				other.allowed.Store(true)
				require.Equal(t, []string{fmt.Sprint("stayed_closed=", !reopened)}, b.Scores(run, 1))
				entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
				require.NoError(t, err)
				if reopened {
					require.Len(t, entries, 1)
					require.Equal(t, store.Matched, entries[0].State)
					require.Len(t, entries[0].Scorers, 1)
				}
				b.Eventually(func() error {
					waiting, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
					if err == nil && len(waiting) > 0 {
						err = fmt.Errorf("%d wait", len(waiting))
					}
					return err
				})
			})
		}
	}
}

// deferStayedClosed returns a run whose scorer has had its first reply, and waits.
func deferStayedClosed(t *testing.T, b *harness.Bench) client.WorkflowRun {
	t.Helper()
	main := func(ctx workflow.Context, key string) error {
		verdict.Defer(ctx, stayedClosed, key)
		return nil
	}
	b.UserWorker(b.Config(stayedClosed), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(main, workflow.RegisterOptions{Name: "ticket"})
	})
	run := b.Start("ticket", "ticket-1")
	require.NoError(t, run.Get(t.Context(), nil))
	require.NoError(t, b.Verdict.Deliver(t.Context(), verdict.Outcome{ID: "reply-" + b.Queue, Name: "ticket.replied", Key: "ticket-1"}))
	return run
}
