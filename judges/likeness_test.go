package judges_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/judges"
)

// measures say how alike two texts are, from 0 to 1. Symmetric ones do not care which is which.
var measures = map[string]struct {
	score     func(output, expected string) float64
	symmetric bool
	short     bool // a text has to be long to be like itself
}{
	"Levenshtein":   {judges.Levenshtein, true, false},
	"JSONDiff":      {judges.JSONDiff, true, false},
	"TokenF1":       {judges.TokenF1, true, false},
	"Tokens as set": {judges.Tokens{Set: true, Stop: []string{"b"}}.F1, true, false},
	"GLEU":          {judges.GLEU, true, false},
	"BLEU4":         {judges.BLEU4, false, true},
	"ROUGE-1":       {func(a, b string) float64 { return judges.RougeN(1, a, b).F1 }, true, false},
	"ROUGE-2":       {func(a, b string) float64 { return judges.RougeN(2, a, b).F1 }, true, false},
	"ROUGE-L":       {func(a, b string) float64 { return judges.RougeL(a, b).F1 }, true, false},
	"ROUGE-Lsum":    {func(a, b string) float64 { return judges.RougeLsum(a, b).F1 }, false, false},
	"in order": {func(a, b string) float64 {
		return judges.Trajectory(strings.Fields(a), strings.Fields(b), judges.InOrder)
	}, true, false},
	"any order": {func(a, b string) float64 {
		return judges.Trajectory(strings.Fields(a), strings.Fields(b), judges.AnyOrder)
	}, false, false},
	"ListContains": {func(a, b string) float64 { return judges.ListContains(strings.Fields(a), strings.Fields(b)) }, true, false},
}

// Texts of few words, so that they have some in common, in several scripts, and JSON.
var anyText = rapid.OneOf(
	rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "The", "3,000", "3000.0", "über", "ÜBER", "👍", "日本語", "\n", "don't", "-", "e\u0301", "\u200b"}), 0, 8),
		func(words []string) string { return strings.Join(words, " ") }),
	rapid.SampledFrom([]string{"", " ", "\xff", `{}`, `[]`, `null`, `true`, `false`, `1`, `1.0`, `1e999`, `"a"`, `{"a":1,"a":2}`, `{"a":[1,{"b":null}],"c":"x"}`, `{"c":"y","a":[2]}`, `[[],{}]`}),
	rapid.String(),
)

func TestMeasures(t *testing.T) {
	t.Parallel()
	for name, m := range measures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				a, b := anyText.Draw(t, "a"), anyText.Draw(t, "b")
				ab := m.score(a, b)
				require.True(t, ab >= 0 && ab <= 1, ab)
				require.Equal(t, ab, m.score(a, b), "it is the same every time")
				if m.symmetric {
					require.Equal(t, ab, m.score(b, a))
				}
				if self := m.score(a, a); !m.short {
					require.Equal(t, 1.0, self)
				} else {
					require.Contains(t, []float64{0, 1}, self)
				}
			})
		})
	}
}

func TestJSONDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{`{"a":null}`, `{}`, 0},
		{`{"a":null}`, `{"a":null}`, 1},
		{`{"a":null}`, `{"a":0}`, 0},
		{`true`, `false`, 0},
		{`true`, `"true"`, 0},
		{`[true, true]`, `[true, false]`, 0.5},
		{`null`, `"null"`, 0},
		{`{"a":1,"b":{"c":[1,2]}}`, `{"b":{"c":[1,2,3]},"a":1}`, (1 + 2./3) / 2},
		{`{"a":"👍a"}`, `{"a":"a"}`, 0.5},
		{`{}`, `[]`, 0},
		{`[]`, `[1]`, 0},
		{`"1"`, `1`, 1. / 3},
		{`1.0`, `1e0`, 1},
		{`1e999`, `1e999`, 1},
		{`1e999`, `1`, 0},
		{`hello`, `hallo`, 0.8},
	} {
		require.InDelta(t, c.want, judges.JSONDiff(c.a, c.b), 1e-12, "%s %s", c.a, c.b)
	}
	require.Less(t, judges.JSONDiff(`{"a":1,"a":1}`, `{"a":1}`), 1.0, "a key twice has no one meaning")
	require.Less(t, judges.JSONDiff(`9007199254740993`, `9007199254740992`), 1.0, "floats cannot hold the difference")
}

