package storetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// A set that is too large to travel in one piece comes in several, in any order.
var partTests = []namedTest{
	{"the parts make up a set, in any order and repeated", func(t *testing.T, b bench) {
		permutations(5, func(order []int) {
			r := freshRun()
			score := func(name string, v float64, minutes int) scoring.Record {
				return inWorkflow(r, scoring.Number(name, v), minutes)
			}
			// Once "stays", "goes" and "changes"; then "goes" is not said any more, and "new" is.
			all := append([]scoring.Flush{flush(r, 10, score("stays", 1, 1), score("goes", 1, 1), score("changes", 1, 1))},
				inParts(flush(r, 12, score("stays", 1, 1), score("changes", 2, 2), score("new", 1, 2)), 1, 1)...)
			all = append(all, flush(r, 8, score("goes", 1, 1), score("phantom", 1, 1)))
			for _, i := range append(order, order...) {
				b.flush(t, all[i])
			}
			require.ElementsMatch(t, []string{"stays=1", "changes=2", "new=1"}, b.said(t, store.Filter{Run: r}), "%v", order)
			runs, err := b.Runs(t.Context(), store.RunFilter{Run: r})
			require.NoError(t, err)
			require.Equal(t, []scoring.RunFacts{all[1].Facts}, runs, "%v", order)
		})
	}},
	{"a part that comes late changes nothing", func(t *testing.T, b bench) {
		r := freshRun()
		parts := inParts(flush(r, 10, inWorkflow(r, scoring.Bool("a", true), 1), inWorkflow(r, scoring.Bool("b", true), 1)), 1)
		b.flush(t, parts[0])
		b.flush(t, flush(r, 12, inWorkflow(r, scoring.Bool("a", false), 2)))
		b.flush(t, parts[1])
		require.Equal(t, []string{"a=false"}, b.said(t, store.Filter{Run: r}))
	}},
	{"a part is no end", func(t *testing.T, b bench) {
		r := freshRun()
		whole := flush(r, 10, inWorkflow(r, scoring.Bool("a", true), 1))
		whole.Facts.Keys, whole.Facts.Sessions = []string{"k"}, []scoring.Session{{Key: "c", ID: "1"}}
		parts := inParts(whole, 0)
		b.flush(t, parts[1])
		_, err := b.RunOfKey(t.Context(), "k")
		require.ErrorIs(t, err, store.ErrNotFound)
		b.flush(t, parts[0])
		got, err := b.RunOfKey(t.Context(), "k")
		require.NoError(t, err)
		require.Equal(t, r, got)
		b.flush(t, parts[1])
		runs, err := b.Runs(t.Context(), store.RunFilter{Session: whole.Facts.Sessions[0]})
		require.NoError(t, err)
		require.Equal(t, []scoring.RunFacts{whole.Facts}, runs)
	}},
	{"a correction from outside outlives a repeated part", func(t *testing.T, b bench) {
		r := freshRun()
		parts := inParts(flush(r, 10, inWorkflow(r, scoring.Bool("a", true), 1)), 0)
		b.flush(t, parts[0])
		b.flush(t, parts[1])
		b.record(t, record(r, scoring.Bool("a", false), 2))
		b.flush(t, parts[1])
		b.flush(t, parts[0])
		require.Equal(t, []string{"a=false"}, b.said(t, store.Filter{Run: r}))
	}},
	{"marks stand for the ids that a scorer has seen", func(t *testing.T, b bench) {
		first, later := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		seen := func(e scoring.Expectation, ids ...string) store.Settlement {
			s := settlement(e, nil)
			for _, id := range ids {
				s.SeenMarks = append(s.SeenMarks, scoring.Outcome{ID: id}.Mark())
			}
			return s
		}
		b.expect(t, first)
		b.receive(t, outcome("o1", "k", 2))
		b.receive(t, outcome("o2", "k", 5))
		require.Equal(t, []string{"o2"}, b.settle(t, seen(first, "o1")))
		b.expect(t, later) // the second counts for it
		_, err := b.Settle(t.Context(), seen(first, "o1", "o2"))
		var taken *store.TakenError
		require.ErrorAs(t, err, &taken)
		require.Equal(t, []string{scoring.Outcome{ID: "o2"}.Mark()}, taken.Marks)
		require.Empty(t, taken.OutcomeIDs)
		require.Empty(t, b.settle(t, seen(first, "o1")))
		require.Empty(t, b.settle(t, seen(later, "o2")))
	}},
	{"marks tell identities apart", func(t *testing.T, _ bench) {
		mark := func(step, name, key string) string {
			return scoring.Record{Score: scoring.Score{Name: name, Key: key}, Step: scoring.Step{ID: step}}.Mark()
		}
		marks := []string{mark("", "ab", ""), mark("", "a", "b"), mark("a", "b", ""), mark("", "", "ab"), mark("1:a", "b", ""), mark("", "a1:b", "")}
		slices.Sort(marks)
		require.Len(t, slices.Compact(marks), 6)
	}},
}

// inParts returns a flush with its facts and the first scores, and others with the rest, each with so many except the
// last.
func inParts(f scoring.Flush, sizes ...int) []scoring.Flush {
	var all []scoring.Flush
	rest := f.Records
	for i := range len(sizes) + 1 {
		part := f
		if i > 0 {
			part.Partial, part.Facts = true, scoring.RunFacts{Run: f.Facts.Run, OriginalRunID: f.Facts.OriginalRunID}
		}
		n := len(rest)
		if i < len(sizes) {
			n = sizes[i]
		}
		part.Records, rest = rest[:n], rest[n:]
		all = append(all, part)
	}
	for _, rec := range f.Records[len(all[0].Records):] {
		all[0].Elsewhere = append(all[0].Elsewhere, rec.Mark())
	}
	return all
}
