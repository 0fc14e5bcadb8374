package agreement_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/agreement"
	"github.com/verdict-dev/verdict/scoring"
)

const level = .95

func tabulate(t require.TestingT, pairs []agreement.Pair[float64], labels ...float64) agreement.Table[float64] {
	table, err := agreement.Tabulate(pairs, labels...)
	require.NoError(t, err)
	return table
}

func pairsOf(cells [][]int) (pairs []agreement.Pair[float64]) {
	for i, row := range cells {
		for j, n := range row {
			for range n {
				pairs = append(pairs, agreement.Pair[float64]{Judge: float64(i), Outcome: float64(j)})
			}
		}
	}
	return pairs
}

type statistic = func(agreement.Table[float64], float64) (agreement.Estimate, error)

var statistics = map[string]statistic{
	"observed": agreement.Observed[float64], "kappa": agreement.Kappa[float64], "quadratic": agreement.QuadraticKappa, "AC1": agreement.AC1[float64],
}

// One side that says what the other one says agrees, no order of the sides or the pairs matters, and a value is in its interval.
func TestCoefficients(t *testing.T) {
	t.Parallel()
	grade := rapid.Float64Range(-2, 2)
	for name, f := range statistics {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				var pairs, swapped, same, shuffled []agreement.Pair[float64]
				for range rapid.IntRange(1, 12).Draw(t, "n") {
					p := agreement.Pair[float64]{Judge: math.Round(grade.Draw(t, "judge")), Outcome: math.Round(grade.Draw(t, "outcome")), Probability: rapid.SampledFrom([]float64{0, 1, .5, .1}).Draw(t, "probability")}
					pairs = append(pairs, p)
					swapped = append(swapped, agreement.Pair[float64]{Judge: p.Outcome, Outcome: p.Judge, Probability: p.Probability})
					same = append(same, agreement.Pair[float64]{Judge: p.Judge, Outcome: p.Judge})
				}
				shuffled = rapid.Permutation(pairs).Draw(t, "shuffled")
				e, err := f(tabulate(t, pairs), level)
				if err != nil {
					require.ErrorIs(t, err, judges.ErrUndefined)
					require.Zero(t, e)
				} else {
					require.True(t, -1 <= e.Lo && e.Lo <= e.Value && e.Value <= e.Hi && e.Hi <= 1, e)
					require.Less(t, e.Lo, e.Hi, "few pairs are never certain")
					require.LessOrEqual(t, e.N, float64(len(pairs))+1e-9)
				}
				back, errBack := f(tabulate(t, swapped), level)
				again, errAgain := f(tabulate(t, shuffled), level)
				require.Equal(t, []bool{err == nil, err == nil}, []bool{errBack == nil, errAgain == nil})
				for _, o := range []agreement.Estimate{back, again} {
					require.InDeltaSlice(t, []float64{e.Value, e.Lo, e.Hi, e.SE}, []float64{o.Value, o.Lo, o.Hi, o.SE}, 1e-9)
				}
				if e, err = f(tabulate(t, same), level); err == nil {
					require.InDelta(t, 1, e.Value, 1e-9)
				}
			})
		})
	}
}

// The large-sample variance is the jackknife's, up to terms that vanish as pairs are added.
func TestVarianceIsTheJackknifes(t *testing.T) {
	t.Parallel()
	pairs := pairsOf([][]int{{30, 9, 2}, {6, 40, 11}, {1, 8, 43}})
	n := float64(len(pairs))
	for name, f := range statistics {
		whole, err := f(tabulate(t, pairs), level)
		require.NoError(t, err)
		sum := 0.0
		for i := range pairs {
			rest := append(append([]agreement.Pair[float64]{}, pairs[:i]...), pairs[i+1:]...)
			e, err := f(tabulate(t, rest), level)
			require.NoError(t, err)
			sum += (e.Value - whole.Value) * (e.Value - whole.Value)
		}
		require.InEpsilon(t, math.Sqrt(sum*(n-1)/n), whole.SE, .02, name)
	}
}

