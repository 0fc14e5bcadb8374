package rubrics_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/judgetest"
	"github.com/verdict-dev/verdict/judges/openai"
	"github.com/verdict-dev/verdict/judges/rubrics"
	"github.com/verdict-dev/verdict/scoring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The version of a rubric changes with its text, which is then another judge: it must be meant.
func TestVersions(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, r := range rubrics.All() {
		id, err := r.ID("m", nil)
		require.NoError(t, err, r.Name)
		seen[id.Name] = id.Version
	}
	require.Equal(t, map[string]string{
		"faithfulness": "4631f7d3905ab806", "relevance": "f801bc8cb990af12", "correctness": "682bd6c69a381dc6",
		"tool_choice": "ca69922fc9cab7a2", "instruction_following": "83fc79a5d66efa79", "toxicity": "968e93b44e57d30d",
	}, seen)
}

// Each rubric is asked over HTTP, and each answer that it offers is read.
func TestAnswers(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	sample := judges.Sample{Input: "q", Output: "a", Expected: []string{"e"}, Context: map[string]string{"passage": "p"}}
	for _, r := range rubrics.All() {
		answers := map[string]scoring.Value{}
		for label, score := range r.Choices {
			answers[fmt.Sprintf("%q", label)] = scoring.Number("", score).Value
		}
		for grade := range r.Anchors {
			answers[fmt.Sprint(grade)] = scoring.Number("", float64(grade)).Value
		}
		if r.Boolean {
			answers["true"], answers["false"] = scoring.BoolValue(true), scoring.BoolValue(false)
		}
		require.GreaterOrEqual(t, len(answers), 2, r.Name)
		for answer, want := range answers {
			server, err := judgetest.NewServer(judgetest.Sequence(judgetest.Answer(`{"rationale":"r","verdict":` + answer + `}`)))
			require.NoError(t, err)
			judge, err := openai.New(openai.Options{Rubric: r, Model: "m", BaseURL: server.URL, HTTPClient: client})
			require.NoError(t, err)
			v, err := judge.Judge(t.Context(), sample)
			require.NoError(t, err)
			require.Equal(t, want, v.Value, "%s: %s", r.Name, answer)
			server.Close()
		}
		_, lacking := r.Lacks(judges.Sample{Output: "a"})
		require.Equal(t, r.NeedsContext || r.NeedsExpected, lacking, r.Name)
	}
}
