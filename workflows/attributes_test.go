package workflows_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]scoring.Score{
		"true": scoring.Bool("b", true), "false": scoring.Bool("b", false),
		"0.9": scoring.Number("n", 0.93), "0.3": scoring.Number("n", 0.3), "0.0": scoring.Number("n", 0), "1.0": scoring.Number("n", 1),
		"-0.1": scoring.Number("n", -0.05), "42": scoring.Number("n", 42), "1.2e+03": scoring.Number("n", 1234),
		"expired": scoring.Expire("n"), "not_applicable": scoring.Decline("n", ""), "error": scoring.Fail("n", ""),
	} {
		require.Equal(t, want, workflows.Bucket(s), s)
	}
	require.Equal(t, "0.0", workflows.Bucket(scoring.Number("n", math.Copysign(0, -1))))
}

// Every tenth is in its own bucket, also as a float32, and as one that somebody has widened.
func TestBucketOfAFloat32(t *testing.T) {
	t.Parallel()
	for i := -10; i <= 10; i++ {
		tenth := float64(i) / 10
		want := strconv.FormatFloat(tenth, 'f', 1, 64)
		v, err := scoring.ValueOf(float32(tenth))
		require.NoError(t, err)
		require.Equal(t, scoring.Number("n", tenth).Value, v)
		require.Equal(t, want, workflows.Bucket(scoring.Of("n", v)))
		require.Equal(t, want, workflows.Bucket(scoring.Number("n", float64(float32(tenth)))))
		require.Equal(t, want, workflows.Bucket(scoring.Number("n", tenth)))
	}
}

// What goes into visibility stays within what a server takes, whatever the names are: 255 characters a keyword, 2,048 bytes
// of JSON an attribute. As much as fits is there.
func TestKeywordsFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var records []scoring.Record
		for range rapid.IntRange(0, 300).Draw(t, "scores") {
			records = append(records, scoring.Record{Score: scoring.Bool(nasty(scoring.MaxName).Draw(t, "name"), true)})
		}
		refs := []scoring.Ref{{Experiment: nasty(scoring.MaxName).Draw(t, "experiment"), Variant: nasty(scoring.MaxName).Draw(t, "variant"), Probability: 0.5}}
		words := workflows.Keywords(records, refs, "run="+nasty(scoring.MaxID).Draw(t, "id"))
		p, err := converter.GetDefaultDataConverter().ToPayload(words)
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.GetData()), 1800)
		for _, w := range words {
			require.LessOrEqual(t, utf8.RuneCountInString(w), 255)
			require.True(t, utf8.ValidString(w))
			require.Equal(t, -1, strings.IndexFunc(w, unicode.IsControl), "%q", w)
		}
		require.True(t, slices.IsSorted(words))
		for _, rec := range records {
			if word := rec.Name + "=true"; !slices.Contains(words, word) {
				require.GreaterOrEqual(t, len(p.GetData())+scoring.EncodedText(word)+1, 1800, "there is room for %q", word)
			}
		}
	})
}

func TestKeywordsAreClamped(t *testing.T) {
	t.Parallel()
	words := workflows.Keywords([]scoring.Record{{Score: scoring.Bool("a", true)}, {Score: scoring.Bool("a", true)}}, nil, "run="+strings.Repeat("é", 1000), "run=\x00\xff")
	require.Equal(t, []string{"a=true", "run=??", "run=" + strings.Repeat("é", 251)}, words)
}
