package judges_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
)

// countFamilies are those of several judgements made one.
var countFamilies = map[string]func(t *testing.T, c kase) any{
	"aggregate": func(t *testing.T, c kase) any {
		var correct []bool
		c.read(t, "correct", &correct)
		require.Equal(t, "accuracy", c.Scorer)
		var verdicts []judges.Verdict
		for _, b := range correct {
			verdicts = append(verdicts, judges.Bool(b, ""))
		}
		mean, err := judges.Mean(judges.Values(verdicts))
		return defined(t, mean, err)
	},
	"reducer": func(t *testing.T, c kase) any {
		var scores []any
		c.read(t, "scores", &scores)
		var values []float64
		for _, s := range scores {
			f, ok := s.(float64)
			if !ok {
				require.Equal(t, "NaN", s)
				f = math.NaN()
			}
			values = append(values, f)
		}
		result, err := reducer(t, c.Scorer)(values)
		return defined(t, result, err)
	},
	"g_eval": func(t *testing.T, c kase) any {
		var grade float64
		c.read(t, "raw_score", &grade)
		probs := func(pairs [][2]any) (top []judges.TokenProb) {
			for _, p := range pairs {
				top = append(top, judges.TokenProb{Token: p[0].(string), LogProb: p[1].(float64)})
			}
			return top
		}
		var tokens []judges.Token
		if _, ok := c.input("tokens"); ok {
			var list []struct {
				Token string   `json:"token"`
				Top   [][2]any `json:"top"`
			}
			c.read(t, "tokens", &list)
			for _, token := range list {
				tokens = append(tokens, judges.Token{Token: token.Token, Top: probs(token.Top)})
			}
		} else {
			var top [][2]any
			c.read(t, "top_logprobs", &top)
			tokens = []judges.Token{{Token: fmt.Sprint(grade), Top: probs(top)}}
		}
		score, method, err := judges.WeightedScore(grade, judges.Scale{Min: 0, Max: 10}, tokens)
		require.NoError(t, err)
		require.Contains(t, []judges.Method{judges.ByProbability, judges.AsGiven}, method)
		return score
	},
	"classification": func(t *testing.T, c kase) any {
		if _, ok := c.input("cells"); ok {
			confusion := c.cells(t)
			require.Equal(t, "weighted F1", c.Scorer)
			scores, err := confusion.Scores(1, judges.Weighted)
			require.NoError(t, err)
			return scores.F1
		}
		if _, ok := c.input("gold_runs"); ok {
			confusion, err := judges.Classify(c.runs(t, "judge_runs"), c.runs(t, "gold_runs"))
			require.NoError(t, err)
			b := confusion.Of("1")
			got := map[string]any{"tp": b.TP, "fn": b.FN, "fp": b.FP, "tn": b.TN}
			for name, share := range map[string]func() (float64, error){
				"sensitivity": b.Sensitivity, "specificity": b.Specificity, "accuracy": b.Accuracy, "prevalence": b.Prevalence, "precision": b.Precision,
			} {
				f, err := share()
				got[name] = defined(t, f, err)
			}
			return got
		}
		average, ok := map[string]judges.Average{"macro": judges.Macro, "micro": judges.Micro, "weighted": judges.Weighted}[c.text(t, "average")]
		require.True(t, ok)
		var beta float64
		c.read(t, "beta", &beta)
		confusion, err := judges.Classify(c.texts(t, "output"), c.texts(t, "expected"))
		require.NoError(t, err)
		scores, err := confusion.Scores(beta, average)
		require.NoError(t, err)
		return map[string]any{"precision": scores.Precision, "recall": scores.Recall, "f1": scores.F1}
	},
}

// reducer returns a reducer by its name in the file.
func reducer(t *testing.T, name string) judges.Reducer {
	var k int
	var threshold float64
	for format, make := range map[string]func(int, float64) judges.Reducer{
		"at_least_%d(value>=%g)": judges.AtLeast, "pass_at_%d(value>=%g)": judges.PassAt, "pass_k_%d(value>=%g)": judges.PassAll,
	} {
		if n, _ := fmt.Sscanf(name, format, &k, &threshold); n == 2 {
			return make(k, threshold)
		}
	}
	r, ok := map[string]judges.Reducer{
		"mean": judges.Mean, "median": judges.Median, "mode": judges.Mode, "max": judges.Max, "min": judges.Min,
		"any reducer over only unscored (NaN) values":                               judges.Mean,
		"agentclash majority vote: an even tie counts as PASS (quirk, do-not-copy)": judges.Majority,
	}[name]
	require.True(t, ok, name)
	return r
}

// runs expands labels that are given as [label, repeat].
func (c kase) runs(t *testing.T, name string) (labels []string) {
	var runs [][2]float64
	c.read(t, name, &runs)
	for _, r := range runs {
		for range int(r[1]) {
			labels = append(labels, fmt.Sprint(r[0]))
		}
	}
	return labels
}

// cells reads counts that are given as [expected, output, count].
func (c kase) cells(t *testing.T) (confusion judges.Confusion) {
	var cells [][3]any
	c.read(t, "cells", &cells)
	for _, cell := range cells {
		require.NoError(t, confusion.Add(cell[1].(string), cell[0].(string), cell[2].(float64)))
	}
	return confusion
}
