package estimate_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/estimate"
)

func TestMomentsAgreeWithTwoPassesAndMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-100, 100), 2, 50).Draw(t, "x")
		cut := rapid.IntRange(0, len(x)).Draw(t, "cut")
		var all, left, right estimate.Moments
		var co, coLeft, coRight estimate.CoMoments
		sum := 0.0
		for i, v := range x {
			all.Add(v)
			co.Add(v, v*v)
			if i < cut {
				left.Add(v)
				coLeft.Add(v, v*v)
			} else {
				right.Add(v)
				coRight.Add(v, v*v)
			}
			sum += v
		}
		mean, m2, m3 := sum/float64(len(x)), 0.0, 0.0
		for _, v := range x {
			m2 += (v - mean) * (v - mean)
			m3 += (v - mean) * (v - mean) * (v - mean)
		}
		left.Merge(right)
		for _, m := range []estimate.Moments{all, left} {
			require.InDelta(t, mean, m.Mean, 1e-9)
			require.InDelta(t, m2, m.M2, 1e-9*(1+m2))
			require.InDelta(t, m3, m.M3, 1e-6*(1+m2))
		}
		coLeft.Merge(coRight)
		require.InDelta(t, co.Mxy, coLeft.Mxy, 1e-6*(1+math.Abs(co.Mxy)))
		require.InDelta(t, co.Mxx, m2, 1e-9*(1+m2))
	})
}

func TestStratifyIgnoresADriftThatPoolingTakesForAnEffect(t *testing.T) {
	t.Parallel()
	// The baseline goes from 0.2 to 0.5 while the treated share goes from half to 80%.
	p := func(n, s float64) estimate.Estimate { return estimate.MomentsOf(n, s, s).Proportion() }
	b := []estimate.Estimate{p(1000, 200), p(1600, 800)}
	j := []estimate.Estimate{p(1000, 200), p(400, 200)}
	sb, sj := estimate.Stratify(b, j)
	require.InDelta(t, 0, estimate.Difference(sb, sj).Value, 1e-12)
	pooled := estimate.Difference(p(2600, 1000), p(1400, 400))
	require.Greater(t, pooled.Value/pooled.SE, 5.0)

	one := []estimate.Estimate{b[0], {N: 1, Mean: 1}}
	sb, _ = estimate.Stratify(one, j)
	require.Equal(t, b[0], sb, "an epoch with one unit says nothing")
}

func TestSequenceWidths(t *testing.T) {
	t.Parallel()
	s := estimate.Sequence{Alpha: .05, Planned: 1000}
	for n, want := range map[float64]float64{1000: 1.55, 500: 1.57, 2000: 1.57, 250: 1.67, 100: 1.97, 10_000: 1.65, 100_000: 1.82} {
		require.InDelta(t, want, s.Multiplier(n)/1.959964, .01, "%v", n)
	}
	e := estimate.Effect{N: 800, Value: .1, SE: .02}
	require.InDelta(t, .1, s.Interval(e).Hi-s.Multiplier(800)*.02, 1e-12)
	require.Less(t, s.Interval(e).Lo, s.Lower(e), "one side is nearer than two")
	// The interval excludes 0 exactly when the p-value is under alpha.
	edge := estimate.Effect{N: 800, Value: s.Multiplier(800) * .02, SE: .02}
	require.InDelta(t, .05, s.PValue(edge), 1e-12)
	require.Equal(t, 1.0, s.PValue(estimate.Effect{N: 10}))
	require.Zero(t, s.PValue(estimate.Effect{N: 10, Value: 1}))
}

func TestUnitsFactor(t *testing.T) {
	t.Parallel()
	s := estimate.Sequence{Alpha: .05, Planned: 2000}
	e := estimate.Effect{N: 500, Value: .05, SE: .03}
	r := estimate.UnitsFactor(s, e)
	require.InEpsilon(t, .05, s.Multiplier(500*r)*.03/math.Sqrt(r), 1e-9)
	require.Equal(t, 1.0, estimate.UnitsFactor(s, estimate.Effect{N: 500, Value: 1, SE: .03}))
	require.True(t, math.IsInf(estimate.UnitsFactor(s, estimate.Effect{N: 500, SE: .03}), 1))
}

