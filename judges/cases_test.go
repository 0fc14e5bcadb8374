package judges_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// kase is one fact of testdata/scorers.json.
type kase struct {
	ID        string                     `json:"id"`
	Family    string                     `json:"family"`
	Scorer    string                     `json:"scorer"`
	Input     map[string]json.RawMessage `json:"input"`
	Expected  json.RawMessage            `json:"expected"`
	Tolerance float64                    `json:"tolerance"`
}

// waiting are the families that this package has no function for yet, with what they wait for.
var waiting = map[string]string{
	"aggregate":           "means over samples belong to a report",
	"bleu":                "n-gram overlap scorers",
	"classification":      "means over samples belong to a report",
	"cohen_kappa":         "agreement with human raters",
	"confidence_sequence": "estimates from human labels",
	"fuzzy_match":         "token overlap scorers",
	"g_eval":              "scores weighted by token probabilities",
	"gleu":                "n-gram overlap scorers",
	"gwet_ac1":            "agreement with human raters",
	"interval":            "intervals over samples belong to a report",
	"ipw":                 "estimates from human labels",
	"json_diff":           "likeness of JSON documents",
	"json_key_match":      "likeness of JSON documents",
	"krippendorff":        "agreement with human raters",
	"mcnemar":             "agreement with human raters",
	"ppi":                 "estimates from human labels",
	"quadratic_kappa":     "agreement with human raters",
	"rag":                 "scorers of retrieval, most of which ask a model",
	"reducer":             "several samples of one judge",
	"rogan_gladen":        "estimates from human labels",
	"rouge":               "n-gram overlap scorers",
	"token_f1":            "token overlap scorers",
	"tool_calls":          "scorers of tool calls",
	"wilson":              "intervals over samples belong to a report",
}

// notCopied are facts about other systems that are wrong for us: what we say must differ.
var notCopied = map[string]string{
	"exact_match-009":     "the order of an object's keys means nothing",
	"exact_match-015":     "null is not the text None",
	"judge_hardening-021": "an answer without a score is not the lowest score",
}

