package e2e

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
)

// meter keeps the tags with which each counter was counted.
type meter struct {
	client.MetricsHandler
	tags map[string]string
	all  *counters
}

type counters struct {
	mu   sync.Mutex
	tags map[string][]map[string]string
}

func (m meter) WithTags(tags map[string]string) client.MetricsHandler {
	m.tags = maps.Clone(m.tags)
	maps.Copy(m.tags, tags)
	return m
}

func (m meter) Counter(name string) client.MetricsCounter {
	m.all.mu.Lock()
	defer m.all.mu.Unlock()
	m.all.tags[name] = append(m.all.tags[name], m.tags)
	return m.MetricsHandler.Counter(name)
}

func written(t *testing.T, o *activities.Offer) {
	t.Helper()
	select {
	case <-o.Done():
	case <-time.After(30 * time.Second):
		require.Fail(t, "it was not written")
	}
}

// What workflow code offers is handed over before any activity has shown a client, by one that is made like the one that the
// plugin is on or by the one in its configuration, and is counted like what an activity records.
func TestOffersOutsideActivities(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	server := devservertest.ForTest(t)
	all := &counters{tags: map[string][]map[string]string{}}
	o := client.Options{HostPort: server.Address, MetricsHandler: meter{client.MetricsNopHandler, map[string]string{}, all}, Logger: b.Logger()}
	offer := func(r *activities.Recorder) {
		run := scoring.Run{Namespace: "default", WorkflowID: uuid.NewString(), RunID: uuid.NewString()}
		require.True(t, r.Ready("default"))
		written(t, r.Offer(context.Background(), activities.Batch{Flush: &scoring.Flush{
			Facts: scoring.RunFacts{Run: run, WorkflowType: "any"}, At: time.Now(),
			Records: []scoring.Record{{Score: scoring.Bool("said", true), Run: run, Source: scoring.FromWorkflow}},
		}}))
		r.Ended("worker")
	}
	like := &activities.Recorder{TaskQueue: b.VerdictQueue}
	require.False(t, like.Ready("default"))
	like.DialsLike(&o)
	like.Began("worker", nil)
	require.False(t, like.Ready("another"))
	offer(like)
	like.Began("worker", nil) // as a worker does that is made anew
	offer(like)
	with := &activities.Recorder{TaskQueue: b.VerdictQueue}
	with.Began("worker", b.Client)
	offer(with)

	user := b.By(b.Dial(func(x *client.Options) { x.MetricsHandler = o.MetricsHandler }))
	user.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
			return workflow.ExecuteActivity(ctx, "scores").Get(ctx, nil)
		}, workflow.RegisterOptions{Name: "any"})
		w.RegisterActivityWithOptions(func(ctx context.Context) error { verdict.Score(ctx, "s", 1); return nil }, registerActivity("scores"))
	})
	require.NoError(t, b.Start("any").Get(t.Context(), nil))
	all.mu.Lock()
	defer all.mu.Unlock()
	counted := all.tags[activities.MetricHandedOver]
	require.Len(t, counted, 4)
	for _, tags := range counted {
		require.Equal(t, slices.Sorted(maps.Keys(counted[0])), slices.Sorted(maps.Keys(tags)))
		require.Equal(t, "default", tags["namespace"])
	}
}