func TestUpperTailFarOut(t *testing.T) {
	t.Parallel()
	f := estimate.FixedHorizon{Alpha: .05}
	require.InEpsilon(t, 7.61985e-24, f.PValueGreater(estimate.Effect{Value: 10, SE: 1}), 1e-5)
}

func TestBest(t *testing.T) {
	t.Parallel()
	// Two normals have a closed form.
	a, b := estimate.Normal{Mean: .3, SD: .05}, estimate.Normal{Mean: .2, SD: .02}
	sd := math.Hypot(.05, .02)
	p, loss := estimate.Best([]estimate.Posterior{a, b})
	require.InDelta(t, math.Erfc(-.1/sd/math.Sqrt2)/2, p[0], 1e-12)
	_, control := estimate.Normal{Mean: .1, SD: sd}.Risk()
	treatment, _ := estimate.Normal{Mean: .1, SD: sd}.Risk()
	require.InDelta(t, treatment, loss[0], 1e-12)
	require.InDelta(t, control, loss[1], 1e-12)

	// One posterior may be a million times narrower than another.
	p, _ = estimate.Best([]estimate.Posterior{estimate.Normal{SD: 1}, estimate.Normal{Mean: 1, SD: 1e-6}})
	require.InDelta(t, math.Erfc(1/math.Sqrt2)/2, p[0], 1e-9)

	// Betas against drawing, with counts of 0 among them.
	betas := []estimate.Posterior{estimate.Beta{A: .5, B: 3.5}, estimate.Beta{A: 2.5, B: 5.5}, estimate.Beta{A: 40.5, B: 160.5}}
	p, loss = estimate.Best(betas)
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200_000
	wins, losses := [3]float64{}, [3]float64{}
	for range n {
		var x [3]float64
		for i, q := range betas {
			x[i] = drawBeta(rng, q.(estimate.Beta))
		}
		top := slices.Max(x[:])
		for i := range x {
			losses[i] += (top - x[i]) / n
			if x[i] == top {
				wins[i] += 1. / n
			}
		}
	}
	require.InDelta(t, 1, p[0]+p[1]+p[2], 1e-12)
	for i := range p {
		require.InDelta(t, wins[i], p[i], .006)
		require.InDelta(t, losses[i], loss[i], .002)
	}
}

func drawBeta(rng *rand.Rand, b estimate.Beta) float64 {
	x, y := drawGamma(rng, b.A), drawGamma(rng, b.B)
	return x / (x + y)
}

