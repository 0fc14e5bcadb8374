package judges_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// kase is one fact of testdata/scorers.json. Every member of the file has a field, and every input must be read: one that
// nobody looks at would be a fact that nothing holds.
type kase struct {
	ID        string                     `json:"id"`
	Family    string                     `json:"family"`
	Scorer    string                     `json:"scorer"`
	Input     map[string]json.RawMessage `json:"input"`
	Expected  json.RawMessage            `json:"expected"`
	Tolerance float64                    `json:"tolerance"`

	Source string `json:"source"` // for people, as are the next two
	Origin string `json:"origin"`
	Note   string `json:"note"`

	unread map[string]bool // inputs
}

// input returns an input, if there is one.
func (c kase) input(name string) (json.RawMessage, bool) {
	raw, ok := c.Input[name]
	delete(c.unread, name)
	return raw, ok
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

// waitingCases are the cases of the other families that there is no function for yet, with what they wait for.
var waitingCases = map[string]string{
	"valid_json-007":      "a JSON Schema validator",
	"valid_json-009":      "a JSON Schema validator",
	"judge_hardening-007": "a verdict in free text: servers that have no structured output",
	"judge_hardening-009": "a verdict in free text",
	"judge_hardening-011": "a verdict in free text",
	"judge_hardening-013": "a verdict in free text",
	"judge_hardening-015": "a verdict in free text",
	"judge_hardening-017": "a verdict in free text",
	"judge_hardening-019": "a verdict in free text",
}

// notCopied are facts about other systems that are wrong for us, with what is right.
var notCopied = map[string]struct {
	right any
	why   string
}{
	"exact_match-009":     {1., "the order of an object's keys means nothing"},
	"exact_match-015":     {0., "null is not the text None"},
	"judge_hardening-021": {nil, "an answer without a score is not the lowest score"},
}

func TestCases(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/scorers.json")
	require.NoError(t, err)
	var file struct {
		About string `json:"about"`
		Cases []kase `json:"cases"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&file))
	listed := map[string]bool{}
	run := 0
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		family, ok := families[c.Family]
		if waiting[c.Family] != "" || waitingCases[c.ID] != "" {
			listed[c.Family], listed[c.ID] = true, true
			require.False(t, ok && waiting[c.Family] != "", "family %q is tested, and waits", c.Family)
			continue
		}
		require.True(t, ok, "family %q is neither tested nor waiting", c.Family)
		run++
		t.Run(c.ID, func(t *testing.T) {
			c.unread = map[string]bool{}
			for name := range c.Input {
				c.unread[name] = true
			}
			got := family(t, c)
			require.Empty(t, c.unread, "inputs that nobody reads")
			if odd, ok := notCopied[c.ID]; ok {
				listed[c.ID] = true
				require.Equal(t, odd.right, got, odd.why)
				require.NotEqual(t, expected(t, c), got, "it is as in the file: nothing is odd")
				return
			}
			requireExpected(t, c, got)
		})
	}
	require.Greater(t, run, 50, "cases that ran")
	for _, names := range [][]string{slices.Collect(maps.Keys(waiting)), slices.Collect(maps.Keys(waitingCases)), slices.Collect(maps.Keys(notCopied))} {
		for _, name := range names {
			require.True(t, listed[name], "%s is listed and there is none", name)
		}
	}
}

// families run a case and return what we say: a number, a boolean as 1 or 0, a text, or nil when there is no value.
var families = map[string]func(t *testing.T, c kase) (got any){
	"levenshtein": func(t *testing.T, c kase) any {
		return judges.Levenshtein(c.text(t, "output"), c.text(t, "expected"))
	},
	"exact_match": func(t *testing.T, c kase) any {
		return number(judges.Exact(c.text(t, "output"), c.text(t, "expected")))
	},
	"includes": func(t *testing.T, c kase) any {
		compare := judges.Includes
		if fold, _ := c.input("ignore_case"); string(fold) == "true" {
			compare = judges.IncludesFold
		}
		return c.anyOf(t, "completion", "ideal", compare)
	},
	"normalized_exact": func(t *testing.T, c kase) any {
		return c.anyOf(t, "output", "targets", judges.Normalized)
	},
	"json_match": func(t *testing.T, c kase) any {
		return c.anyOf(t, "completion", "ideal", judges.SameJSON)
	},
	"numeric_match": func(t *testing.T, c kase) any {
		place, ok := map[string]judges.Place{
			"end": judges.LastNumber, "begin": judges.FirstNumber, "any": judges.AnyNumber, "exact": judges.WholeText,
		}[c.text(t, "location")]
		require.True(t, ok)
		return c.anyOf(t, "output", "targets", func(output, expected string) bool {
			return judges.NumericMatch(output, expected, place)
		})
	},
	"numeric_diff": func(t *testing.T, c kase) any {
		var output, expected float64
		raw, _ := c.input("output")
		if json.Unmarshal(raw, &output) != nil {
			// A number that JSON has no notation for.
			_, err := fmt.Sscan(c.text(t, "output"), &output)
			require.NoError(t, err)
		}
		raw, _ = c.input("expected")
		require.NoError(t, json.Unmarshal(raw, &expected))
		got, err := judges.NumericDiff(output, expected)
		if err != nil {
			require.Zero(t, got)
			return nil
		}
		return got
	},
	"list_contains": func(t *testing.T, c kase) any {
		compare := judges.ListContains
		if extra, _ := c.input("allow_extra_entities"); string(extra) == "true" {
			compare = judges.ListCovers
		}
		return compare(c.texts(t, "output"), c.texts(t, "expected"))
	},
	"valid_json": func(t *testing.T, c kase) any {
		if schema, ok := c.input("schema"); ok {
			require.Equal(t, "null", string(schema), "a schema waits for a validator")
		}
		return number(judges.ValidJSON(c.text(t, "output")))
	},
	"choice_scores": func(t *testing.T, c kase) any {
		require.Equal(t, c.Scorer, c.text(t, "template"))
		var choices map[string]float64
		require.NoError(t, json.Unmarshal(c.Expected, &choices))
		require.NotEmpty(t, choices)
		r := judges.Rubric{Name: c.Scorer, Instructions: "Choose.", Choices: choices}
		require.NoError(t, r.Validate())
		read := func(label string) judges.Verdict {
			reply, err := json.Marshal(map[string]string{"rationale": "so", "verdict": label})
			require.NoError(t, err)
			return r.Read(string(reply))
		}
		require.NotEqual(t, scoring.Scored, read("none of them").State)
		got := map[string]any{}
		for label := range choices {
			v := read(label)
			require.Equal(t, label, v.Label)
			f, ok := v.Value.Float()
			require.True(t, ok)
			got[label] = f
		}
		return got
	},
	"judge_hardening": func(t *testing.T, c kase) any {
		if _, ok := c.input("text"); ok {
			return judges.Neutralize(c.text(t, "text"))
		}
		var scale [2]float64
		raw, _ := c.input("scale")
		require.NoError(t, json.Unmarshal(raw, &scale))
		r := judges.Rubric{Name: "r", Instructions: "Rate.", Scale: judges.Scale{Min: scale[0], Max: scale[1]}}
		v := r.Read(c.text(t, "answer"))
		if v.State != scoring.Scored {
			require.False(t, v.Value.IsSet())
			return nil
		}
		f, _ := v.Value.Float()
		return f
	},
}

// text returns an input that is a text, or the JSON of one that is not.
func (c kase) text(t *testing.T, name string) string {
	raw, ok := c.input(name)
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
	raw, ok := c.input(name)
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
