package experiments_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

func split(t require.TestingT, d experiments.Definition, epoch experiments.Epoch) *experiments.Split {
	e, err := experiments.New(d)
	require.NoError(t, err)
	s, err := e.At(epoch)
	require.NoError(t, err)
	return s
}

func TestAssignIsTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Variants = append(d.Variants, experiments.Variant{Name: "long", Weight: 2})
	s := split(t, d, experiments.Epoch{})
	var got string
	for i := range 40 {
		got += s.Assign("unit-" + strconv.Itoa(i)).Variant[:1]
	}
	require.Equal(t, "llsllcslslllclccsslllcscslcslcsslsllssls", got)

	reversed := d
	reversed.Variants = []experiments.Variant{d.Variants[2], d.Variants[1], d.Variants[0]}
	r := split(t, reversed, experiments.Epoch{})
	for i := range 1000 {
		unit := strconv.Itoa(i)
		require.Equal(t, s.Assign(unit), r.Assign(unit))
	}
}

func TestAssignFollowsTheWeights(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Variants = []experiments.Variant{{Name: "control", Weight: 5}, {Name: "b", Weight: 3}, {Name: "c", Weight: 2}}
	s := split(t, d, experiments.Epoch{})
	const n = 100_000
	counts := map[string]float64{}
	for i := range n {
		p := s.Assign(strconv.Itoa(i))
		require.True(t, p.Counted())
		counts[p.Variant]++
	}
	chi2 := 0.0
	for v, want := range map[string]float64{"control": .5, "b": .3, "c": .2} {
		require.InDelta(t, want, s.Assign("x").Probabilities[v], 1e-15)
		chi2 += math.Pow(counts[v]-want*n, 2) / (want * n)
	}
	require.Less(t, chi2, 13.8) // 2 degrees of freedom, p = .001
}

// chi2 of independence of the 2x2 table of two assignments.
func chi2(table [2][2]float64) float64 {
	n, sum := 0.0, 0.0
	for i := range 2 {
		n += table[i][0] + table[i][1]
	}
	for i := range 2 {
		for j := range 2 {
			want := (table[i][0] + table[i][1]) * (table[0][j] + table[1][j]) / n
			sum += math.Pow(table[i][j]-want, 2) / want
		}
	}
	return sum
}

func TestExperimentsAreIndependent(t *testing.T) {
	t.Parallel()
	index := map[string]int{"control": 0, "short": 1}
	first := split(t, definition(), experiments.Epoch{})
	others := map[string]experiments.Definition{"name": definition(), "version": definition()}
	d := definition()
	d.Name = "prompt2"
	others["name"] = d
	d = definition()
	d.Version = "2"
	others["version"] = d
	for differs, d := range others {
		second := split(t, d, experiments.Epoch{})
		var table [2][2]float64
		for i := range 20_000 {
			unit := strconv.Itoa(i)
			table[index[first.Assign(unit).Variant]][index[second.Assign(unit).Variant]]++
		}
		require.Less(t, chi2(table), 10.83, "%s: %v", differs, table) // p = .001
	}

	// Without a salt the two experiments would be one: nobody is off the diagonal.
	var table [2][2]float64
	for i := range 20_000 {
		half := xxhash.Sum64String(strconv.Itoa(i)) >> 63
		table[half][half]++
	}
	require.Greater(t, chi2(table), 10.83)
	require.Zero(t, table[0][1]+table[1][0])
}

