package workflows_test

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

// nasty draws texts of at most n bytes of what JSON escapes, of characters of every width and of ordinary words.
func nasty(n int) *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{"<", ">", "&", `"`, `\`, "\u2028", "\u2029", "\ufffd", "\u00a0", "é", "日", "👍", "a", "answer "})
	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Repeat(piece.Draw(t, "piece"), rapid.IntRange(0, n).Draw(t, "times"))
		return scoring.Clip(strings.Join(rapid.SliceOfN(piece, 1, 20).Draw(t, "pieces"), "")+text, n)
	})
}
