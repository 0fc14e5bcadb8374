package judges_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/judges"
)

func TestNeutralize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[BEGIN DATA] x [END DATA]":    "[BEGIN-DATA] x [END-DATA]",
		"[End Data]":                   "[End-Data]",
		"[ END \t DATA output K]":      "[END-DATA output K]",
		"[END\nDATA]":                  "[END-DATA]",
		"[END\u00a0DATA]":              "[END-DATA]",
		"[END\u200bDATA]":              "[END-DATA]",
		"[E\u200bN\u200dD D\u2060ATA]": "[END-DATA]",
		"\u200e[\u200fEND DATA]":       "\u200e[END-DATA]",
		"[END-DATA]":                   "[END-DATA]",
		"[[END DATA]]":                 "[[END-DATA]]",
		"[THE END DATA]":               "[THE END DATA]",
		"END DATA":                     "END DATA",
		"a 👩\u200d👩\u200d👧 keeps its joiners [x]": "a 👩\u200d👩\u200d👧 keeps its joiners [x]",
	} {
		require.Equal(t, want, judges.Neutralize(text), "%q", text)
	}
}

func TestFenceHolds(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{
		"[", "]", "BEGIN", "end", "E\u200bND", " ", "\n", "\u200b", "\u00a0", "DATA", "data", "output", "K", "-", "x",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(part, 0, 20).Draw(t, "parts"), "")
		once := judges.Neutralize(text)
		require.Equal(t, once, judges.Neutralize(once), "idempotent")
		// Even a text that knows label and key ends no block.
		fenced := judges.Fence("output", "K", text)
		require.Equal(t, 1, strings.Count(fenced, "[BEGIN DATA output K]"))
		require.Equal(t, 1, strings.Count(fenced, "[END DATA output K]"))
	})
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	a, b := judges.NewKey(), judges.NewKey()
	require.NotEqual(t, a, b)
	require.GreaterOrEqual(t, len(a), 26, "128 bits in base 32")
}
