package verdict

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// MaxBatch is how many items one call of [Client.ScoreAll] or [Client.DeliverAll] takes.
const MaxBatch = 1000

// atOnce is how many questions about runs, and deliveries, of one call are under way at a time.
const atOnce = 16

// Statement is a score for [Client.ScoreAll].
type Statement struct {
	About   Target
	Score   scoring.Score // [Bool], [Number], [Decline] or another state
	Options []ScoreOption
}

// Result is what became of an item of a batch call.
type Result struct {
	Receipt
	// Err is why the item is not held, an error as the call for one item returns it; nil: it is held durably.
	Err error
}

// ScoreAll is [Client.Record] for up to [MaxBatch] scores, which travel together: 100 of them cost about what one does. The results
// are in the order of the statements, and of two statements about the same thing the later holds. No item fails another. What only the
// store knows is waited for as long as Patience says, for all items together.
//
// The error is nil if every item is held. Else it joins the errors of the items; more than MaxBatch items are a
// [scoring.InvalidError], and then nothing is sent.
func (c *Client) ScoreAll(ctx context.Context, all []Statement) ([]Result, error) {
	if err := checkBatch(len(all)); err != nil {
		return nil, err
	}
	results, batches := make([]Result, len(all)), make([]activities.Batch, len(all))
	said := make([]time.Time, len(all))
	for i := range said {
		said[i] = activities.Said() // in order, whichever is looked up first
	}
	each(len(all), func(i int) {
		batches[i], results[i].Err = c.batch(ctx, all[i].About, all[i].Score, all[i].Options, said[i])
	})
	var good []activities.Batch
	var at []int
	for i, b := range batches {
		if results[i].Err == nil {
			good, at = append(good, b), append(at, i)
		}
	}
	sent := c.send(ctx, good)
	until := time.Now().Add(c.o.Patience)
	each(len(good), func(i int) {
		results[at[i]].Receipt, results[at[i]].Err = receipt(ctx, sent[i], time.Until(until))
	})
	return results, joined(results)
}

// DeliverAll is [Client.Deliver] for up to [MaxBatch] outcomes. The results are in the order of the outcomes; of two with the same
// ID the first counts. No item fails another. The error is as of [Client.ScoreAll].
func (c *Client) DeliverAll(ctx context.Context, all []Outcome) ([]Result, error) {
	if err := checkBatch(len(all)); err != nil {
		return nil, err
	}
	results := make([]Result, len(all))
	var order [][]int // of the outcomes of each ID
	of := map[string]int{}
	for i, o := range all {
		at, again := of[o.ID]
		if !again {
			at = len(order)
			of[o.ID], order = at, append(order, nil)
		}
		order[at] = append(order[at], i)
	}
	for turn := 0; ; turn++ { // a repetition comes after the first
		var at []int
		var some []Outcome
		for _, same := range order {
			if turn < len(same) {
				at, some = append(at, same[turn]), append(some, all[same[turn]])
			}
		}
		if len(some) == 0 {
			break
		}
		for n, r := range c.deliver(ctx, some) {
			results[at[n]] = r
		}
	}
	return results, joined(results)
}

func checkBatch(n int) error {
	if n > MaxBatch {
		return scoring.Invalid("items", "%d, at most %d are taken", n, MaxBatch)
	}
	return nil
}

// each calls f for each of n items, some at a time.
func each(n int, f func(i int)) {
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i := range n {
		all.Go(func() error { f(i); return nil })
	}
	_ = all.Wait()
}

// joined is the error of a batch call.
func joined(results []Result) error {
	var errs []error
	for i, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("item %d: %w", i, r.Err))
		}
	}
	return errors.Join(errs...)
}