// Units move only from variants whose weight shrank relative to those that they move to; if one weight changes, no unit
// moves between the others, so that the movement is the least possible.
func TestMovementIsMinimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 5).Draw(t, "k")
		d := definition()
		d.Name = rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name")
		d.Variants = nil
		before, after := map[string]float64{}, map[string]float64{}
		for i := range k {
			name := fmt.Sprintf("v%d", i)
			d.Variants = append(d.Variants, experiments.Variant{Name: name, Weight: 1})
			before[name] = rapid.Float64Range(.01, 1).Draw(t, "before")
			after[name] = before[name]
		}
		d.Control = "v0"
		one := rapid.Bool().Draw(t, "one weight changes")
		changed := "v" + strconv.Itoa(rapid.IntRange(0, k-1).Draw(t, "changed"))
		for name := range after {
			if !one || name == changed {
				after[name] = rapid.Float64Range(0.001, 1).Draw(t, "after")
			}
		}
		a := split(t, d, experiments.Epoch{Weights: before})
		b := split(t, d, experiments.Epoch{Number: 1, Weights: after})
		const n = 2000
		moved := 0.0
		countA, countB := map[string]float64{}, map[string]float64{}
		for i := range n {
			from, to := a.Assign(strconv.Itoa(i)).Variant, b.Assign(strconv.Itoa(i)).Variant
			countA[from]++
			countB[to]++
			if from == to {
				continue
			}
			moved++
			require.Greater(t, after[to]/before[to], after[from]/before[from], "%s to %s", from, to)
			if one {
				require.True(t, from == changed || to == changed, "%s to %s, but %s changed", from, to, changed)
			}
		}
		if one || k == 2 {
			require.Equal(t, math.Abs(countA[changed]-countB[changed]), moved)
		}
		pa, pb := a.Assign("").Probabilities, b.Assign("").Probabilities
		tv := 0.0
		for name := range pa {
			tv += math.Abs(pa[name]-pb[name]) / 2
		}
		bound := 2 * tv / (1 + tv)
		require.LessOrEqual(t, moved/n, bound+5*math.Sqrt(bound*(1-bound)/n)+1e-9)
	})
}

func TestZeroWeightGetsNobodyAndMovesNobodyElse(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Variants = append(d.Variants, experiments.Variant{Name: "bad", Weight: 1})
	a := split(t, d, experiments.Epoch{})
	b := split(t, d, experiments.Epoch{Number: 1, Weights: map[string]float64{"control": 1, "short": 1, "bad": 0}})
	for i := range 5000 {
		from, to := a.Assign(strconv.Itoa(i)).Variant, b.Assign(strconv.Itoa(i)).Variant
		require.NotEqual(t, "bad", to)
		if from != "bad" {
			require.Equal(t, from, to)
		}
	}
}

func TestAllocationWidensWithoutMoving(t *testing.T) {
	t.Parallel()
	d := definition()
	in := 0
	narrow := split(t, d, experiments.Epoch{Allocation: .2})
	wide := split(t, d, experiments.Epoch{Number: 1, Allocation: .5})
	for i := range 20_000 {
		a, b := narrow.Assign(strconv.Itoa(i)), wide.Assign(strconv.Itoa(i))
		if a.Counted() {
			in++
			require.Equal(t, a.Variant, b.Variant)
			require.True(t, b.Counted())
		} else {
			require.Equal(t, experiments.ByAllocation, a.By)
			require.Equal(t, "control", a.Variant)
		}
	}
	require.InDelta(t, 4000, in, 4*math.Sqrt(20_000*.2*.8))
}

func TestLayersExcludeAndHoldoutsHoldOut(t *testing.T) {
	t.Parallel()
	left, right := definition(), definition()
	right.Name = "model"
	hold := experiments.Holdout{Name: "all", Share: .1}
	left.Layer, left.Holdout = experiments.Layer{Name: "answers", From: 0, To: .3}, hold
	right.Layer, right.Holdout = experiments.Layer{Name: "answers", From: .3, To: 1}, hold
	a, b := split(t, left, experiments.Epoch{}), split(t, right, experiments.Epoch{})
	counts := map[string]float64{}
	const n = 20_000
	for i := range n {
		p, q := a.Assign(strconv.Itoa(i)), b.Assign(strconv.Itoa(i))
		require.Equal(t, p.By == experiments.ByHoldout, q.By == experiments.ByHoldout)
		if p.By == experiments.ByHoldout {
			counts["held"]++
			require.Equal(t, "control", p.Variant)
			continue
		}
		require.NotEqual(t, p.Counted(), q.Counted())
		if p.Counted() {
			counts["left"]++
			require.Equal(t, experiments.ByLayer, q.By)
		}
	}
	require.InDelta(t, n*.1, counts["held"], 4*math.Sqrt(n*.1*.9))
	require.InDelta(t, n*.9*.3, counts["left"], 4*math.Sqrt(n*.27*.73))
}