// A pair that is drawn with probability 1/2 counts as two, and is worth less than two.
func TestWeights(t *testing.T) {
	t.Parallel()
	pairs := pairsOf([][]int{{20, 5}, {4, 30}})
	twice := append(pairsOf([][]int{{20, 5}, {4, 30}}), pairsOf([][]int{{0, 5}, {0, 0}})...)
	for i, p := range pairs {
		if p.Judge == 0 && p.Outcome == 1 {
			pairs[i].Probability = .5
		}
	}
	for name, f := range statistics {
		weighted, err := f(tabulate(t, pairs), level)
		require.NoError(t, err)
		repeated, err := f(tabulate(t, twice), level)
		require.NoError(t, err)
		require.InDelta(t, repeated.Value, weighted.Value, 1e-12, name)
		require.Greater(t, weighted.Hi-weighted.Lo, repeated.Hi-repeated.Lo)
		require.Less(t, weighted.N, 59.0)
	}
}

func TestKappaParadox(t *testing.T) {
	t.Parallel()
	// The judge says good (1) of all but two, and so do the outcomes.
	table := tabulate(t, pairsOf([][]int{{0, 2}, {3, 95}}))
	observed, err := agreement.Observed(table, level)
	require.NoError(t, err)
	require.InDelta(t, .95, observed.Value, 1e-12)
	kappa, err := agreement.Kappa(table, level)
	require.NoError(t, err)
	require.Less(t, kappa.Value, 0.)
	ac1, err := agreement.AC1(table, level)
	require.NoError(t, err)
	require.Greater(t, ac1.Value, .94)
	prevalence, err := agreement.Prevalence(table, 1, level)
	require.NoError(t, err)
	require.InDelta(t, .97, prevalence.Value, 1e-12)
	for name, want := range map[string]struct {
		f     func(agreement.Table[float64], float64, float64) (agreement.Estimate, error)
		value float64
	}{
		"said": {agreement.Said[float64], .98}, "sensitivity": {agreement.Sensitivity[float64], 95. / 97}, "specificity": {agreement.Specificity[float64], 0},
		"precision": {agreement.Precision[float64], 95. / 98},
	} {
		e, err := want.f(table, 1, level)
		require.NoError(t, err)
		require.InDelta(t, want.value, e.Value, 1e-12, name)
	}
}

