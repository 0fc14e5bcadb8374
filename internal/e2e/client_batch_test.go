package e2e

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// service returns a service's client whose calls are counted, once it knows that bundles are taken, and a run to score.
func service(b *harness.Bench) (*verdict.Client, *rpcs, verdict.Run) {
	b.T.Helper()
	by, seen := counting(b)
	run := verdict.Run{WorkflowID: "gone-" + b.Queue, RunID: uuid.NewString()}
	require.NoError(b.T, b.Store.Flush(b.T.Context(), scoring.Flush{
		Facts: scoring.RunFacts{Run: scoring.Run{Namespace: "default", WorkflowID: run.WorkflowID, RunID: run.RunID}, StartedAt: time.Now(), Keys: []string{"key-" + b.Queue}},
		At:    time.Now(),
	}))
	v := verdict.NewClient(by, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, Patience: harness.Patience})
	b.Eventually(func() error {
		err := v.Score(b.T.Context(), run, "warm", true)
		if err == nil && seen.of("StartActivityExecution") == 0 {
			err = errors.New("it has not found out yet")
		}
		return err
	})
	return v, seen, run
}

// A hundred scores of one call cost one execution, and each has its own answer, in order.
func TestScoreAll(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	v, seen, run := service(b)
	all := make([]verdict.Statement, 250)
	for i := range all {
		all[i] = verdict.Statement{About: run, Score: scoring.Number(fmt.Sprint("s-", i), float64(i))}
	}
	all[3].Score = scoring.Number("s-3", math.NaN())
	all[4].About = nil
	all[5] = verdict.Statement{About: verdict.Key("key-" + b.Queue), Score: scoring.Number("s-5", 5), Options: []verdict.ScoreOption{verdict.Reason("why")}}
	all[6] = verdict.Statement{About: verdict.Key("nobody-" + b.Queue), Score: scoring.Number("s-6", 6)}
	all[7].About = verdict.Run{WorkflowID: "nobody", RunID: uuid.NewString()}
	all[249].Score = scoring.Number("s-0", 7) // it changes its mind

	before := seen.started("StartActivityExecution")
	results, err := v.ScoreAll(t.Context(), all)
	require.Equal(t, 3, seen.started("StartActivityExecution")-before)
	require.Len(t, results, len(all))
	var invalid *scoring.InvalidError
	for i, r := range results {
		switch i {
		case 3, 4:
			require.ErrorAs(t, r.Err, &invalid)
		case 6:
			require.NoError(t, r.Err)
			require.True(t, r.Held)
		case 7:
			require.ErrorIs(t, r.Err, verdict.ErrNotFound)
		default:
			require.NoError(t, r.Err)
			require.False(t, r.Held)
		}
	}
	require.ErrorIs(t, err, verdict.ErrNotFound)
	require.ErrorContains(t, err, "item 7:")
	for i, want := range map[int]float64{0: 7, 5: 5, 248: 248} {
		b.Eventually(func() error {
			got, err := b.Store.Scores(t.Context(), store.Filter{Name: fmt.Sprint("s-", i)})
			if err == nil && (len(got) != 1 || got[0].Value.String() != fmt.Sprint(want)) {
				err = fmt.Errorf("%+v", got)
			}
			return err
		})
	}
	_, err = v.ScoreAll(t.Context(), make([]verdict.Statement, verdict.MaxBatch+1))
	require.ErrorAs(t, err, &invalid)
	results, err = v.ScoreAll(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, results)
}

// Goroutines of a service that score at the same time share what carries their scores, and each gets its own answer.
func TestConcurrentScoresShare(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	_, _, run := service(b)
	by := &activities.Carrier{Client: b.Client, TaskQueue: b.VerdictQueue}
	sender := &activities.Sender{Gather: time.Hour, Send: by.HandOver}
	say := func(i int) activities.Batch {
		batch := activities.Batch{MustKnow: true, Records: []scoring.Record{{
			Score: scoring.Number(fmt.Sprint("s-", i), 1), Source: scoring.FromClient, RecordedAt: activities.Said(),
			Run: scoring.Run{WorkflowID: run.WorkflowID, RunID: run.RunID},
		}}}
		if i == 7 {
			batch.Records[0].Run.WorkflowID = "nobody"
		}
		return batch
	}
	b.Eventually(func() error {
		if !by.Bundles(t.Context()) {
			return errors.New("not yet")
		}
		return nil
	})
	require.NoError(t, sender.One(t.Context(), say(1000)).Err)
	groups := 0
	sender.Send = func(ctx context.Context, batches []activities.Batch) []activities.Sent {
		groups++
		return by.HandOver(ctx, batches)
	}
	var all sync.WaitGroup
	errs := make([]error, activities.MaxBundle)
	for i := range errs {
		all.Go(func() { _, errs[i] = sender.One(t.Context(), say(i)).Reply(t.Context(), harness.Patience) })
	}
	all.Wait()
	for i, err := range errs {
		if i == 7 {
			require.ErrorIs(t, err, verdict.ErrNotFound)
			continue
		}
		require.NoError(t, err)
	}
	require.Equal(t, 1, groups)
}

