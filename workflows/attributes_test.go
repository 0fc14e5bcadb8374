package workflows_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]scoring.Score{
		"true": scoring.Bool("b", true), "false": scoring.Bool("b", false),
		"0.9": scoring.Number("n", 0.93), "0.3": scoring.Number("n", 0.3), "0.0": scoring.Number("n", 0), "1.0": scoring.Number("n", 1),
		"-0.1": scoring.Number("n", -0.05), "42": scoring.Number("n", 42), "1.2e+03": scoring.Number("n", 1234),
		"expired": scoring.Unknown("n"), "not_applicable": scoring.Decline("n", ""), "error": scoring.Failure("n", ""),
	} {
		require.Equal(t, want, workflows.Bucket(s), s)
	}
}

// What goes into visibility stays within what a server takes: 255 characters a keyword, 2 KB an attribute.
func TestKeywordsAreClamped(t *testing.T) {
	t.Parallel()
	var records []scoring.Record
	for range 200 {
		records = append(records, scoring.Record{Score: scoring.Bool(strings.Repeat("é", 64), true)})
	}
	records[0].Name = strings.Repeat("a", 100)
	refs := []scoring.Ref{{Experiment: strings.Repeat("x", 128), Variant: strings.Repeat("y", 128)}}
	words := workflows.Keywords(records, refs, "run="+strings.Repeat("w", 1000))
	total := 0
	for _, w := range words {
		require.LessOrEqual(t, utf8.RuneCountInString(w), 255)
		total += len(w) + 4
	}
	require.LessOrEqual(t, total, 2048)
	require.Contains(t, words, strings.Repeat("a", 100)+"=true")
	require.IsIncreasing(t, words)
}
