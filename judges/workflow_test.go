package judges_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/judges"
)

// inWorkflow calls what workflow code may call. Temporal's workflowcheck reads it (.ci/run) and refuses what could differ in a replay.
func inWorkflow(_ workflow.Context, output, expected string) (map[string]float64, error) {
	scores := map[string]float64{
		"bleu": judges.BLEU4(output, expected), "gleu": judges.GLEU(output, expected), "rouge": judges.RougeL(output, expected).F1,
		"rouge_2": judges.RougeN(2, output, expected).F1, "rouge_sum": judges.RougeLsum(output, expected).F1,
		"levenshtein": judges.Levenshtein(output, expected), "tokens": judges.TokenF1(output, expected), "json": judges.JSONDiff(output, expected),
		"list": judges.ListContains([]string{output}, []string{expected}), "tools": judges.ToolF1([]judges.ToolCall{{Name: "a", Args: output}}, nil).F1,
		"tool_recall": judges.ToolRecall(nil, []judges.ToolCall{{Name: "a"}}), "steps": judges.Trajectory([]string{output}, []string{expected}, judges.AnyOrder),
	}
	holds := map[string]bool{
		"exact": judges.Exact(output, expected), "normalized": judges.Normalized(output, expected), "fuzzy": judges.FuzzyMatch(output, expected),
		"includes": judges.IncludesFold(output, expected), "number": judges.NumericMatch(output, expected, judges.AnyNumber), "valid": judges.ValidJSON(output),
	}
	for _, name := range []string{"exact", "normalized", "fuzzy", "includes", "number", "valid"} {
		scores[name] = number(holds[name])
	}
	keys, err := judges.JSONKeys(output, expected)
	if err != nil {
		return nil, err
	}
	if scores["keys"], err = keys.Score(judges.Mean, judges.Every); err != nil {
		return nil, err
	}
	if scores["ndcg"], err = judges.Ranking([]string{output}).NDCG(map[string]float64{expected: 1}, 0); err != nil {
		return nil, err
	}
	labels, err := judges.Classify([]string{output}, []string{expected})
	if err != nil {
		return nil, err
	}
	macro, err := labels.Scores(1, judges.Macro)
	if err != nil {
		return nil, err
	}
	scores["macro"] = macro.F1
	if _, err = judges.Regex(output, expected); err != nil {
		return nil, err
	}
	scores["majority"], err = judges.Majority([]float64{1, 1, 0})
	return scores, err
}

func TestJudgesInAWorkflow(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(inWorkflow, `{"a":1}`, `{"a":1}`)
	require.NoError(t, env.GetWorkflowError())
	var scores map[string]float64
	require.NoError(t, env.GetWorkflowResult(&scores))
	for name, want := range map[string]float64{"json": 1, "keys": 1, "exact": 1, "ndcg": 1, "macro": 1, "majority": 1, "tools": 0, "bleu": 0} {
		require.Equal(t, want, scores[name], name)
	}
}
