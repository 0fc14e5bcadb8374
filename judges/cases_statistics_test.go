package judges_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/special"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/agreement"
)

const level = 0.95

// statisticFamilies are those of a judge held to outcomes.
var statisticFamilies = map[string]func(t *testing.T, c kase) any{
	"krippendorff": func(t *testing.T, c kase) any {
		scale, ok := map[string]agreement.Scale{"nominal": agreement.Nominal, "ordinal": agreement.Ordinal, "interval": agreement.Interval}[c.text(t, "level")]
		require.True(t, ok)
		var units [][]float64
		if _, ok := c.input("units"); ok {
			c.read(t, "units", &units)
		} else {
			var raters [][]*float64
			c.read(t, "ratings_by_rater", &raters)
			units = make([][]float64, len(raters[0]))
			for _, ratings := range raters {
				for u, r := range ratings {
					if r == nil {
						r = new(math.NaN())
					}
					units[u] = append(units[u], *r)
				}
			}
		}
		alpha, err := agreement.Alpha(units, scale, level)
		return within(t, alpha, err)
	},
	"cohen_kappa": func(t *testing.T, c kase) any {
		if _, ok := c.input("cells"); ok {
			var cells [][3]any
			c.read(t, "cells", &cells)
			var pairs []agreement.Pair[string]
			for _, cell := range cells {
				for range int(cell[2].(float64)) {
					pairs = append(pairs, agreement.Pair[string]{Judge: cell[0].(string), Outcome: cell[1].(string)})
				}
			}
			table, err := agreement.Tabulate(pairs)
			require.NoError(t, err)
			kappa, err := agreement.Kappa(table, level)
			return within(t, kappa, err)
		}
		var weights *string
		c.read(t, "weights", &weights)
		if weights != nil {
			require.Equal(t, "quadratic", *weights)
			kappa, err := agreement.QuadraticKappa(c.raters(t), level)
			return within(t, kappa, err)
		}
		kappa, err := agreement.Kappa(c.raters(t), level)
		return within(t, kappa, err)
	},
	"quadratic_kappa": func(t *testing.T, c kase) any {
		kappa, err := agreement.QuadraticKappa(c.raters(t), level)
		return within(t, kappa, err)
	},
	"gwet_ac1": func(t *testing.T, c kase) any {
		ac1, err := agreement.AC1(c.raters(t), level)
		return within(t, ac1, err)
	},
	"wilson": func(t *testing.T, c kase) any {
		var successes, n float64
		c.read(t, "successes", &successes)
		c.read(t, "n", &n)
		share, err := agreement.Share(successes, n, level)
		require.NoError(t, err)
		return map[string]any{"lower": share.Lo, "upper": share.Hi}
	},
	"mcnemar": func(t *testing.T, c kase) any {
		var a, b, both int
		c.read(t, "only_a_passes", &a)
		c.read(t, "only_b_passes", &b)
		p := agreement.McNemar(a, b)
		require.Equal(t, p, agreement.McNemar(b, a))
		if _, ok := c.input("concordant_added"); !ok {
			return p
		}
		c.read(t, "concordant_added", &both)
		pairs := slices.Repeat([]agreement.Pair[bit]{{Judge: 1, Outcome: 1}}, both)
		pairs = append(pairs, slices.Repeat([]agreement.Pair[bit]{{Judge: 1}}, a)...)
		pairs = append(pairs, slices.Repeat([]agreement.Pair[bit]{{Outcome: 1}}, b)...)
		table, err := agreement.Tabulate(pairs)
		require.NoError(t, err)
		return map[string]any{"p_unchanged": agreement.McNemar(int(table.Count(1, 0)), int(table.Count(0, 1))) == p}
	},
	"interval": func(t *testing.T, c kase) any {
		if _, ok := c.input("df"); ok {
			var df, p float64
			c.read(t, "df", &df)
			c.read(t, "p", &p)
			// The quantile is what an interval of a standard error of 1 reaches to.
			quantile := special.StudentQuantile(p, df)
			require.InDelta(t, quantile, estimate.FixedHorizon{Alpha: 2 * (1 - p), Freedom: df}.Interval(estimate.Effect{SE: 1}).Hi, 1e-9*quantile)
			return quantile
		}
		var values []any
		c.read(t, "values", &values)
		var numbers []float64
		grades := judges.Rubric{Name: "r", Instructions: "Grade.", Choices: map[string]float64{"C": 1, "P": 0.5, "I": 0, "N": 0}}
		graded := false
		for _, v := range values {
			f, ok := v.(float64)
			if !ok {
				graded = true
				f, ok = grades.ReadText("GRADE: " + v.(string)).Value.Float()
				require.True(t, ok)
			}
			numbers = append(numbers, f)
		}
		if graded {
			require.Equal(t, "mean with C=1,P=0.5,I=0,N=0", c.Scorer)
			mean, err := judges.Mean(numbers)
			return defined(t, mean, err)
		}
		var cluster []string
		if _, ok := c.input("cluster"); ok {
			var modulus int
			_, err := fmt.Sscanf(c.text(t, "cluster"), "i mod %d", &modulus)
			require.NoError(t, err)
			for i := range numbers {
				cluster = append(cluster, fmt.Sprint(i%modulus))
			}
		}
		mean, err := agreement.Mean(numbers, cluster, level)
		require.NoError(t, err)
		return mean.SE
	},
	"ppi": func(t *testing.T, c kase) any {
		var outcomes, judged, unlabelled []float64
		c.read(t, "labeled_human", &outcomes)
		c.read(t, "labeled_judge", &judged)
		ppi := agreement.PPI{Convention: c.convention()}
		if _, ok := c.input("unlabeled_judge"); ok {
			c.read(t, "unlabeled_judge", &unlabelled)
		} else {
			var ones, zeros int
			c.read(t, "unlabeled_judge_ones", &ones)
			c.read(t, "unlabeled_judge_zeros", &zeros)
			unlabelled = append(slices.Repeat([]float64{1}, ones), slices.Repeat([]float64{0}, zeros)...)
		}
		if _, ok := c.input("lambda"); ok {
			c.read(t, "lambda", &ppi.Lambda)
		}
		mean, err := ppi.Mean(outcomes, judged, unlabelled, level)
		require.NoError(t, err)
		require.True(t, mean.Lo <= mean.Value && mean.Value <= mean.Hi)
		return map[string]any{"estimate": mean.Value, "se": mean.SE, "lower": mean.Lo, "upper": mean.Hi, "lam": mean.Lambda}
	},
	"rogan_gladen": func(t *testing.T, c kase) any {
		var observed, sensitivity, specificity float64
		c.read(t, "observed_rate", &observed)
		c.read(t, "sensitivity", &sensitivity)
		c.read(t, "specificity", &specificity)
		share, err := agreement.RoganGladen(observed, sensitivity, specificity)
		return defined(t, share, err)
	},
	"ipw": func(t *testing.T, c kase) any {
		var list []*float64
		var values, probabilities []float64
		c.read(t, "values", &list)
		c.read(t, "propensity", &probabilities)
		for _, v := range list {
			if v == nil {
				v = new(math.NaN())
			}
			values = append(values, *v)
		}
		mean, err := agreement.Drawn(values, probabilities, level)
		require.NoError(t, err)
		return map[string]any{"estimate": mean.Value, "lower": mean.Lo, "upper": mean.Hi}
	},
	// Its time is the sum of the variances so far, and so a sequence of ours over units of this time.
	"confidence_sequence": func(t *testing.T, c kase) any {
		var batches, errs []float64
		var alpha float64
		var tightest int
		c.read(t, "batch_estimates", &batches)
		c.read(t, "batch_se", &errs)
		c.read(t, "miscoverage", &alpha)
		c.read(t, "tightest_at_batch", &tightest)
		var means, lower []any
		sum, time := 0.0, 0.0
		times := make([]float64, len(batches))
		for i := range batches {
			time += errs[i] * errs[i]
			times[i] = time
		}
		sequence := estimate.Sequence{Alpha: alpha, Planned: times[tightest-1]}
		for i := range batches {
			sum += batches[i]
			n := float64(i + 1)
			means = append(means, sum/n)
			lower = append(lower, sequence.Lower(estimate.Effect{N: times[i], Value: sum / n, SE: math.Sqrt(times[i]) / n}))
		}
		return map[string]any{"running_mean": means, "lower": lower}
	},
}

type bit uint8

// convention returns the one of the program whose numbers a case has.
func (c kase) convention() agreement.Convention {
	switch {
	case strings.Contains(c.Source, "ppi_py"):
		return agreement.PPIPy
	case strings.Contains(c.Source, "glide"):
		return agreement.Glide
	}
	return agreement.Unbiased
}

func (c kase) raters(t *testing.T) agreement.Table[float64] {
	var pairs []agreement.Pair[float64]
	expand := func(name string) (labels []float64) {
		var runs [][2]float64
		c.read(t, name, &runs)
		for _, r := range runs {
			labels = append(labels, slices.Repeat([]float64{r[0]}, int(r[1]))...)
		}
		return labels
	}
	a, b := expand("rater1_runs"), expand("rater2_runs")
	require.Len(t, b, len(a))
	for i := range a {
		pairs = append(pairs, agreement.Pair[float64]{Judge: a[i], Outcome: b[i]})
	}
	table, err := agreement.Tabulate(pairs)
	require.NoError(t, err)
	return table
}

// within returns a value that is in its interval, or nil where there is none.
func within(t *testing.T, e agreement.Estimate, err error) any {
	require.True(t, e.Lo <= e.Value && e.Value <= e.Hi)
	return defined(t, e.Value, err)
}
