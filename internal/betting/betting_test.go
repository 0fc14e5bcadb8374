package betting

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// play is a stream of units of two variants, with the pooled running mean as the centre.
type play struct {
	rng        *rand.Rand
	share      float64
	sum, count float64
}

func (p *play) next(rate func(b bool) float64) Stake {
	b := p.rng.Float64() < p.share
	u := 0.0
	if p.rng.Float64() < rate(b) {
		u = 1
	}
	c := (0.5 + p.sum) / (1 + p.count)
	p.sum += u
	p.count++
	own := p.share
	if !b {
		own = 1 - p.share
	}
	s, _ := NewStake(u, c, own, 1-own)
	if !b {
		s = s.Reversed()
	}
	return s
}

func constant(b, j float64) func(bool) float64 {
	return func(isB bool) float64 {
		if isB {
			return b
		}
		return j
	}
}

// logWealth is the wealth as the formula is, over logarithms, with the reach at top.
func logWealth(stakes []Stake, v, top float64) float64 {
	var l [bets]float64
	for g := range l {
		l[g] = math.Log(initial[g])
		for _, s := range stakes {
			l[g] += math.Log1p(sizes[g] * (s.a - v*s.m) / s.difference().at(top))
		}
	}
	return mixture(&l)
}

func TestWealthIsTheMeanOfProducts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := play{rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), share: rapid.Float64Range(.01, .99).Draw(t, "share")}
		rate := constant(rapid.Float64Range(0, 1).Draw(t, "b"), rapid.Float64Range(0, 1).Draw(t, "j"))
		v := rapid.Float64Range(-.5, .5).Draw(t, "v")
		var stakes []Stake
		var whole Test
		peak := 0.0
		for range rapid.IntRange(0, 3000).Draw(t, "n") {
			s := p.next(rate)
			stakes = append(stakes, s)
			whole.Than(s, v)
			peak = max(peak, whole.LogE())
		}
		want := logWealth(stakes, v, v)
		require.InDelta(t, want, whole.LogE(), 1e-9*(1+math.Abs(want)))
		require.InDelta(t, peak, whole.LogPeak(), 1e-9*(1+peak))
		require.GreaterOrEqual(t, whole.LogPeak(), whole.LogE()-1e-9)
		if want < 700 && want > -700 {
			require.InEpsilon(t, math.Exp(want), whole.E(), 1e-6)
		}
	})
}

// A wealth neither overflows nor underflows, and comes back from either side as it went.
func TestWealthOfAnySize(t *testing.T) {
	t.Parallel()
	var up, down Test
	for range 20_000 {
		up.Bet(1)
		down.Bet(-1)
	}
	require.InEpsilon(t, 20_000*math.Log1p(sizes[large-1])+math.Log(initial[0]), up.LogE(), 1e-9)
	require.InDelta(t, up.LogE(), up.LogPeak(), 1e-9*up.LogE())
	require.True(t, math.IsInf(up.E(), 1))
	require.InDelta(t, 20_000*math.Log1p(-sizes[bets-1])+math.Log(initial[bets-1]), down.LogE(), .1, "the smallest bets are left")
	require.Equal(t, 1.0, down.Peak())
	high := up.LogPeak()
	for range 60_000 {
		up.Bet(-1)
		down.Bet(1)
	}
	require.Equal(t, high, up.LogPeak())
	require.Less(t, up.LogE(), 0.0)
	require.Less(t, up.E(), 1.0)
	require.Greater(t, down.LogE(), 10_000.0)
	rare, ok := NewStake(1, 1e-7, 1e-8, 1) // it pays ten million
	require.True(t, ok)
	before := down.LogE()
	for range 1000 {
		down.Than(rare, 0)
	}
	require.Greater(t, down.LogE(), before+1000*math.Log(1e6))
	require.False(t, math.IsInf(down.LogE(), 0))
}