func TestForcedPausedFixedCustom(t *testing.T) {
	t.Parallel()
	s := split(t, definition(), experiments.Epoch{Number: 3})
	p, err := s.Force("short")
	require.NoError(t, err)
	require.Equal(t, scoring.ByForce, p.By)
	require.False(t, p.Counted())
	_, err = s.Force("shrt")
	require.Equal(t, []string{"variant"}, mistakes(t, err))
	require.Equal(t, scoring.ByPause, s.Pause().By)
	require.Equal(t, "control", s.Pause().Variant)

	p, err = s.Choose("short", map[string]float64{"short": .25, "control": .75})
	require.NoError(t, err)
	require.True(t, p.Counted())
	for _, probabilities := range []map[string]float64{
		nil, {"short": 1, "x": 0}, {"short": .5}, {"control": 1}, {"short": math.NaN()}, {"short": -1, "control": 2},
	} {
		_, err = s.Choose("short", probabilities)
		require.Equal(t, []string{"probabilities"}, mistakes(t, err), "%v", probabilities)
	}

	d := definition()
	d.Selection, d.Fixed = scoring.ByFixed, "short"
	f := split(t, d, experiments.Epoch{}).Assign("anything")
	require.Equal(t, "short", f.Variant)
	require.Equal(t, map[string]float64{"control": 0, "short": 1}, f.Probabilities)
}

// What somebody else picked stays while the experiment goes on; what the hash picked is picked anew.
func TestPickAgain(t *testing.T) {
	t.Parallel()
	d := definition()
	before := split(t, d, experiments.Epoch{})
	after := split(t, d, experiments.Epoch{Number: 4, Weights: map[string]float64{"control": 0, "short": 1}})
	of := func(p experiments.Pick, err error) scoring.Assignment {
		require.NoError(t, err)
		return before.Assignment(p, "u", scoring.Run{}, time.Time{})
	}
	again := after.Again(of(before.Assign("u"), nil))
	require.Equal(t, "short", again.Variant)
	require.Equal(t, 4, again.Epoch)

	again = after.Again(of(before.Force("control")))
	require.Equal(t, "control", again.Variant)
	require.Equal(t, scoring.ByForce, again.By)

	again = after.Again(of(before.Exclude(), nil))
	require.Equal(t, "control", again.Variant)
	require.Equal(t, experiments.ByTargeting, again.By)

	own := map[string]float64{"short": .25, "control": .75}
	again = after.Again(of(before.Choose("short", own)))
	require.Equal(t, scoring.ByCustom, again.By)
	require.Equal(t, own, again.Probabilities)
	require.Equal(t, 4, again.Epoch)
	again = after.Again(of(before.Choose("control", own)))
	require.Equal(t, scoring.ByPause, again.By, "it has no weight any more")

	d.Holdout = experiments.Holdout{Name: "h", Share: .999999}
	again = split(t, d, experiments.Epoch{}).Again(of(before.Choose("short", own)))
	require.Equal(t, experiments.ByHoldout, again.By)
}

func TestPickBecomesAnAssignment(t *testing.T) {
	t.Parallel()
	s := split(t, definition(), experiments.Epoch{Number: 2})
	at := time.Unix(1, 0)
	a := s.Assignment(s.Assign("u"), "u", scoring.Run{WorkflowID: "w", RunID: "r"}, at)
	require.NoError(t, a.Validate())
	require.Equal(t, 2, a.Epoch)
	a.Probabilities["control"] = 7
	require.Equal(t, .5, s.Assign("u").Probabilities["control"], "the record has its own map")
}

func TestAssignAllocatesNothing(t *testing.T) {
	s := split(t, definition(), experiments.Epoch{})
	require.Zero(t, testing.AllocsPerRun(1000, func() { s.Assign("4f9c1b1e-9d5c-4d47-8a43-f3f7c9bd9f2a") }))
}

func BenchmarkAssign(b *testing.B) {
	for _, k := range []int{2, 5} {
		b.Run(fmt.Sprintf("variants=%d", k), func(b *testing.B) {
			d := definition()
			d.Layer, d.Holdout, d.Allocation = experiments.Layer{Name: "l", To: 1}, experiments.Holdout{Name: "h", Share: 1e-9}, .999999
			for i := 2; i < k; i++ {
				d.Variants = append(d.Variants, experiments.Variant{Name: strconv.Itoa(i), Weight: 1})
			}
			s := split(b, d, experiments.Epoch{})
			b.ReportAllocs()
			for b.Loop() {
				s.Assign("4f9c1b1e-9d5c-4d47-8a43-f3f7c9bd9f2a")
			}
		})
	}
}
