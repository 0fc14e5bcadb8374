package e2e

import (
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

// reopenable is the input of both forms: a pull request that is closed, unless it is reopened within ten minutes, or merged.
type reopenable struct {
	Key   string
	Until time.Time
}

const reopening = 10 * time.Minute

func (r reopenable) wait() (verdict.Condition, verdict.Window) {
	closed := verdict.On("pr.closed", r.Key).Means(false).UnlessUndone(verdict.On("pr.reopened", r.Key), reopening)
	return verdict.AnyOf(closed, verdict.On("pr.merged", r.Key).Means(true)), verdict.Until(r.Until).Lookback(2 * time.Hour)
}

var (
	undoneDeclared = verdict.NewOutcomeScorer("undone_declared", "1", func(r reopenable) verdict.Wait {
		condition, window := r.wait()
		return verdict.Wait{For: condition, Window: window, End: verdict.ExpiresUnknown, Allowance: time.Second}
	})
	undoneChild = verdict.NewScorer("undone_child", "1", func(ctx workflow.Context, r reopenable) (scoring.Score, error) {
		condition, window := r.wait()
		got, err := verdict.Await(ctx, condition, window, verdict.ExpiresUnknown)
		return got.Score(), err
	})
)

// What undoes an outcome does so in both forms alike, on a real server: whichever of the two is known first, before the call and
// after it, in the window and past its end.
func TestUndoneInBothForms(t *testing.T) {
	t.Parallel()
	type said struct {
		name string
		ago  time.Duration
	}
	const m = time.Minute
	closed := func(ago time.Duration) said { return said{"pr.closed", ago} }
	reopened := func(ago time.Duration) said { return said{"pr.reopened", ago} }
	merged := func(ago time.Duration) said { return said{"pr.merged", ago} }
	const soon = 2 * time.Second // when the window ends
	cases := map[string]struct {
		ends   time.Duration // from now
		before []said        // the call; the rest comes after it
		after  []said
		want   string
	}{
		"closed":                         {time.Hour, nil, []said{closed(30 * m)}, "=false"},
		"closed before the call":         {time.Hour, []said{closed(30 * m)}, nil, "=false"},
		"closed, becomes firm":           {time.Hour, nil, []said{closed(reopening + m - 2*time.Second)}, "=false"},
		"closed, reopened":               {soon, []said{closed(30 * m), reopened(25 * m)}, nil, ":expired"},
		"reopened is known first":        {soon, []said{reopened(25 * m)}, []said{closed(30 * m)}, ":expired"},
		"reopened in time to take back":  {time.Hour, nil, []said{closed(5 * m), reopened(0), merged(0)}, "=true"},
		"closed, reopened, merged":       {time.Hour, []said{merged(10 * m), closed(30 * m), reopened(25 * m)}, nil, "=true"},
		"reopened too late":              {time.Hour, []said{closed(30 * m), reopened(15 * m)}, []said{merged(5 * m)}, "=false"},
		"reopened before it is closed":   {time.Hour, []said{reopened(31 * m)}, []said{closed(30 * m)}, "=false"},
		"closed again":                   {time.Hour, []said{closed(50 * m), reopened(48 * m)}, []said{closed(30 * m)}, "=false"},
		"reopened after the window":      {-15 * m, []said{closed(16 * m), reopened(14 * m)}, nil, ":expired"},
		"merged after the window":        {-15 * m, []said{closed(16 * m), reopened(14 * m), merged(13 * m)}, nil, ":expired"},
		"closed in the window, not back": {-15 * m, []said{closed(16 * m), merged(14 * m)}, nil, "=false"},
	}
	eachStore(t, nil, func(t *testing.T, b *harness.Bench) {
		b.StoreWorker()
		cfg := b.Config(undoneDeclared, undoneChild)
		cfg.Store = b.Store
		b.UserWorker(cfg, func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in reopenable) error {
				verdict.Defer(ctx, undoneDeclared, in)
				verdict.Defer(ctx, undoneChild, in)
				return nil
			}, workflow.RegisterOptions{Name: "reopenable"})
		})
		deliver := func(key string, all []said) {
			for _, s := range all {
				now := time.Now()
				o := outcome(s.name, key)
				o.ObservedAt, o.ReceivedAt = now.Add(-s.ago), now
				if s.ago > 0 {
					o.ReceivedAt = o.ObservedAt.Add(time.Millisecond)
				}
				require.NoError(t, b.Verdict.Deliver(t.Context(), o))
				require.NoError(t, b.Carried(t.Context(), o.ID))
			}
		}
		runs := map[string]client.WorkflowRun{}
		for name, c := range cases {
			key := uuid.NewString()
			deliver(key, c.before)
			runs[name] = b.Start("reopenable", reopenable{key, time.Now().Add(c.ends)})
			require.NoError(t, runs[name].Get(t.Context(), nil))
			b.Eventually(func() error { // the store knows both
				all, err := b.Store.Scores(t.Context(), store.Filter{Run: of(runs[name])})
				if err == nil && len(all) != 2 {
					err = fmt.Errorf("%s: %d scores", name, len(all))
				}
				return err
			})
			deliver(key, c.after)
		}
		for name, c := range cases {
			for _, derived := range []bool{true, false} {
				require.ElementsMatch(t, []string{"undone_declared" + c.want, "undone_child" + c.want}, b.Scores(runs[name], 2), fmt.Sprint(name, " ", derived))
				_, err := b.Store.CloseDue(t.Context())
				require.NoError(t, err)
			}
		}
	})
}