func TestCases(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/scorers.json")
	require.NoError(t, err)
	var file struct {
		Cases []kase `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	run := 0
	for _, c := range file.Cases {
		if _, ok := waiting[c.Family]; ok {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			family, ok := families[c.Family]
			require.True(t, ok, "family %q is neither tested nor waiting", c.Family)
			got, ok := family(t, c)
			if !ok {
				return
			}
			run++
			if why, ok := notCopied[c.ID]; ok {
				require.NotEqual(t, expected(t, c), got, why)
				return
			}
			requireExpected(t, c, got)
		})
	}
	require.Greater(t, run, 50, "cases that ran")
}

// families run a case and return what we say: a number, a boolean as 1 or 0, a text, or nil when there is no value; ok
// is false for a case that waits.
var families = map[string]func(t *testing.T, c kase) (got any, ok bool){
	"levenshtein": func(t *testing.T, c kase) (any, bool) {
		return judges.Levenshtein(c.text(t, "output"), c.text(t, "expected")), true
	},
	"exact_match": func(t *testing.T, c kase) (any, bool) {
		return number(judges.Exact(c.text(t, "output"), c.text(t, "expected"))), true
	},
	"includes": func(t *testing.T, c kase) (any, bool) {
		compare := judges.Includes
		if string(c.Input["ignore_case"]) == "true" {
			compare = judges.IncludesFold
		}
		return c.anyOf(t, "completion", "ideal", compare), true
	},
	"normalized_exact": func(t *testing.T, c kase) (any, bool) {
		return c.anyOf(t, "output", "targets", judges.Normalized), true
	},
	"json_match": func(t *testing.T, c kase) (any, bool) {
		return c.anyOf(t, "completion", "ideal", judges.SameJSON), true
	},
	"numeric_match": func(t *testing.T, c kase) (any, bool) {
		place, ok := map[string]judges.Place{
			"end": judges.LastNumber, "begin": judges.FirstNumber, "any": judges.AnyNumber, "exact": judges.WholeText,
		}[c.text(t, "location")]
		require.True(t, ok)
		return c.anyOf(t, "output", "targets", func(output, expected string) bool {
			return judges.NumericMatch(output, expected, place)
		}), true
	},
	"numeric_diff": func(t *testing.T, c kase) (any, bool) {
		var output, expected float64
		if json.Unmarshal(c.Input["output"], &output) != nil {
			// A number that JSON has no notation for.
			_, err := fmt.Sscan(c.text(t, "output"), &output)
			require.NoError(t, err)
		}
		require.NoError(t, json.Unmarshal(c.Input["expected"], &expected))
		got, err := judges.NumericDiff(output, expected)
		if err != nil {
			require.Zero(t, got)
			return nil, true
		}
		return got, true
	},
	"list_contains": func(t *testing.T, c kase) (any, bool) {
		compare := judges.ListContains
		if string(c.Input["allow_extra_entities"]) == "true" {
			compare = judges.ListCovers
		}
		return compare(c.texts(t, "output"), c.texts(t, "expected")), true
	},
	"valid_json": func(t *testing.T, c kase) (any, bool) {
		if schema, ok := c.Input["schema"]; ok && string(schema) != "null" {
			return nil, false // waits for a JSON Schema validator
		}
		return number(judges.ValidJSON(c.text(t, "output"))), true
	},
	"choice_scores": func(t *testing.T, c kase) (any, bool) {
		var choices map[string]float64
		require.NoError(t, json.Unmarshal(c.Expected, &choices))
		r := judges.Rubric{Name: c.Scorer, Instructions: "Choose.", Choices: choices}
		require.NoError(t, r.Validate())
		got := map[string]any{}
		for label := range choices {
			reply, err := json.Marshal(map[string]string{"rationale": "so", "verdict": label})
			require.NoError(t, err)
			v := r.Read(string(reply))
			require.Equal(t, label, v.Label)
			f, ok := v.Value.Float()
			require.True(t, ok)
			got[label] = f
		}
		return got, true
	},
	"judge_hardening": func(t *testing.T, c kase) (any, bool) {
		if _, ok := c.Input["text"]; ok {
			return judges.Neutralize(c.text(t, "text")), true
		}
		if _, ok := c.Input["answer"]; ok {
			var scale [2]float64
			require.NoError(t, json.Unmarshal(c.Input["scale"], &scale))
			r := judges.Rubric{Name: "r", Instructions: "Rate.", Scale: judges.Scale{Min: scale[0], Max: scale[1]}}
			v := r.Read(c.text(t, "answer"))
			if v.State != scoring.Scored {
				require.False(t, v.Value.IsSet())
				return nil, true
			}
			f, _ := v.Value.Float()
			return f, true
		}
		return nil, false // a verdict in free text: waits for servers that have no structured output
	},
}

// text returns an input that is a text, or the JSON of one that is not.
func (c kase) text(t *testing.T, name string) string {
	raw, ok := c.Input[name]
	require.True(t, ok, "no input %q", name)
	return asText(t, raw)
}

func asText(t *testing.T, raw json.RawMessage) string {
	var s string
	if raw[0] == '"' {
		require.NoError(t, json.Unmarshal(raw, &s))
		return s
	}
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, raw))
	return compact.String()
}

// texts returns an input that is a list, or a single element.
func (c kase) texts(t *testing.T, name string) []string {
	raw, ok := c.Input[name]
	require.True(t, ok, "no input %q", name)
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		require.NoError(t, json.Unmarshal(raw, &list))
	}
	var texts []string
	for _, element := range list {
		texts = append(texts, asText(t, element))
	}
	return texts
}

// anyOf judges through [judges.Of], as a user with several acceptable answers would.
func (c kase) anyOf(t *testing.T, output, targets string, compare func(output, expected string) bool) float64 {
	j, err := judges.Of(judges.ID{Name: c.Family, Version: "1"}, compare)
	require.NoError(t, err)
	v, err := j.Judge(t.Context(), judges.Sample{Output: c.text(t, output), Expected: c.texts(t, targets)})
	require.NoError(t, err)
	f, ok := v.Value.Float()
	require.True(t, ok)
	return f
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// expected returns the case's expectation with booleans as numbers.
func expected(t *testing.T, c kase) any {
	var want any
	require.NoError(t, json.Unmarshal(c.Expected, &want))
	if b, ok := want.(bool); ok {
		return number(b)
	}
	return want
}

func requireExpected(t *testing.T, c kase, got any) {
	switch want := expected(t, c).(type) {
	case float64:
		require.IsType(t, want, got)
		require.InDelta(t, want, got, max(c.Tolerance, 1e-12))
	case string:
		if got == nil {
			require.Contains(t, want, "NaN", "no value where there should be one")
			return
		}
		require.Equal(t, want, got)
	default:
		require.Equal(t, want, got)
	}
}