// Over all assignments and outcomes of a few units without an effect, weighted by their probabilities, the expected
// wealth is exactly 1, and that at the first time it passes a threshold at most 1: at every number of units and split. The
// tests of the lift and of a mean are as fair.
func TestExpectedWealthIsExactlyOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 7} {
		for _, pi := range []float64{.5, .1, .9} {
			for _, rates := range [][2]float64{{.5, .5}, {.05, .05}, {.8, .8}, {.6, .3}} {
				total, stopped, unfair, lift, mean := 0.0, 0.0, 0.0, 0.0, 0.0
				v := rates[0] - rates[1]
				ratio := rates[0]/rates[1] - 1
				for path := range 1 << (2 * n) {
					var e, wrong Test
					of := Bound{room: roomy, blocks: []block{newBound([]float64{-1, ratio}, nil).blocks[0]}}
					one := newBound([]float64{0, rates[1]}, nil)
					sum, count, p, first, only := 0.0, 0.0, 1.0, math.NaN(), 1.0
					for i := range n {
						b, y := path>>(2*i+1)&1 == 1, float64(path>>(2*i)&1)
						own, rate := 1-pi, rates[1]
						if b {
							own, rate = pi, rates[0]
						}
						p *= own * (y*rate + (1-y)*(1-rate))
						only *= y*rates[1] + (1-y)*(1-rates[1])
						c := (0.5 + sum) / (1 + count)
						s, _ := NewStake(y, c, own, 1-own)
						even, _ := NewStake(y, c, .5, .5)
						if !b {
							s, even = s.Reversed(), even.Reversed()
						}
						e.Than(s, v)
						wrong.Than(even, v)
						m, r := s.lift(0)
						of.play(s.a, m, r)
						one.play(y, 1, reach{0, 1, 0, 1})
						sum += y
						count++
						if e.E() >= 1.2 && math.IsNaN(first) {
							first = e.E()
						}
					}
					if math.IsNaN(first) {
						first = e.E()
					}
					total += p * e.E()
					stopped += p * first
					unfair += p * wrong.E()
					lift += p * endWealth(&of)
					mean += only * endWealth(&one) / math.Exp2(float64(n)) // each path of outcomes appears 2^n times
				}
				require.InDelta(t, 1, total, 1e-12, "n=%d pi=%v rates=%v", n, pi, rates)
				require.InDelta(t, 1, stopped, 1e-12)
				require.InDelta(t, 1, lift, 1e-12)
				require.InDelta(t, 1, mean, 1e-12)
				if n == 7 && pi != .5 && rates[0] != .5 {
					require.Greater(t, math.Abs(unfair-1), 1e-9, "the wrong probabilities are not fair")
				}
			}
		}
	}
}

// endWealth is the wealth at the last node of the first block.
func endWealth(b *Bound) float64 {
	bl := b.blocks[0]
	l := logs(&bl.wealth[len(bl.nodes)-1], &bl.exponent[len(bl.nodes)-1])
	return math.Exp(mixture(&l))
}

// The interval and the tests that decide are one statement, at 0 and at every other value that is decided on; the lift is
// on the same side of 0; and the chords never reject what the exact wealth does not.
func TestOneStatement(t *testing.T) {
	t.Parallel()
	const threshold = 40.0
	shown := 0
	for rep := range 24 {
		p := play{rng: rand.New(rand.NewPCG(uint64(rep), 21)), share: []float64{.5, .1, .9}[rep%3]}
		rate := constant([]float64{.52, .3}[rep%2], .4)
		pair := NewPair(0, false, []float64{0, .03, -.07}, []float64{0, .03, .07})
		values := []float64{0, .03, -.07, .07}
		var more, less [4]Test
		var stakes, reversed []Stake
		for i := 1; i <= 1500; i++ {
			s := p.next(rate)
			stakes, reversed = append(stakes, s), append(reversed, s.Reversed())
			pair.Add(s)
			for k, v := range values {
				more[k].Than(s, v)
				less[k].Than(s.Reversed(), -v)
			}
			if i%50 > 0 {
				continue
			}
			value, lo, hi := pair.Difference(threshold)
			require.LessOrEqual(t, -1.0, lo)
			require.LessOrEqual(t, hi, 1.0)
			require.LessOrEqual(t, lo, value)
			require.LessOrEqual(t, value, hi)
			if _, low, high, ok := pair.Lift(threshold); ok {
				require.Equal(t, lo >= 0, low >= 0)
				require.Equal(t, hi <= 0, high <= 0)
				shown++
			}
			for k, v := range values {
				if k < 3 {
					require.Equal(t, more[k].E() >= threshold, lo >= v, "%v at %d", v, i)
				}
				if v != -.07 {
					require.Equal(t, less[k].E() >= threshold, hi <= v, "%v at %d", v, i)
				}
			}
			if i%500 == 0 {
				exactly(t, &pair.more, stakes, lo, math.Log(threshold))
				exactly(t, &pair.less, reversed, -hi, math.Log(threshold))
			}
		}
	}
	require.Greater(t, shown, 400)
}

