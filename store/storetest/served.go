package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

var servedTests = []namedTest{
	// Statements about one chain arrive in any order, twice, and late: a unit is in the statistics only if all of them
	// agree that it was served its assignment.
	{"the served variant decides in every order", func(t *testing.T, b bench) {
		rnd := rand.New(rand.NewPCG(7, 11))
		for range 60 {
			first := freshRun()
			vouched := rnd.IntN(4) > 0
			recorded := pickOne(rnd, "a", "b")
			var steps []func()
			clean := true
			assign := func(variant string, disowned bool) func() {
				a := assignment(first, variant)
				a.Vouched, a.Disowned = vouched, disowned
				return func() { b.assign(t, a) }
			}
			for n := range 1 + rnd.IntN(3) { // the runs of the chain
				r := first
				if n > 0 {
					r = run(first.WorkflowID, fresh("run"))
				}
				f := flush(r, 20)
				f.Facts.FirstRunID = first.RunID
				switch ref := assignment(first, recorded).Ref(); rnd.IntN(6) {
				case 0:
					ref.Variant, clean = map[string]string{"a": "b", "b": "a"}[recorded], false
					f.Facts.Assigned = []scoring.Ref{ref}
				case 1:
					clean = false
					f.Facts.Unserved = []scoring.Ref{{Experiment: ref.Experiment, Version: ref.Version, FirstRunID: first.RunID}}
				case 2: // it was not asked
				default:
					f.Facts.Assigned = []scoring.Ref{ref}
				}
				steps = append(steps, func() { b.flush(t, f) })
			}
			if rnd.IntN(6) == 0 {
				clean = false
				steps = append(steps, assign(recorded, true))
			}
			steps = append(steps, assign(recorded, false))
			steps = append(steps, steps...)
			for _, i := range rnd.Perm(len(steps)) {
				steps[i]()
			}
			all, err := b.Assignments(t.Context(), "retriever", "1")
			require.NoError(t, err)
			last := all[len(all)-1]
			require.Equal(t, recorded, last.Variant)
			require.Equal(t, vouched && !clean, last.Unserved)
		}
	}},
	{"the other chain reports an inherited assignment", func(t *testing.T, b bench) {
		parent, child := freshRun(), freshRun()
		for _, r := range []scoring.Run{parent, child} {
			a := assignment(r, "a")
			a.Vouched = true
			b.assign(t, a)
		}
		f := flush(child, 20)
		ref := assignment(parent, "b").Ref()
		f.Facts.Assigned = []scoring.Ref{ref}
		b.flush(t, f)
		all, err := b.Assignments(t.Context(), "retriever", "1")
		require.NoError(t, err)
		require.False(t, all[0].Unserved || all[1].Unserved)
	}},
}

func pickOne[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }
