package e2e

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var hang = flag.Duration("hang", 12*time.Second, "how long Temporal hangs in TestAHangOfTemporalLosesNothing")

// chatter is an activity that scores so often in one attempt, once the gate is open. It says how long that took.
type chatter struct {
	times   int
	here    chan struct{} // one for each attempt that waits
	gate    chan struct{}
	elapsed chan time.Duration
}

func newChatter(runs, times int) *chatter {
	return &chatter{times: times, here: make(chan struct{}, runs), gate: make(chan struct{}), elapsed: make(chan time.Duration, runs)}
}

func (c *chatter) Chat(ctx context.Context) error {
	c.here <- struct{}{}
	<-c.gate
	began := time.Now()
	for i := range c.times {
		verdict.Score(ctx, fmt.Sprint("s", i), i)
	}
	c.elapsed <- time.Since(began)
	return nil
}

func (c *chatter) register(w worker.Worker) {
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 10 * time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		return workflow.ExecuteActivity(ctx, "Chat").Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "chat"})
	w.RegisterActivity(c)
}

// silent is a store that answers nobody.
type silent struct{ store.Store }

func (silent) Record(ctx context.Context, _ []scoring.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) Flush(ctx context.Context, _ scoring.Flush) error {
	<-ctx.Done()
	return ctx.Err()
}

// One attempt of an activity waits for a store that hangs, and for a Temporal that does, a second in all, however often it
// scores. What it said is stored.
func TestAnAttemptWaitsForASecondInAll(t *testing.T) {
	t.Parallel()
	for name, temporalHangs := range map[string]bool{"store": false, "Temporal": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			b.StoreWorker()
			proxy := b.Proxy()
			user := b.By(b.Dial(func(o *client.Options) { o.HostPort = proxy.Address }))
			chat := newChatter(1, 100)
			cfg := b.Config()
			if !temporalHangs {
				cfg.Store = silent{b.Store}
			}
			user.UserWorker(cfg, chat.register)
			run := b.Start("chat")
			<-chat.here
			if temporalHangs {
				proxy.Hang()
			}
			close(chat.gate)
			require.Less(t, <-chat.elapsed, 10*time.Second, "each of the 100 calls alone waits for half a second")
			proxy.Go()
			require.NoError(t, run.Get(t.Context(), nil))
			b.Scores(run, 100)
		})
	}
}

// What a worker without a store of its own records while Temporal hangs is recorded once Temporal answers. The long form:
//
//	go test ./internal/e2e -run TestAHangOfTemporalLosesNothing -v -hang 60s
func TestAHangOfTemporalLosesNothing(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	proxy := b.Proxy()
	user := b.By(b.Dial(func(o *client.Options) { o.HostPort = proxy.Address }))
	const runs, each = 40, 100
	chat := newChatter(runs, each)
	user.UserWorker(b.Config(), chat.register)
	var all []client.WorkflowRun
	for range runs {
		all = append(all, b.Start("chat"))
	}
	for range runs {
		<-chat.here
	}
	proxy.Hang()
	over := time.NewTimer(*hang)
	close(chat.gate)
	for range runs {
		require.Less(t, <-chat.elapsed, *hang)
	}
	<-over.C
	proxy.Go()
	answers := time.Now()
	for _, run := range all { // its end may have been lost: the SDK gives up telling it before a minute is over
		b.Scores(run, each)
	}
	t.Logf("hang of %s: %d scores recorded %s after its end, 0 lost", *hang, runs*each, time.Since(answers).Round(100*time.Millisecond))
	require.False(t, b.Log.Contains("the row is missing"))
}
