package estimate_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/estimate"
)

// logWealth is the e-process written as the formula is: the mean of products, over logarithms.
func logWealth(stakes []float64) float64 {
	var logs []float64
	top := math.Inf(-1)
	for f := 0.004; f < 0.9; f *= 1.4 {
		l := 0.0
		for _, s := range stakes {
			l += math.Log1p(f * s)
		}
		logs = append(logs, l)
		top = max(top, l)
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum/float64(len(logs)))
}

func TestWealthIsTheMeanOfProducts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		drift := rapid.Float64Range(-1, 1).Draw(t, "drift")
		stakes := make([]float64, rapid.IntRange(0, 4000).Draw(t, "n"))
		var whole, left, right estimate.EProcess
		peak := 0.0
		for i := range stakes {
			stakes[i] = min(1, max(-1, drift+2*rng.Float64()-1))
			whole.Bet(stakes[i])
			if i%3 == 0 {
				left.Bet(stakes[i])
			} else {
				right.Bet(stakes[i])
			}
			peak = max(peak, whole.LogE())
		}
		want := logWealth(stakes)
		tolerance := 1e-10 * (1 + math.Abs(want))
		require.InDelta(t, want, whole.LogE(), tolerance)
		require.InDelta(t, math.Exp(-peak), whole.PValue(), 1e-9)
		left.Merge(right)
		require.InDelta(t, want, left.LogE(), tolerance)
	})
}

// Over all assignments and outcomes of a few units under the null, weighted by their probabilities, the expected wealth
// is exactly 1, and that at the first time it passes a threshold at most 1: at every sample size, whatever the split.
func TestExpectedWealthIsExactlyOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 7} {
		for _, pi := range []float64{.5, .1, .9} {
			for _, rate := range []float64{.5, .05, .8} {
				total, stopped, unfair := 0.0, 0.0, 0.0
				for path := range 1 << (2 * n) {
					var e, known estimate.EProcess
					var c estimate.Centre
					p, first := 1.0, math.NaN()
					for i := range n {
						own, y := pi, float64(path>>(2*i)&1)
						treated := path>>(2*i+1)&1 == 1
						if !treated {
							own = 1 - pi
						}
						p *= own
						if y == 1 {
							p *= rate
						} else {
							p *= 1 - rate
						}
						stake := estimate.Stake(y, c.Value(), own, 1-own)
						wrong := estimate.Stake(y, c.Value(), .5, .5) // as if the split were even
						if !treated {
							stake, wrong = -stake, -wrong
						}
						e.Bet(stake)
						known.Bet(wrong)
						c.Add(y)
						if w := math.Exp(e.LogE()); w >= 1.2 && math.IsNaN(first) {
							first = w
						}
					}
					w := math.Exp(e.LogE())
					total += p * w
					unfair += p * math.Exp(known.LogE())
					if math.IsNaN(first) {
						first = w
					}
					stopped += p * first
				}
				require.InDelta(t, 1, total, 1e-12, "n=%d pi=%v rate=%v", n, pi, rate)
				require.InDelta(t, 1, stopped, 1e-12)
				if n == 7 && pi != .5 && rate != .5 {
					require.Greater(t, math.Abs(unfair-1), 1e-9, "the wrong probabilities are not fair")
				}
			}
		}
	}
}

func TestStakeIsBoundedAndSilentWithoutAChance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u, c := rapid.Float64Range(0, 1).Draw(t, "u"), rapid.Float64Range(0, 1).Draw(t, "c")
		own, other := rapid.Float64Range(0, 1).Draw(t, "own"), rapid.Float64Range(0, 1).Draw(t, "other")
		s := estimate.Stake(u, c, own, other)
		require.LessOrEqual(t, math.Abs(s), 1.0)
		require.Zero(t, estimate.Stake(u, c, 1, 0))
	})
}

func TestMeanEOfNothingSaysNothing(t *testing.T) {
	t.Parallel()
	require.Zero(t, estimate.MeanE())
	var e estimate.EProcess
	require.Zero(t, estimate.MeanE(&e))
	require.Equal(t, 1.0, e.PValue())
}
