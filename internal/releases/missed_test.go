package releases

import (
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
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

// Declared and child scorers whose outcomes a worker of the release before receives, and does not find them.
var (
	kept = verdict.NewOutcomeScorer("kept", "1", func(key string) verdict.Wait {
		return verdict.Wait{
			For: verdict.AnyOf(verdict.On("kept", key).Means(true), verdict.On("lost", key).Means(false)), Window: verdict.Within(time.Hour), End: verdict.ExpiresUnknown,
		}
	})
	merged = verdict.NewOutcomeScorer("merged", "1", func(key string) verdict.Wait {
		return verdict.Wait{For: verdict.On(webhooks.PullRequestMerged, key).Means(true), Window: verdict.Within(time.Hour), End: verdict.ExpiresFalse}
	})
	accepted = verdict.NewScorer("accepted", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On(webhooks.PullRequestMerged, key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
		return got.Score(), err
	})
)

// What a verdict worker of the release before receives counts once one of today looks: also for a declared scorer that has a score
// already, and whichever way a key of GitHub is written.
func TestOutcomesThatTheReleaseBeforeMisses(t *testing.T) {
	t.Parallel()
	for _, old := range olderReleases(t) {
		for _, kind := range []string{"postgres", "sqlite"} {
			t.Run(old+"/"+kind, func(t *testing.T) {
				t.Parallel()
				playMissed(t, &between{besides: &besides{scene: newScene(t, nil), old: old, kind: kind}})
			})
		}
	}
}

func playMissed(t *testing.T, b *between) {
	b.prepare()
	env := b.env()
	env["VERDICT_DB"] = b.db
	before, _ := startWorker(t, b.old, env)
	b.open()
	cfg := b.Config(kept, merged, accepted)
	cfg.Store = b.Store
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, kept, key)
			verdict.Defer(ctx, merged, key)
			verdict.Defer(ctx, accepted, key)
			return nil
		}, workflow.RegisterOptions{Name: "proposes"})
	})
	now, _ := startWorker(t, today, env)
	id := uuid.NewString()[:8]
	key, other := "Acme/Shop-"+id+"#7", "acme/shop-"+id+"#7"
	run := b.StartWith(client.StartWorkflowOptions{ID: "proposes/" + id, TaskQueue: b.Queue}, "proposes", key)
	require.NoError(t, run.Get(t.Context(), nil))
	ended := time.Now()
	b.Waiting(key, 3)
	deliver := func(address, name, key string, at time.Time) string {
		o := verdict.Outcome{ID: name + "/" + id, Name: name, Key: key, Source: "test", ObservedAt: at}
		b.byHTTP(address)(o)
		return o.ID
	}
	deliver(now.address, "kept", key, ended.Add(2*time.Millisecond))
	scores := func(want ...string) {
		t.Helper()
		b.Eventually(func() error {
			all, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}})
			var got []string
			for _, s := range all {
				if s.State == scoring.Scored {
					got = append(got, s.Name+"="+s.Value.String())
				}
			}
			slices.Sort(got)
			if err == nil && !slices.Equal(want, got) {
				err = fmt.Errorf("%v", got)
			}
			return err
		})
	}
	scores("kept=true")

	now.stop()
	lost := deliver(before.address, "lost", key, ended.Add(time.Millisecond)) // before it was kept
	changed := deliver(before.address, webhooks.PullRequestMerged, other, time.Now())
	for _, id := range []string{lost, changed} {
		require.NoError(t, b.Carried(t.Context(), id))
	}
	scores("kept=true")
	startWorker(t, today, env)
	scores("accepted=true", "kept=false", "merged=true")
}
