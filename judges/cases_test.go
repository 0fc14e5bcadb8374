package judges_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/schema"
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

// notCopied are facts about other systems that are wrong for us, with what is right.
var notCopied = map[string]struct {
	right any
	why   string
}{
	"json_diff-031":       {0., "a key that is missing is not null"},
	"krippendorff-005":    {nil, "ratings that are all the same show no agreement"},
	"quadratic_kappa-003": {nil, "grades that are all the same show no agreement"},
	"reducer-015":         {nil, "a tied vote is undecided"},
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
		require.True(t, ok, "nothing tests family %q", c.Family)
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
	require.Equal(t, 188, run, "every case runs")
	for name := range notCopied {
		require.True(t, listed[name], "%s is listed and there is none", name)
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
		output := c.text(t, "output")
		if raw, ok := c.input("schema"); ok && string(raw) != "null" {
			s, err := schema.Compile(string(raw))
			require.NoError(t, err)
			return number(s.Valid(output))
		}
		return number(judges.ValidJSON(output))
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
		if _, ok := c.input("judge_text"); ok {
			offered := []string{"C", "P", "I"}
			if _, ok := c.input("offered"); ok {
				offered = c.texts(t, "offered")
			}
			r := judges.Rubric{Name: "r", Instructions: "Grade.", Choices: map[string]float64{}}
			for i, label := range offered {
				r.Choices[label] = float64(i)
			}
			require.NoError(t, r.Validate())
			v := r.ReadText(c.text(t, "judge_text"))
			require.Equal(t, v.State == scoring.Scored, v.Value.IsSet())
			if !v.Value.IsSet() {
				return nil
			}
			return v.Label
		}
		var scale [2]float64
		c.read(t, "scale", &scale)
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

func init() {
	for _, more := range []map[string]func(t *testing.T, c kase) any{overlapFamilies, structureFamilies, countFamilies, statisticFamilies} {
		maps.Copy(families, more)
	}
}

// read decodes an input.
func (c kase) read(t *testing.T, name string, to any) {
	raw, ok := c.input(name)
	require.True(t, ok, "no input %q", name)
	require.NoError(t, json.Unmarshal(raw, to))
}

// defined returns a result, or nil where there is none.
func defined(t *testing.T, f float64, err error) any {
	if err != nil {
		require.ErrorIs(t, err, judges.ErrUndefined)
		require.Zero(t, f)
		return nil
	}
	return f
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
		list = nil // a raw message that is decoded into is overwritten
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
	require.NoError(t, agrees(expected(t, c), got, c.Tolerance))
	// An expectation that anything meets would assert nothing.
	for _, wrong := range corrupted(expected(t, c)) {
		require.Error(t, agrees(wrong, got, c.Tolerance), "the case also takes %v", wrong)
	}
}

func agrees(want, got any, tolerance float64) error {
	switch want := want.(type) {
	case float64:
		if f, ok := got.(float64); !ok || !(math.Abs(f-want) <= max(tolerance, 1e-12)) {
			return fmt.Errorf("%v, not %v", got, want)
		}
		return nil
	case string:
		if got == nil && strings.Contains(want, "NaN") {
			return nil // no value, which the file can only write as a text
		}
	case map[string]any:
		values, ok := got.(map[string]any)
		if !ok || len(want) == 0 {
			return fmt.Errorf("%v, not %v", got, want)
		}
		for name := range want {
			if err := agrees(want[name], values[name], tolerance); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case []any:
		values, ok := got.([]any)
		if !ok || len(values) != len(want) || len(want) == 0 {
			return fmt.Errorf("%v, not %v", got, want)
		}
		for i := range want {
			if err := agrees(want[i], values[i], tolerance); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Errorf("%v, not %v", got, want)
	}
	return nil
}

// corrupted returns expectations that are wrong in one place each.
func corrupted(want any) (wrong []any) {
	switch want := want.(type) {
	case float64:
		return []any{want + 0.1, want - 0.1, nil}
	case string:
		return []any{strings.ReplaceAll(want, "NaN", "") + "x", 0.}
	case bool:
		return []any{!want}
	case map[string]any:
		for name, v := range want {
			for _, w := range corrupted(v) {
				other := maps.Clone(want)
				other[name] = w
				wrong = append(wrong, other)
			}
		}
	case []any:
		for i, v := range want {
			for _, w := range corrupted(v) {
				other := slices.Clone(want)
				other[i] = w
				wrong = append(wrong, other)
			}
		}
	case nil:
		return []any{0., ""}
	}
	return wrong
}