// drawGamma is the method of Marsaglia and Tsang (2000).
func drawGamma(rng *rand.Rand, a float64) float64 {
	if a < 1 {
		return drawGamma(rng, a+1) * math.Pow(rng.Float64(), 1/a)
	}
	d := a - 1./3
	for {
		z := rng.NormFloat64()
		v := math.Pow(1+z/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(rng.Float64()) < z*z/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

func TestKaplanMeier(t *testing.T) {
	t.Parallel()
	h := time.Hour
	// Six units: successes at 1 and 3 hours, one still open at 2, three known to fail.
	read := func(window time.Duration, all ...estimate.Sojourn) estimate.Estimate {
		s := estimate.NewSojourns(window)
		for _, j := range all {
			s.Add(j)
		}
		return s.Estimate()
	}
	e := read(10*h, estimate.Sojourn{After: 3 * h, Success: true}, estimate.Sojourn{After: h, Success: true}, estimate.Sojourn{After: 2 * h},
		estimate.Sojourn{After: 10 * h}, estimate.Sojourn{After: 10 * h}, estimate.Sojourn{After: 10 * h})
	require.InDelta(t, 1-5./6*3/4, e.Mean, 1e-12)
	require.InDelta(t, math.Pow(5./6*3/4, 2)*(1./(6*5)+1./(4*3)), e.Variance, 1e-12)
	require.Equal(t, 6.0, e.N)
	require.Zero(t, read(h).Mean)
	// Without open windows it is the plain share.
	require.InDelta(t, .5, read(10*h, estimate.Sojourn{After: h, Success: true}, estimate.Sojourn{After: 10 * h}).Mean, 1e-12)
}

func TestRanksArePredictableMidRanks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Values further apart than the buckets are wide.
		values := rapid.SliceOfN(rapid.IntRange(-20, 20), 1, 60).Draw(t, "values")
		var r, left, right estimate.Ranks
		require.NotEmpty(t, values)
		for i, k := range values {
			y := math.Copysign(math.Pow(1.5, math.Abs(float64(k))), float64(k))
			if k == 0 {
				y = 0
			}
			less, equal := 0.0, 0.0
			for _, before := range values[:i] {
				switch cmp.Compare(before, k) {
				case -1:
					less++
				case 0:
					equal++
				}
			}
			require.InDelta(t, (less+equal/2+.5)/float64(i+1), r.Next(y), 1e-12)
			if i%2 == 0 {
				left.Next(y)
			} else {
				right.Next(y)
			}
		}
		left.Merge(&right)
		require.Equal(t, r.Next(1), left.Next(1))
	})
}

func TestSampleRatio(t *testing.T) {
	t.Parallel()
	require.Zero(t, estimate.ChiSquareP([]float64{5, 5, 1}, []float64{.5, .5, 0}))
	require.Equal(t, 1.0, estimate.ChiSquareP([]float64{9, 0}, []float64{1, 0}))
	require.InDelta(t, 1, estimate.ChiSquareP([]float64{5, 5, 0}, []float64{.5, .5, 0}), 1e-12)
}

func TestEBH(t *testing.T) {
	t.Parallel()
	log := func(e ...float64) []float64 {
		for i := range e {
			e[i] = math.Log(e[i])
		}
		return e
	}
	// Four hypotheses at 0.05 need 80, 40, 26.7 and 20.
	require.Equal(t, []bool{true, false, true, false}, estimate.EBH(log(41, 3, 90, 26), .05))
	require.Equal(t, []bool{true, true, true, true}, estimate.EBH(log(21, 22, 23, 24), .05))
	require.Equal(t, []bool{false, false}, estimate.EBH(log(39, 19), .05))
	require.Empty(t, estimate.EBH(nil, .05))
}

// The products are half of either Bayes factor, over all epochs, in any order of the units.
func TestSampleRatioIsTheMixtureOfProducts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var s estimate.SampleRatio
		near, wide := 0.0, 0.0
		for range rapid.IntRange(0, 4).Draw(t, "epochs") {
			shares := []float64{rapid.Float64Range(.01, 1).Draw(t, "a"), rapid.Float64Range(.01, 1).Draw(t, "b"), 0}
			sum := shares[0] + shares[1]
			shares[0], shares[1] = shares[0]/sum, shares[1]/sum
			truth := rapid.Float64Range(0, 1).Draw(t, "truth")
			counts := make([]float64, 3)
			for range rapid.IntRange(0, 2000).Draw(t, "n") {
				v := 0
				if rng.Float64() < truth {
					v = 1
				}
				s.Add(counts, shares, v)
				counts[v]++
			}
			null := estimate.MultinomialLogML(counts, shares)
			near += estimate.DirichletLogML(counts, []float64{1000 * shares[0], 1000 * shares[1], 0}) - null
			wide += estimate.DirichletLogML(counts, []float64{1, 1, 0}) - null
		}
		top := max(near, wide)
		want := top + math.Log(math.Exp(near-top)/2+math.Exp(wide-top)/2)
		require.InDelta(t, want, s.LogE(), 1e-8*(1+math.Abs(want)))
		if want < 600 {
			require.InEpsilon(t, math.Exp(want), s.E(), 1e-6)
		}
	})
}