// exactly holds an end to the wealth that a test at just this value has: at the threshold or over it, and not by much.
func exactly(t *testing.T, b *Bound, stakes []Stake, end, limit float64) {
	if end == -1 {
		return
	}
	for i, bl := range b.blocks {
		top := bl.nodes[len(bl.nodes)-1]
		if end > top {
			continue
		}
		w := logWealth(stakes, end, top)
		require.GreaterOrEqual(t, w, limit-1e-6)
		if end < top || i == len(b.blocks)-1 {
			require.LessOrEqual(t, w, limit+.35)
		}
		return
	}
}

func TestStakeIsBoundedAndSilentWithoutAChance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u, c := rapid.Float64Range(0, 1).Draw(t, "u"), rapid.Float64Range(0, 1).Draw(t, "c")
		own, other := rapid.Float64Range(0, 1).Draw(t, "own"), rapid.Float64Range(0, 1).Draw(t, "other")
		if s, ok := NewStake(u, c, own, other); ok {
			v := rapid.Float64Range(-.9, 1).Draw(t, "v")
			for _, s := range []Stake{s, s.Reversed()} {
				require.GreaterOrEqual(t, s.a-s.m*v, -s.difference().at(v)*(1+1e-12)-1e-15)
				m, r := s.lift(.5)
				require.GreaterOrEqual(t, s.a-m*v, -r.at(v)*(1+1e-12)-1e-15)
				require.InDelta(t, s.a, s.mb-s.mj, 1e-15)
			}
		}
		_, ok := NewStake(u, c, 1, 0)
		require.False(t, ok)
		_, ok = NewStake(u, c, 0, 0)
		require.False(t, ok)
	})
}

func TestMeanStaysInItsRange(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	for _, shape := range []float64{1, 8, .02} {
		m := NewMean()
		sum, squares, n := 0.0, 0.0, 0.0
		for range 4000 {
			u := math.Pow(rng.Float64(), 1/shape)
			m.Add(u)
			sum += u
			squares += u * u
			n++
		}
		lo, hi := m.Interval(40)
		mean := sum / n
		fixed := 3.92 * math.Sqrt((squares/n-mean*mean)/n)
		require.LessOrEqual(t, 0.0, lo)
		require.Less(t, lo, mean)
		require.Less(t, mean, hi)
		require.LessOrEqual(t, hi, 1.0)
		require.Less(t, hi-lo, 2.3*fixed, "%v", shape)
		require.Greater(t, hi-lo, 1.6*fixed, "%v", shape)
	}
	lo, hi := NewMean().Interval(40)
	require.Equal(t, [2]float64{0, 1}, [2]float64{lo, hi})
}

func TestNothingAllocates(t *testing.T) {
	p := play{rng: rand.New(rand.NewPCG(1, 2)), share: .5}
	pair, mean := NewPair(0, false, nil, nil), NewMean()
	var test Test
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		s := p.next(constant(.3, .3))
		pair.Add(s)
		test.Than(s, 0)
		mean.Add(.5)
	}))
}

// BenchmarkPair is a unit of a pair, without its lift and with it.
func BenchmarkPair(b *testing.B) {
	for name, origin := range map[string]float64{"difference": -1, "difference and lift": 0} {
		b.Run(name, func(b *testing.B) {
			p := play{rng: rand.New(rand.NewPCG(1, 2)), share: .5}
			var stakes [1024]Stake
			for i := range stakes {
				stakes[i] = p.next(constant(.3, .3))
			}
			pair := NewPair(origin, false, nil, nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				pair.Add(stakes[i%len(stakes)])
			}
			b.ReportMetric(float64(pair.more.wealths()+pair.less.wealths()+pair.above.wealths()+pair.below.wealths()), "wealths")
		})
	}
}

func BenchmarkInterval(b *testing.B) {
	p := play{rng: rand.New(rand.NewPCG(1, 2)), share: .5}
	pair := NewPair(0, false, nil, nil)
	for range 10_000 {
		pair.Add(p.next(constant(.3, .3)))
	}
	for b.Loop() {
		pair.Difference(40)
	}
}

func BenchmarkTest(b *testing.B) {
	var t Test
	for i := 0; b.Loop(); i++ {
		t.Bet(float64(i&1) - .5)
	}
}
