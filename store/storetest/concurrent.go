package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// atOnce runs n calls at the same time and returns their errors.
func atOnce(n int, call func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func requireAll(t *testing.T, errs []error) {
	t.Helper()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

var concurrentTests = []namedTest{
	{"revisions of one identity", func(t *testing.T, b bench) {
		const n = 40
		r := freshRun()
		requireAll(t, atOnce(n, func(i int) error {
			return b.Record(t.Context(), []scoring.Record{record(r, scoring.Number("n", float64(i)), i),
				record(r, scoring.Number("m", float64(i)), i)})
		}))
		for _, name := range []string{"n", "m"} {
			history := b.scores(t, store.Filter{Name: name, History: true})
			require.Len(t, history, n)
			for i, rec := range history {
				require.Equal(t, i+1, rec.Revision)
			}
			now := b.scores(t, store.Filter{Name: name})
			require.Len(t, now, 1)
			require.Equal(t, at(n-1), now[0].RecordedAt, "the latest statement")
		}
	}},
	{"batches that touch the same in another order", func(t *testing.T, b bench) {
		runs := []scoring.Run{freshRun(), freshRun(), freshRun(), freshRun(), freshRun()}
		requireAll(t, atOnce(30, func(i int) error {
			var batch []scoring.Record
			for _, r := range append(slices.Clone(runs[i%5:]), runs[:i%5]...) {
				batch = append(batch, record(r, scoring.Number("n", float64(i)), i))
			}
			if i%2 == 0 {
				slices.Reverse(batch)
			}
			return b.Record(t.Context(), batch)
		}))
		require.Len(t, b.scores(t, store.Filter{}), len(runs))
		require.Len(t, b.scores(t, store.Filter{History: true}), 30*len(runs))
	}},
	{"one assignment a unit", func(t *testing.T, b bench) {
		r := freshRun()
		var kept [30]scoring.Assignment
		requireAll(t, atOnce(len(kept), func(i int) (err error) {
			kept[i], err = b.Assign(t.Context(), assignment(r, []string{"a", "b"}[i%2]))
			return err
		}))
		for _, a := range kept {
			require.Equal(t, kept[0], a)
		}
	}},
	{"the flush that has seen most", func(t *testing.T, b bench) {
		const n = 20
		r := freshRun()
		requireAll(t, atOnce(n, func(i int) error {
			return b.Flush(t.Context(), flush(r, int64(i), inWorkflow(r, scoring.Number("q", float64(i)), 1),
				inWorkflow(r, scoring.Number(fmt.Sprint("phantom ", i), 1), 1)))
		}))
		require.ElementsMatch(t, []string{"q=19", "phantom 19=1"}, b.said(t, store.Filter{}))
	}},
	{"one run of a reset holds", func(t *testing.T, b bench) {
		const n = 20
		r := freshRun()
		requireAll(t, atOnce(n, func(i int) error {
			if i == 0 {
				return b.Flush(t.Context(), flush(r, 10, quality(0)(r)))
			}
			return b.Flush(t.Context(), resetOf(r, i, quality(float64(i))))
		}))
		require.Equal(t, []string{"q=19"}, b.said(t, store.Filter{}))
	}},
	{"each outcome is seen by each who expects it, from one side at least", func(t *testing.T, b bench) {
		const scorers, outcomes, deliveries = 8, 12, 2
		// All wait for the same two events, named in either order.
		events := []scoring.Event{{Name: "paid", Key: "k1"}, {Name: "paid", Key: "k2"}}
		waits := make([]scoring.Expectation, scorers)
		for i := range waits {
			waits[i] = expectation(freshRun(), "")
			waits[i].Events = slices.Clone(events)
			if i%2 == 0 {
				slices.Reverse(waits[i].Events)
			}
		}
		var mu sync.Mutex
		told := make(map[string]map[string]bool)
		tell := func(scorer, id string) {
			mu.Lock()
			defer mu.Unlock()
			if told[scorer] == nil {
				told[scorer] = make(map[string]bool)
			}
			told[scorer][id] = true
		}
		requireAll(t, atOnce(scorers+outcomes*deliveries, func(i int) error {
			if i%4 == 0 && i/4 < scorers { // the expectations among the deliveries
				e := waits[i/4]
				found, err := b.Expect(t.Context(), e)
				for _, o := range found {
					tell(e.ScorerRun.WorkflowID, o.ID)
				}
				return err
			}
			n := i - min(scorers, (i+3)/4)
			o := outcome(fmt.Sprint("o", n%outcomes), events[n%2].Key, 5)
			receipt, err := b.Receive(t.Context(), o)
			for _, e := range receipt.Waiting {
				tell(e.ScorerRun.WorkflowID, o.ID)
			}
			return err
		}))
		for _, e := range waits {
			require.Len(t, told[e.ScorerRun.WorkflowID], outcomes)
		}
		for id, entry := range b.ledger(t) {
			require.Equal(t, deliveries, entry.Deliveries, id)
			require.Equal(t, store.Matched, entry.State)
		}
	}},
	{"exactly the settled outcomes count", func(t *testing.T, b bench) {
		const scorers, outcomes = 6, 12
		waits := make([]scoring.Expectation, scorers)
		for i := range waits {
			waits[i] = expectation(freshRun(), "k")
		}
		seen := make([][]string, scorers)
		requireAll(t, atOnce(scorers+outcomes, func(i int) error {
			if i < outcomes {
				_, err := b.Receive(t.Context(), outcome(fmt.Sprint("o", i), "k", 5))
				return err
			}
			me := i - outcomes
			found, err := b.Expect(t.Context(), waits[me])
			for {
				if err != nil {
					return err
				}
				seen[me] = append(seen[me], ids(found)...)
				count := fromScorer(waits[me].Run, scoring.Number("count", float64(len(seen[me]))), 60)
				found, err = b.Settle(t.Context(), settlement(waits[me], seen[me], count))
				if err == nil && len(found) == 0 {
					return nil
				}
			}
		}))
		counted := make(map[string][]string) // scorer's workflow id by outcome
		for i, e := range waits {
			require.Equal(t, []string{fmt.Sprint("count=", len(seen[i]))}, b.said(t, store.Filter{Run: e.Run}))
			for _, id := range seen[i] {
				counted[id] = append(counted[id], e.ScorerRun.WorkflowID)
			}
		}
		ledger := b.ledger(t)
		require.Len(t, ledger, outcomes)
		for id, entry := range ledger {
			require.Len(t, entry.Scorers, scorers, "every scorer met it or was too late: %s", id)
			require.Subset(t, entry.Scorers, counted[id])
			require.Equal(t, len(counted[id]) > 0, entry.State == store.Matched, id)
		}
	}},
}
