package judges_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
)

// overlapFamilies are those of words that texts have in common.
var overlapFamilies = map[string]func(t *testing.T, c kase) any{
	"token_f1": func(t *testing.T, c kase) any {
		tokens := judges.Tokens{Set: true}
		c.read(t, "stop_words", &tokens.Stop)
		return best(t, c, "output", "targets", tokens.F1)
	},
	"fuzzy_match": func(t *testing.T, c kase) any {
		return map[string]any{
			"accuracy": c.anyOf(t, "completion", "ideal", judges.FuzzyMatch),
			"f1_score": best(t, c, "completion", "ideal", judges.TokenF1),
		}
	},
	"bleu": func(t *testing.T, c kase) any {
		if _, ok := c.input("hyp_len"); ok {
			var length int
			var references []int
			c.read(t, "hyp_len", &length)
			c.read(t, "ref_lens", &references)
			return judges.BrevityPenalty(length, references)
		}
		hypothesis, references := c.text(t, "hypothesis"), c.texts(t, "references")
		if _, ok := c.input("n"); ok {
			var n int
			c.read(t, "n", &n)
			matched, total := judges.ModifiedPrecision(hypothesis, references, n)
			return float64(matched) / float64(total)
		}
		return judges.BLEU(hypothesis, references)
	},
	"gleu": func(t *testing.T, c kase) any {
		a, b := c.text(t, "hypothesis"), c.text(t, "reference")
		require.Equal(t, judges.GLEU(a, b), judges.GLEU(b, a))
		return judges.GLEU(a, b)
	},
	"rouge": func(t *testing.T, c kase) any {
		score, ok := map[string]func(output, expected string) judges.Overlap{
			"rouge1":    func(a, b string) judges.Overlap { return judges.RougeN(1, a, b) },
			"rouge2":    func(a, b string) judges.Overlap { return judges.RougeN(2, a, b) },
			"rougeL":    judges.RougeL,
			"rougeLsum": judges.RougeLsum,
		}[c.Scorer]
		require.True(t, ok, c.Scorer)
		o := score(c.text(t, "prediction"), c.text(t, "target"))
		return map[string]any{"precision": o.Precision, "recall": o.Recall, "f": o.F1}
	},
}

// best judges through [judges.Of], which takes the best of several answers.
func best(t *testing.T, c kase, output, targets string, compare func(output, expected string) float64) float64 {
	j, err := judges.Of(judges.ID{Name: c.Family, Version: "1"}, compare)
	require.NoError(t, err)
	v, err := j.Judge(t.Context(), judges.Sample{Output: c.text(t, output), Expected: c.texts(t, targets)})
	require.NoError(t, err)
	f, ok := v.Value.Float()
	require.True(t, ok)
	return f
}

// structureFamilies are those of JSON, calls and rankings.
var structureFamilies = map[string]func(t *testing.T, c kase) any{
	"json_diff": func(t *testing.T, c kase) any {
		a, b := c.text(t, "output"), c.text(t, "expected")
		require.Equal(t, judges.JSONDiff(a, b), judges.JSONDiff(b, a))
		return judges.JSONDiff(a, b)
	},
	"json_key_match": func(t *testing.T, c kase) any {
		var exclude []string
		if _, ok := c.input("exclude_keys"); ok {
			exclude = c.texts(t, "exclude_keys")
		}
		m, err := judges.JSONKeys(c.text(t, "outputs"), c.text(t, "reference"), exclude...)
		require.NoError(t, err)
		reducers := map[string]judges.Reducer{"average": judges.Mean, "all": judges.Every}
		over := judges.Every
		if _, ok := c.input("list_aggregator"); ok {
			over = reducers[c.text(t, "list_aggregator")]
			require.NotNil(t, over)
		}
		if _, ok := c.input("aggregator"); ok {
			name := c.text(t, "aggregator")
			require.NotNil(t, reducers[name])
			score, err := m.Score(reducers[name], over)
			require.NoError(t, err)
			return map[string]any{name: score}
		}
		scores, err := m.Keys(over)
		require.NoError(t, err)
		got := map[string]any{}
		for key, score := range scores {
			got[key] = score
		}
		require.Equal(t, len(expected(t, c).(map[string]any)), len(got), "no other keys")
		return got
	},
	"tool_calls": func(t *testing.T, c kase) any {
		var want, got []json.RawMessage
		c.read(t, "expected", &want)
		c.read(t, "actual", &got)
		for name, order := range map[string]judges.Order{
			"TrajectoryMatch in_order: F1 of LCS": judges.InOrder, "TrajectoryMatch exact": judges.ExactOrder, "TrajectoryMatch any_order": judges.AnyOrder,
		} {
			if c.Scorer == name {
				return judges.Trajectory(c.texts(t, "actual"), c.texts(t, "expected"), order)
			}
		}
		if c.Scorer == "ToolCallF1 (name+args set F1)" {
			return judges.ToolF1(calls(t, got), calls(t, want)).F1
		}
		require.Equal(t, "ToolCorrectness (name + type, order ignored) = matched/expected", c.Scorer)
		return judges.ToolRecall(calls(t, got), calls(t, want))
	},
	"rag": func(t *testing.T, c kase) any {
		if _, ok := c.input("context"); ok {
			share, err := judges.ContextRelevancy(c.text(t, "context"), c.texts(t, "judge_sentences"))
			return defined(t, share, err)
		}
		if _, ok := c.input("judge_verdicts"); ok {
			var verdicts []int
			c.read(t, "judge_verdicts", &verdicts)
			var relevant []bool
			for _, v := range verdicts {
				relevant = append(relevant, v == 1)
			}
			precision, err := judges.AveragePrecision(relevant)
			return defined(t, precision, err)
		}
		if _, ok := c.input("cosine"); ok {
			var cosine, floor float64
			c.read(t, "cosine", &cosine)
			c.read(t, "expected_min", &floor)
			score, err := judges.ScaleCosine(cosine, floor)
			require.NoError(t, err)
			return score
		}
		var tp, fp, fn float64
		c.read(t, "tp", &tp)
		c.read(t, "fp", &fp)
		c.read(t, "fn", &fn)
		f1, err := judges.FBeta(1, tp, fp, fn)
		return defined(t, f1, err)
	},
}

// calls reads calls as objects, or as a name and a kind.
func calls(t *testing.T, list []json.RawMessage) (calls []judges.ToolCall) {
	for _, raw := range list {
		if raw[0] == '[' {
			var pair [2]string
			require.NoError(t, json.Unmarshal(raw, &pair))
			calls = append(calls, judges.ToolCall{Name: pair[0], Kind: pair[1]})
			continue
		}
		var call struct {
			Name string
			Args json.RawMessage
		}
		require.NoError(t, json.Unmarshal(raw, &call))
		calls = append(calls, judges.ToolCall{Name: call.Name, Args: string(call.Args)})
	}
	return calls
}