func TestUndefined(t *testing.T) {
	t.Parallel()
	one := tabulate(t, pairsOf([][]int{{5}}))
	for name, f := range statistics {
		if name == "observed" {
			continue
		}
		_, err := f(one, level)
		require.ErrorIs(t, err, judges.ErrUndefined, name)
	}
	// Two labels could have been said, so that all of these agreements could have been missed.
	e, err := agreement.AC1(tabulate(t, pairsOf([][]int{{5}}), 0, 1), level)
	require.NoError(t, err)
	require.Equal(t, 1.0, e.Value)
	require.Less(t, e.Lo, .7)
	_, err = agreement.Kappa(tabulate(t, pairsOf([][]int{{5}}), 0, 1), level)
	require.ErrorIs(t, err, judges.ErrUndefined)

	var empty agreement.Table[float64]
	for name, f := range statistics {
		_, err := f(empty, level)
		require.ErrorIs(t, err, judges.ErrUndefined, name)
		for _, level := range []float64{0, 1, math.NaN()} {
			_, err = f(one, level)
			var invalid *scoring.InvalidError
			require.ErrorAs(t, err, &invalid, name)
		}
	}
	_, err = agreement.Sensitivity(one, 7, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
	require.Zero(t, empty.Count(1, 1))

	for _, p := range []agreement.Pair[float64]{{Judge: math.NaN()}, {Outcome: math.NaN()}, {Probability: -1}, {Probability: 2}, {Probability: math.NaN()}, {Probability: 5e-324}} {
		_, err = agreement.Tabulate([]agreement.Pair[float64]{p})
		require.Error(t, err)
	}
	var many []agreement.Pair[float64]
	for i := range 1001 {
		many = append(many, agreement.Pair[float64]{Judge: float64(i)})
	}
	_, err = agreement.Tabulate(many)
	require.ErrorContains(t, err, "1001")
	_, err = agreement.QuadraticKappa(tabulate(t, []agreement.Pair[float64]{{Judge: math.MaxFloat64, Outcome: -math.MaxFloat64}, {Judge: 1, Outcome: 1}, {Judge: -math.MaxFloat64, Outcome: math.MaxFloat64}}), level)
	require.NoError(t, err)
}

func TestAlpha(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, scale := range []agreement.Scale{agreement.Nominal, agreement.Ordinal, agreement.Interval} {
		_, err := agreement.Alpha([][]float64{{1}, {nan, 2}, {}}, scale, level)
		require.ErrorIs(t, err, judges.ErrUndefined)
		_, err = agreement.Alpha([][]float64{{.1, .1}, {.1, .1, .1}}, scale, level)
		require.ErrorIs(t, err, judges.ErrUndefined)
		_, err = agreement.Alpha([][]float64{{1, math.Inf(1)}}, scale, level)
		require.Error(t, err)
		e, err := agreement.Alpha([][]float64{{1, 1}, {2, 2}, {3, 3, nan}}, scale, level)
		require.NoError(t, err)
		require.Equal(t, 1.0, e.Value)
		require.Less(t, e.Lo, .9, "three units are few")
		_, err = agreement.Alpha([][]float64{{math.MaxFloat64, -math.MaxFloat64}, {1, 1}}, scale, level)
		require.NoError(t, err)

		// The definition, pair by pair.
		rapid.Check(t, func(t *rapid.T) {
			ratings := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]float64{1, 2, 2.5, 4, nan}), 0, 4), 1, 7).Draw(t, "ratings")
			want, ok := byDefinition(ratings, scale)
			e, err := agreement.Alpha(ratings, scale, level)
			require.Equal(t, ok, err == nil)
			if ok {
				require.InDelta(t, want, e.Value, 1e-9)
				require.True(t, e.Lo <= e.Value && e.Value <= e.Hi && e.Hi <= 1)
			}
		})
	}
}

// byDefinition is Krippendorff's alpha from the sums over all pairs.
func byDefinition(ratings [][]float64, scale agreement.Scale) (float64, bool) {
	var every []float64
	var units [][]float64
	for _, unit := range ratings {
		var given []float64
		for _, r := range unit {
			if !math.IsNaN(r) {
				given = append(given, r)
			}
		}
		if len(given) > 1 {
			units = append(units, given)
			every = append(every, given...)
		}
	}
	difference := func(a, b float64) float64 {
		switch scale {
		case agreement.Nominal:
			if a == b {
				return 0
			}
			return 1
		case agreement.Interval:
			return (a - b) * (a - b)
		}
		between := 0.0
		for _, r := range every {
			switch {
			case r == a || r == b:
				between += .5
			case r > min(a, b) && r < max(a, b):
				between++
			}
		}
		if a == b {
			return 0
		}
		return between * between
	}
	n, observed, expected := float64(len(every)), 0., 0.
	for _, unit := range units {
		for i, a := range unit {
			for j, b := range unit {
				if i != j {
					observed += difference(a, b) / float64(len(unit)-1)
				}
			}
		}
	}
	for i, a := range every {
		for j, b := range every {
			if i != j {
				expected += difference(a, b)
			}
		}
	}
	if expected == 0 {
		return 0, false
	}
	return 1 - observed*(n-1)/expected, true
}

func TestShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Float64Range(.5, 1e6).Draw(t, "n")
		k := rapid.SampledFrom([]float64{0, n / 3, n}).Draw(t, "k")
		e, err := agreement.Share(k, n, level)
		require.NoError(t, err)
		require.True(t, 0 <= e.Lo && e.Lo <= e.Value && e.Value <= e.Hi && e.Hi <= 1 && e.Lo < e.Hi, e)
	})
	for _, bad := range [][2]float64{{2, 1}, {-1, 1}, {math.NaN(), 1}, {1, math.NaN()}, {1, math.Inf(1)}} {
		_, err := agreement.Share(bad[0], bad[1], level)
		require.Error(t, err)
	}
	_, err := agreement.Share(0, 0, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
	require.Equal(t, 1.0, agreement.McNemar(0, 0))
	require.Equal(t, 1.0, agreement.McNemar(4, 4))
	require.InDelta(t, 1, agreement.McNemarMidP(4, 4), 1e-12)
	require.InDelta(t, 2*(1+12+66)/4096.-66/4096., agreement.McNemarMidP(10, 2), 1e-12)
	require.Equal(t, agreement.McNemarMidP(2, 10), agreement.McNemarMidP(10, 2))
	require.Equal(t, 1.0, agreement.McNemarMidP(0, 0))
	require.InDelta(t, 1, agreement.McNemar(1_000_000, 1_000_000), 1e-9)
	require.InDelta(t, 2*math.Pow(.5, 10), agreement.McNemar(0, 10), 1e-15)
	require.Equal(t, agreement.McNemar(0, 3), agreement.McNemar(-2, 3))
}

func TestCalibrate(t *testing.T) {
	t.Parallel()
	c, err := agreement.Calibrate([]float64{0, .1, .9, 1, 1}, []bool{false, true, true, true, false}, 5, level)
	require.NoError(t, err)
	require.Len(t, c.Bins, 2, "bins without judgements are left out")
	require.InDelta(t, .05, c.Bins[0].Judged, 1e-12)
	require.Equal(t, .5, c.Bins[0].Outcome.Value)
	require.Equal(t, 3.0, c.Bins[1].Outcome.N)
	require.Equal(t, 1.0, c.Bins[1].To)
	require.InDelta(t, (2*.45+3*(2.9/3-2./3))/5, c.Error, 1e-12)
	require.InDelta(t, (0+.81+.01+0+1)/5, c.Brier, 1e-12)
	skill, err := c.Skill()
	require.NoError(t, err)
	require.InDelta(t, 1-c.Brier/.24, skill, 1e-12)

	sure, err := agreement.Calibrate([]float64{.5}, []bool{true}, 1, level)
	require.NoError(t, err)
	_, err = sure.Skill()
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = agreement.Calibrate(nil, nil, 5, level)
	require.ErrorIs(t, err, judges.ErrUndefined)
	for _, bad := range []struct {
		judgements []float64
		bins       int
	}{{[]float64{1.1}, 5}, {[]float64{math.NaN()}, 5}, {[]float64{1, 1}, 5}, {[]float64{1}, 0}} {
		_, err = agreement.Calibrate(bad.judgements, []bool{true}, bad.bins, level)
		require.Error(t, err)
	}

	// A judge whose scores are the probabilities is calibrated.
	rng := rand.New(rand.NewPCG(1, 1))
	var judgements []float64
	var outcomes []bool
	for range 20_000 {
		p := rng.Float64()
		judgements = append(judgements, p)
		outcomes = append(outcomes, rng.Float64() < p)
	}
	c, err = agreement.Calibrate(judgements, outcomes, 10, level)
	require.NoError(t, err)
	require.Less(t, c.Error, .02)
	require.InDelta(t, 1./6, c.Brier, .01)
}

func Example() {
	var pairs []agreement.Pair[string]
	for judge, outcomes := range map[string]map[string]int{"good": {"good": 85, "bad": 6}, "bad": {"good": 3, "bad": 6}} {
		for outcome, n := range outcomes {
			for range n {
				pairs = append(pairs, agreement.Pair[string]{Judge: judge, Outcome: outcome})
			}
		}
	}
	table, err := agreement.Tabulate(pairs)
	if err != nil {
		panic(err)
	}
	for _, s := range []struct {
		name string
		of   func(agreement.Table[string], float64) (agreement.Estimate, error)
	}{{"agree", agreement.Observed[string]}, {"kappa", agreement.Kappa[string]}, {"AC1", agreement.AC1[string]}} {
		e, err := s.of(table, .95)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%-5s %.2f, from %.2f to %.2f\n", s.name, e.Value, e.Lo, e.Hi)
	}
	// Output:
	// agree 0.91, from 0.84 to 0.95
	// kappa 0.52, from 0.24 to 0.77
	// AC1   0.89, from 0.77 to 0.94
}