// An outcome that Temporal carries is a standalone activity. What comes again is counted, by either carrier, and is never the first,
// also where the server loses its standalone activities meanwhile.
func TestDeliveriesStandAlone(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	stop := b.StoreWorker()
	v, seen, _ := service(b)
	stop() // it is away, and was one that takes bundles
	const outcomes, repeats = 5, 4
	standalone, workflows := seen.started("StartActivityExecution"), seen.started("StartWorkflowExecution")
	for i := range outcomes {
		o := verdict.Outcome{ID: fmt.Sprint(b.Queue, i), Name: "paid", Key: b.Queue, Value: scoring.BoolValue(true)}
		if i == 4 {
			seen.set(without, nil)
			standalone -= 2 // that are not started
		}
		require.NoError(t, v.Deliver(t.Context(), o))
		o.Name, o.Value = "refunded", scoring.BoolValue(false)
		for j := range repeats {
			if i == 3 && j == 2 {
				require.Equal(t, outcomes-1+3*repeats+2, seen.started("StartActivityExecution")-standalone)
				require.Equal(t, workflows, seen.started("StartWorkflowExecution"))
				seen.set(without, nil)
			}
			receipt, err := v.DeliverReceipt(t.Context(), o)
			require.NoError(t, err)
			require.True(t, receipt.Repeated, "%d %d", i, j)
		}
		seen.set(nil, nil)
	}
	require.NotEqual(t, workflows, seen.started("StartWorkflowExecution"))
	b.StoreWorker() // finds all of them on its queues, in any order
	b.Eventually(func() error {
		ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && len(ledger) != outcomes {
			err = fmt.Errorf("%d outcomes", len(ledger))
		}
		for _, e := range ledger {
			if e.Deliveries != 1+repeats {
				err = fmt.Errorf("%+v", e)
			}
			require.Equal(t, "paid", e.Outcome.Name)
		}
		return err
	})
}

// A service that got no answer hands its outcome over again, though the worker had Temporal hold it: that is one delivery, and
// others are counted, whatever carries the first.
func TestADeliveryByTwoWaysIsOne(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(string) error{"standalone activities": nil, "no standalone activities": without} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := harness.New(t, nil)
			stop := b.StoreWorker()
			by, seen := counting(b)
			c := &activities.Carrier{Client: by, TaskQueue: b.VerdictQueue}
			b.Eventually(func() error {
				if !c.Bundles(t.Context()) {
					return errors.New("not yet")
				}
				return nil
			})
			stop() // the store is away
			seen.set(before, nil)
			o := outcome("paid", b.Queue)
			o.ReceivedAt, o.Retried = time.Now().UTC(), true
			repeated, err := c.StartDelivery(t.Context(), o) // by the worker
			require.NoError(t, err)
			require.False(t, repeated)
			another := o
			another.ReceivedAt = o.ReceivedAt.Add(time.Second)
			plain := o
			plain.Retried = false
			for _, again := range []verdict.Outcome{o, another, plain} {
				repeated, err = c.Deliver(t.Context(), again)
				require.NoError(t, err)
				require.True(t, repeated)
			}
			b.StoreWorker()
			seen.over(b)
			ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
			require.NoError(t, err)
			require.Len(t, ledger, 1)
			require.Equal(t, 3, ledger[0].Deliveries)
		})
	}
}

// Every outcome of a call is delivered once and has its own answer. Of two with one id the first counts.
func TestDeliverAll(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	var all []verdict.Outcome
	for i := range 40 {
		all = append(all, verdict.Outcome{ID: fmt.Sprint(b.Queue, i), Name: "paid", Key: fmt.Sprint(b.Queue, i), Value: scoring.BoolValue(true)})
	}
	all[3].Name = ""
	again := all[5]
	again.Name, again.Value = "refunded", scoring.BoolValue(false)
	all = append(all, again)
	results, err := b.Verdict.DeliverAll(t.Context(), all)
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, results, 41)
	for i, r := range results {
		require.Equal(t, i == 3, r.Err != nil, i)
		require.Equal(t, i == 40, r.Repeated, i)
	}
	b.StoreWorker() // finds all of them on its queue, in any order
	b.Eventually(func() error {
		ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && len(ledger) != 39 {
			err = fmt.Errorf("%d outcomes", len(ledger))
		}
		for _, e := range ledger {
			require.Equal(t, "paid", e.Outcome.Name)
			if want := 1; e.Outcome.ID == all[5].ID && e.Deliveries != want+1 {
				err = fmt.Errorf("%+v", e)
			}
		}
		return err
	})
}
