package agreement_test

import (
	"encoding"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/agreement"
)

// predicts draws an outcome and what a judge says that is right with a probability.
func predicts(rng *rand.Rand, right float64) (judged, outcome float64) {
	outcome = float64(rng.IntN(2))
	judged = outcome
	if rng.Float64() >= right {
		judged = 1 - outcome
	}
	return judged, outcome
}

// A judge that predicts is trusted from 200 pairs on, and loses that for good when it stops predicting.
func TestTrustIsEarnedAndLost(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 1))
	var trust agreement.Trust
	require.Equal(t, agreement.Untrusted, trust.Standing())
	for n := range agreement.TrustPairs {
		require.NoError(t, trust.Add(predicts(rng, .97)))
		require.Equal(t, n+1 >= agreement.TrustPairs, trust.Standing() == agreement.Trusted, "%d pairs", n+1)
	}
	require.GreaterOrEqual(t, trust.LogFor(), math.Log(agreement.TrustE))
	n := 0
	for ; trust.Standing() != agreement.Revoked; n++ {
		require.NoError(t, trust.Add(predicts(rng, .5)))
	}
	require.GreaterOrEqual(t, trust.LogAgainst(), math.Log(agreement.TrustE))
	require.Less(t, n, 100, "the pairs before do not hide it")
	for range 2000 {
		require.NoError(t, trust.Add(predicts(rng, 1)))
	}
	require.Equal(t, agreement.Revoked, trust.Standing())
	require.Equal(t, agreement.TrustPairs+2000+n, trust.Pairs())
}

// Outcomes that are left out can neither make a judge trusted nor take that away.
func TestUnknownOutcomesMisleadNobody(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 2))
	var kind, cruel agreement.Trust
	for range 3000 {
		j, y := predicts(rng, .6) // its squared error is 0.4, and the base rate's 0.25
		if j == y {
			require.NoError(t, kind.Add(j, y))
		} else {
			require.NoError(t, kind.AddUnknown(j))
		}
		j, y = predicts(rng, .97)
		if j != y {
			require.NoError(t, cruel.Add(j, y))
		} else {
			require.NoError(t, cruel.AddUnknown(j))
		}
	}
	require.NotEqual(t, agreement.Trusted, kind.Standing(), "only the outcomes that agree are known")
	require.NotEqual(t, agreement.Revoked, cruel.Standing(), "only the outcomes that do not are known")
	require.Equal(t, 3000, kind.Pairs()+kind.Unknown())
	for _, bad := range [][2]float64{{-.1, 0}, {0, 1.1}, {math.NaN(), 1}} {
		require.Error(t, kind.Add(bad[0], bad[1]))
	}
	require.Error(t, kind.AddUnknown(2))
}

// Outcomes that choose themselves raise no alarm, and a judge that is gamed raises one beside them.
func TestDivergenceWithUnknownOutcomes(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	var chosen, gamed agreement.Divergence
	for range 3000 {
		variant := rng.IntN(2) == 0
		j, y := predicts(rng, .8)
		if variant && y == 1 { // the successes of the variant are not known
			require.NoError(t, chosen.AddUnknown(variant, .5, j))
		} else {
			require.NoError(t, chosen.Add(variant, .5, j, y))
		}
		if variant {
			j = 1
		}
		switch rng.IntN(10) {
		case 0:
			require.NoError(t, gamed.AddUnknown(variant, .5, j))
		case 1:
			require.NoError(t, gamed.AddJudged(variant, .5, j))
		default:
			require.NoError(t, gamed.Add(variant, .5, j, y))
		}
	}
	require.False(t, chosen.Alarmed(2))
	require.True(t, gamed.Alarmed(2))
	require.GreaterOrEqual(t, gamed.LogE(), math.Log(agreement.DivergenceE))
	gap, ok := gamed.Gap(.95)
	require.True(t, ok)
	require.True(t, gap.Lo <= .5 && .5 <= gap.Hi, "%v", gap)
	require.Equal(t, gamed.Known(), int(gap.N))
	_, ok = gamed.Gap(1)
	require.False(t, ok)
	_, ok = new(agreement.Divergence).Gap(.95)
	require.False(t, ok)
	require.Error(t, gamed.Add(true, 1.5, 0, 0))
	require.Error(t, gamed.AddJudged(true, .5, -1))
	require.Error(t, gamed.AddUnknown(true, .5, math.NaN()))
}

// The mean of the corrected values is the mean outcome, of a judge that lies as well, and they stay within their range.
func TestCorrectedValuesAreUnbiased(t *testing.T) {
	t.Parallel()
	for name, judge := range map[string]func(y float64) float64{
		"good": func(y float64) float64 { return .2 + .6*y }, "opposite": func(y float64) float64 { return 1 - y },
		"flattering": func(float64) float64 { return 1 }, "silent": func(float64) float64 { return math.NaN() },
	} {
		rng := rand.New(rand.NewPCG(3, 4))
		c, err := agreement.NewCorrection(.1)
		require.NoError(t, err)
		lo, hi := c.Range()
		sum, squares := 0.0, 0.0
		const n = 100_000
		for range n {
			y := 0.0
			if rng.Float64() < .3 {
				y = 1
			}
			w := c.Left(judge(y))
			if rng.Float64() < .1 {
				w = c.Drawn(judge(y), y)
			}
			require.True(t, lo <= w && w <= hi)
			sum += w
			squares += w * w
		}
		mean := sum / n
		require.InDelta(t, .3, mean, 4*math.Sqrt((squares/n-mean*mean)/n), name)
	}
	for _, bad := range []float64{0, .04, 1.1, math.NaN()} {
		_, err := agreement.NewCorrection(bad)
		require.Error(t, err)
	}
}

func TestOutcomesNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ r, judged, want float64 }{
		{.36, math.Inf(1), .8704}, {.5, math.Inf(1), .75}, {.7, math.Inf(1), .51}, {.8, math.Inf(1), .36}, {.84, math.Inf(1), .2944}, {1, 1000, 1}, {1, 2000, 0}, {.5, 3000, .75 / (1 - .25/3)},
	} {
		got, err := agreement.OutcomesNeeded(c.r, 1000, c.judged)
		require.NoError(t, err)
		require.InDelta(t, c.want, got, 1e-12)
	}
	for _, bad := range [][3]float64{{1.1, 1, 2}, {.5, 0, 1}, {.5, 2, 1}, {math.NaN(), 1, 1}} {
		_, err := agreement.OutcomesNeeded(bad[0], bad[1], bad[2])
		require.Error(t, err)
	}
}

// A state that is written and read at any pair continues to the same bytes.
func TestJudgeStatesContinue(t *testing.T) {
	t.Parallel()
	type state interface {
		encoding.BinaryMarshaler
		encoding.BinaryUnmarshaler
	}
	correction := func() state {
		c, err := agreement.NewCorrection(.2)
		require.NoError(t, err)
		return c
	}
	for name, x := range map[string]struct {
		empty func() state
		add   func(s state, rng *rand.Rand)
	}{
		"trust": {func() state { return &agreement.Trust{} }, func(s state, rng *rand.Rand) {
			j, y := predicts(rng, .85)
			if rng.IntN(5) == 0 {
				require.NoError(t, s.(*agreement.Trust).AddUnknown(j))
			}
			require.NoError(t, s.(*agreement.Trust).Add(j, y))
		}},
		"divergence": {func() state { return &agreement.Divergence{} }, func(s state, rng *rand.Rand) {
			j, y := predicts(rng, .85)
			require.NoError(t, s.(*agreement.Divergence).Add(rng.IntN(2) == 0, .5, j, y))
		}},
		"correction": {correction, func(s state, rng *rand.Rand) {
			s.(*agreement.Correction).Drawn(predicts(rng, .85))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := rand.New(rand.NewPCG(3, 5)), rand.New(rand.NewPCG(3, 5))
			whole, parts := x.empty(), x.empty()
			for range 300 {
				x.add(whole, a)
				data, err := parts.MarshalBinary()
				require.NoError(t, err)
				parts = x.empty()
				require.NoError(t, parts.UnmarshalBinary(data))
				x.add(parts, b)
			}
			want, err := whole.MarshalBinary()
			require.NoError(t, err)
			got, err := parts.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Error(t, parts.UnmarshalBinary(want[:len(want)-1]))
			require.Error(t, parts.UnmarshalBinary(nil))
		})
	}
}

// Pairs that are counted say what they say one by one.
func TestCountedPairs(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 6))
	times := map[agreement.Pair[float64]]int{}
	var single, counted []agreement.Pair[float64]
	var ratings [][]float64
	for range 500 {
		j, y := predicts(rng, .8)
		if rng.IntN(3) == 0 {
			j = .5
		}
		p := agreement.Pair[float64]{Judge: j, Outcome: y}
		single = append(single, p)
		ratings = append(ratings, []float64{j, y})
		times[p]++
	}
	for p, n := range times {
		p.Times = n
		counted = append(counted, p)
	}
	a, err := agreement.Tabulate(single)
	require.NoError(t, err)
	b, err := agreement.Tabulate(counted)
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Equal(t, 500, b.Pairs())
	alpha, err := agreement.Alpha(ratings, agreement.Nominal, level)
	require.NoError(t, err)
	table, err := agreement.TableAlpha(b, level)
	require.NoError(t, err)
	require.InDelta(t, alpha.Value, table.Value, 1e-12)
	require.InEpsilon(t, alpha.SE, table.SE, .05)
	c, err := agreement.CalibratePairs(single, 10, level)
	require.NoError(t, err)
	d, err := agreement.CalibratePairs(counted, 10, level)
	require.NoError(t, err)
	require.Len(t, d.Bins, 3)
	require.InDelta(t, c.Brier, d.Brier, 1e-12)
	require.InDelta(t, c.Error, d.Error, 1e-12)
	_, err = agreement.TableAlpha(agreement.Table[float64]{}, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = agreement.Tabulate([]agreement.Pair[float64]{{Times: -1}})
	require.Error(t, err)
	_, err = agreement.CalibratePairs([]agreement.Pair[float64]{{Probability: .5}}, 10, level)
	require.Error(t, err)
}
