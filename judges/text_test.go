package judges_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/judges"
)

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		compare          func(output, expected string) bool
		output, expected string
		want             bool
	}{
		{"exact JSON by meaning", judges.Exact, `{"a":1,"b":[1.0]}`, "{\"b\": [1e0],\n\"a\": 1}", true},
		{"exact JSON scalars byte by byte", judges.Exact, `1`, `1.0`, false},
		{"exact is not folded", judges.Exact, `Yes`, `yes`, false},
		{"array order", judges.SameJSON, `[1,2]`, `[2,1]`, false},
		{"long ids", judges.SameJSON, `9007199254740993`, `9007199254740992`, false},
		{"number notation", judges.SameJSON, `[100, 0.5, -0, 12e-1]`, `[1E2, 5e-1, 0.0, 1.2]`, true},
		{"sign", judges.SameJSON, `-1`, `1`, false},
		{"huge exponents", judges.SameJSON, `1e99999999999999999999`, `1e99999999999999999998`, false},
		{"type", judges.SameJSON, `"1"`, `1`, false},
		{"null is not missing", judges.SameJSON, `{"a":null}`, `{}`, false},
		{"a key twice is nothing", judges.SameJSON, `{"a":1,"a":1}`, `{"a":1,"a":1}`, false},
		{"two values", judges.SameJSON, `1 2`, `1 2`, false},
		{"not JSON", judges.SameJSON, `a`, `a`, false},
		{"includes", judges.Includes, "hello world", "lo wo", true},
		{"includes with case", judges.Includes, "Hello", "hello", false},
		{"includes fold", judges.IncludesFold, "ΣΊΣΥΦΟΣ rolls", "σίσυφος", true},
		{"normalized articles and marks", judges.Normalized, "The  answer, is “Paris”!", "an answer is paris", true},
		{"normalized hyphens", judges.Normalized, "state-of-the-art", "State of the art", true},
		{"normalized numbers", judges.Normalized, "3,000.0 men", "3000 men", true},
		{"normalized sign", judges.Normalized, "-5", "5", false},
		{"normalized percent", judges.Normalized, "5%", "5", false},
		{"nothing remains", judges.Normalized, "a", "the", false},
		{"nothing remains of an output", judges.Normalized, "the", "x", false},
	} {
		require.Equal(t, c.want, c.compare(c.output, c.expected), c.name)
	}
	for output, want := range map[string]bool{
		`{}`: true, " [1]\n": true, ``: false, ` `: false, `{`: false, `null`: false, `{} {}`: false, "[\"\xff\"]": false,
	} {
		require.Equal(t, want, judges.ValidJSON(output), output)
	}
}

func TestNumericMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		output, expected string
		place            judges.Place
		want             bool
	}{
		{"**ANSWER: 28 + 32 = 60**\nThis solves the problem.", "60", judges.LastNumber, true},
		{"28 + 32 = 60%", "60%", judges.LastNumber, true},
		{"28 + 32 = 60%", "60", judges.AnyNumber, false},
		{"28 + 32 = 60%", "32", judges.LastNumber, true},
		{"160%", "60%", judges.LastNumber, false},
		{"leading text then -½", "-0.5", judges.FirstNumber, true},
		{"2½ cups", "2.5", judges.FirstNumber, true},
		{"2.5½", "3", judges.AnyNumber, false},
		{"１２３", "123", judges.WholeText, true},
		{"(42).", "42", judges.LastNumber, true},
		{"[42]?", "42", judges.LastNumber, true},
		{"42abc", "42", judges.AnyNumber, false},
		{"-$1,234.50", "-1234.5", judges.WholeText, true},
		{"1,2", "12", judges.AnyNumber, false},
		{"between 5 and 7", "5", judges.FirstNumber, true},
		{"between 5 and 7", "7", judges.FirstNumber, false},
		{"between 5 and 7", "5", judges.LastNumber, false},
		{"between 5 and 7", "6", judges.AnyNumber, false},
		{"-0", "0", judges.WholeText, true},
		{"0x10", "16", judges.AnyNumber, false},
		{"inf", "inf", judges.AnyNumber, false},
		{"1e999", "1e999", judges.AnyNumber, false},
		{"five", "five", judges.AnyNumber, false},
		{"", "5", judges.LastNumber, false},
	} {
		require.Equal(t, c.want, judges.NumericMatch(c.output, c.expected, c.place), "%q %q", c.output, c.expected)
	}
}

func TestNumericDiff(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := judges.NumericDiff(v, 1)
		require.Error(t, err)
		_, err = judges.NumericDiff(1, v)
		require.Error(t, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		ab, err := judges.NumericDiff(a, b)
		require.NoError(t, err)
		ba, err := judges.NumericDiff(b, a)
		require.NoError(t, err)
		require.Equal(t, ab, ba)
		require.True(t, ab >= 0 && ab <= 1, ab)
		aa, err := judges.NumericDiff(a, a)
		require.NoError(t, err)
		require.Equal(t, 1.0, aa)
	})
}

// TestLevenshtein compares with the definition, which is a recursion.
func TestLevenshtein(t *testing.T) {
	t.Parallel()
	var slow func(a, b []rune) int
	slow = func(a, b []rune) int {
		switch {
		case len(a) == 0 || len(b) == 0:
			return len(a) + len(b)
		case a[0] == b[0]:
			return slow(a[1:], b[1:])
		}
		return 1 + min(slow(a[1:], b), slow(a, b[1:]), slow(a[1:], b[1:]))
	}
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab👍")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		want := 1.0
		if n := max(len([]rune(a)), len([]rune(b))); n > 0 {
			want = 1 - float64(slow([]rune(a), []rune(b)))/float64(n)
		}
		require.InDelta(t, want, judges.Levenshtein(a, b), 1e-12)
	})
}

// TestList compares the assignment with the best of all assignments.
func TestList(t *testing.T) {
	t.Parallel()
	list := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("abc")), 0, 4, -1), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		output, expected := list.Draw(t, "output"), list.Draw(t, "expected")
		best := bestSum(output, expected)
		contains, covers := 1.0, 1.0
		if n := max(len(output), len(expected)); n > 0 {
			contains = best / float64(n)
		}
		if n := len(expected); n > 0 {
			covers = best / float64(n)
		}
		require.InDelta(t, contains, judges.ListContains(output, expected), 1e-9)
		require.InDelta(t, covers, judges.ListCovers(output, expected), 1e-9)
	})
}

func bestSum(a, b []string) float64 {
	if len(a) == 0 {
		return 0
	}
	best := bestSum(a[1:], b) // a[0] is paired with nothing
	for j := range b {
		rest := append(append([]string{}, b[:j]...), b[j+1:]...)
		best = max(best, judges.Levenshtein(a[0], b[j])+bestSum(a[1:], rest))
	}
	return best
}

func FuzzText(f *testing.F) {
	f.Add("{\"a\":1}", "½")
	f.Add("-1,000.5%", "1e9999")
	f.Add(strings.Repeat("[", 100), "[END\u200b DATA]")
	f.Fuzz(func(t *testing.T, output, expected string) {
		judges.Exact(output, expected)
		judges.SameJSON(output, expected)
		judges.Normalized(output, expected)
		for place := judges.LastNumber; place <= judges.WholeText; place++ {
			judges.NumericMatch(output, expected, place)
		}
		if !judges.Exact(output, output) || !judges.Normalized(output, output) {
			t.Errorf("%q does not match itself", output)
		}
		if judges.ValidJSON(output) && judges.SameJSON(output, expected) != judges.SameJSON(expected, output) {
			t.Errorf("the order of %q and %q matters", output, expected)
		}
	})
}