func TestWordsInCommon(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0.8, judges.TokenF1("hello hello world", "hello world"), 1e-12)
	require.Equal(t, 1.0, judges.Tokens{Set: true}.F1("hello hello world", "hello world"))
	require.Equal(t, 1.0, judges.TokenF1("The", "a"), "neither has a word that counts")
	require.Zero(t, judges.TokenF1("the", "cat"))

	require.True(t, judges.FuzzyMatch("It's PARIS, France.", "paris france"))
	require.True(t, judges.FuzzyMatch("...", "the"))
	require.False(t, judges.FuzzyMatch("...", "cat"))
	require.False(t, judges.FuzzyMatch("paris", "london"))

	require.Zero(t, judges.BLEU4("a b c", "a b c"), "there is no 4-gram")
	require.Zero(t, judges.BLEU("a b c d", nil))
	require.Zero(t, judges.BLEU4("", "a b c d"))
	require.InDelta(t, 1, judges.CorpusBLEU([]string{"a b c d", "x"}, [][]string{{"a b c d"}, {"x"}}), 1e-12, "the counts are added up")
	require.Equal(t, 1.0, judges.BrevityPenalty(7, []int{4, 10}), "the shorter one of two as close")
	require.InDelta(t, 0.846481724890614, judges.BrevityPenalty(6, []int{7}), 1e-12)
	require.Zero(t, judges.BrevityPenalty(0, []int{3}))
	require.Equal(t, 1.0, judges.BrevityPenalty(0, nil))

	require.Zero(t, judges.GLEU("", "a"))
	require.Zero(t, judges.GLEU("a", "b"))

	require.Equal(t, judges.Overlap{}, judges.RougeL("", "a"))
	require.Equal(t, judges.Overlap{Precision: 1, Recall: 1, F1: 1}, judges.RougeN(2, "Über!", "über"), "the same words")
	require.Equal(t, judges.Overlap{}, judges.RougeN(2, "a", "b"))
	require.Equal(t, judges.Overlap{Precision: 0.75, Recall: 0.75, F1: 0.75}, judges.RougeL("police kill the gunman", "police killed the gunman"), "Lin 2004, §3.1")
	require.Equal(t, 0.5, judges.RougeL("the gunman kill police", "police killed the gunman").F1, "Lin 2004, §3.1")
	require.Equal(t, 0.8, judges.RougeLsum("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5").Recall, "Lin 2004, §3.2")
	// The expected sentence a b c d e has a b in one sentence and c d in another.
	sum := judges.RougeLsum("a b x\nc d y", "a b c d e")
	require.InDelta(t, 4./6, sum.Precision, 1e-12)
	require.InDelta(t, 4./5, sum.Recall, 1e-12)
	require.InDelta(t, 4./5, judges.RougeLsum("x a\nx a", "x\na\nx\na\nz").Recall, 1e-12)
}

func TestRegex(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{`b+`: true, `^b`: false, `(?i)ABBA$`: true, ``: true, `\p{L}{5}`: false} {
		got, err := judges.Regex("abba", pattern)
		require.NoError(t, err)
		require.Equal(t, want, got, pattern)
	}
	_, err := judges.Regex("abba", `(?=b)`)
	require.ErrorContains(t, err, "pattern")
	ok, err := judges.Regex(strings.Repeat("a", 100_000), `(a+)+b`)
	require.NoError(t, err)
	require.False(t, ok)
}

func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,null,true,"x"]}`, `[{"a":1e400},{"b":-0.0}]`)
	f.Add(`{"a":1,"a":2}`, `{"\ud800":1}`)
	f.Add(strings.Repeat("[", 200)+strings.Repeat("]", 200), `1e999999999999`)
	f.Fuzz(func(t *testing.T, output, expected string) {
		d := judges.JSONDiff(output, expected)
		if !(d >= 0 && d <= 1) || d != judges.JSONDiff(expected, output) || judges.JSONDiff(output, output) != 1 {
			t.Errorf("%q and %q: %v", output, expected, d)
		}
		m, err := judges.JSONKeys(output, expected)
		if err != nil {
			return
		}
		for _, over := range []judges.Reducer{judges.Mean, judges.Every} {
			if score, err := m.Score(over, over); err == nil && !(score >= 0 && score <= 1) {
				t.Errorf("%q and %q: %v", output, expected, score)
			}
		}
		if m, err = judges.JSONKeys(expected, expected); err != nil {
			t.Fatal(err)
		}
		if score, err := m.Score(judges.Every, judges.Every); err == nil && score != 1 {
			t.Errorf("%q does not match itself", expected)
		}
	})
}
