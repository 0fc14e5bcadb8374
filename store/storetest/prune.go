package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// prune deletes unclaimed outcomes that were received before some minute.
func (b bench) prune(t *testing.T, minute int) int {
	t.Helper()
	n, err := b.PruneUnclaimed(t.Context(), at(minute))
	require.NoError(t, err)
	return n
}

var pruneTests = []namedTest{
	{"only old and unclaimed outcomes", func(t *testing.T, b bench) {
		b.expect(t, expectation(freshRun(), "k"))
		b.receive(t, outcome("matched", "k", 5))
		b.receive(t, outcome("late", "k", 61))
		b.receive(t, outcome("old", "other", 7))
		b.receive(t, outcome("just as old", "other", 60))
		b.receive(t, outcome("new", "other", 61))
		require.Equal(t, 1, b.prune(t, 60))
		require.Equal(t, 1, b.prune(t, 61), "received before that time, and not at it")
		require.Zero(t, b.prune(t, 61))
		var left []string
		for id := range b.ledger(t) {
			left = append(left, id)
		}
		require.ElementsMatch(t, []string{"matched", "late", "new"}, left)
	}},
	{"a pruned outcome meets no scorer, and is new when it comes again", func(t *testing.T, b bench) {
		o := outcome("o", "k", 5)
		b.receive(t, o)
		require.Equal(t, 1, b.prune(t, 60))
		e := expectation(freshRun(), "k")
		require.Empty(t, b.expect(t, e))
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.receive(t, o))
		require.Zero(t, b.prune(t, 60))
		require.Equal(t, 1, b.ledger(t)["o"].Deliveries)
	}},
	{"more than one transaction's worth", func(t *testing.T, b bench) {
		const n = 510
		errs := make([]error, n)
		var together sync.WaitGroup
		for i := range n {
			together.Go(func() { _, errs[i] = b.Receive(t.Context(), outcome(fmt.Sprint(i), fmt.Sprint("k", i), 5)) })
		}
		together.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Equal(t, n, b.prune(t, 60))
		require.Empty(t, b.ledger(t))
	}},
	{"while others begin to wait: it is met or gone, never both", func(t *testing.T, b bench) {
		const n = 60
		for i := range n {
			b.receive(t, outcome(fmt.Sprint(i), fmt.Sprint("k", i), 5))
		}
		b.prune(t, 0) // skips before anything runs
		met := make([]int, n)
		var errs [2]error
		var pruned int
		var together sync.WaitGroup
		together.Go(func() { pruned, errs[0] = b.PruneUnclaimed(t.Context(), at(60)) })
		together.Go(func() {
			for i := range n {
				var found []scoring.Outcome
				if found, errs[1] = b.Expect(t.Context(), expectation(freshRun(), fmt.Sprint("k", i))); errs[1] != nil {
					return
				}
				met[i] = len(found)
			}
		})
		together.Wait()
		require.NoError(t, errs[0])
		require.NoError(t, errs[1])
		left := b.ledger(t)
		require.Len(t, left, n-pruned)
		for i, found := range met {
			_, there := left[fmt.Sprint(i)]
			require.Equal(t, there, found == 1, "outcome %d", i)
			require.True(t, slices.Contains([]int{0, 1}, found))
		}
	}},
}
