package verdict_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stiff are phrases that no engineer says aloud, as regular expressions. Each has a sentence that shows it, and how to say
// the same plainly.
var stiff = []struct{ pattern, example, instead string }{
	{`what (is|are|was|were)`, "What is recorded is what was said.", "name the thing: the recorded score"},
	{`whoever`, "It tells whoever waits.", "name who: the scorers that wait"},
	{`whatever`, "It holds, whatever comes first.", "say: any, every, regardless of"},
	{`(is|are|was|were|be|been|being) told`, "The scorer is told.", "active: the scorer gets the outcome; the worker reads the flag"},
	{`told apart`, "Two names are told apart.", "say: distinguish, separate"},
	{`however (often|late|long|many|much|it|that|they)`, "It counts once, however often it comes.", "say: also when it is repeated"},
	{`but for`, "All but for the last.", "say: except"},
	{`stands? in|stands beside`, "It stands in the ledger.", "say: the ledger lists it; it replaces"},
	{`nobody (has|is|was|can|could|will|would|may|must|else|waits|knows|says|asks|needs)`, "Nobody has said so.", "name who: no scorer waits, no run has declared it"},
	{`those (that|who|which|of)`, "Those that wait.", "repeat the noun: the scorers that wait"},
	{`(is|are|as) that of`, "Its name is that of the update.", "repeat the noun: the update's name"},
	{`besides?`, "It runs beside the writes.", "say: next to, in parallel to, in addition to, except"},
	{`(goes|went|gone) on`, "The run goes on.", "say: continues, keeps running"},
	{`all that (is|are|was|were|it|has|a)`, "All that is known.", "say: everything, every"},
	{`lies? in`, "The time lies in the window.", "say: is in"},
	{`in vain`, "It waits in vain.", "say the result: it never gets the outcome"},
	{`(is|are|was|were) there (twice|once|already|before|at once|now|more than once)`, "The key is there twice.", "say: appears twice, exists already"},
	{`(of|by) which (nobody|the|a|an|one|each|it)`, "A unit of which the two differ.", "turn it around: a unit whose two variants differ"},
	{`(takes?|took) the place of|in the place of|gives? way`, "It takes the place of the old one.", "say: replaces, instead of, yields to"},
	{`anew|once more`, "It begins anew.", "say: again"},
	{`at hand`, "The definition is not at hand.", "say: has, does not have"},
	{`nothing is an? \w+ of|so that nothing`, "Nothing is a share of it.", "say the consequence: there is no lift"},
}

// kept are files whose words must not change: the prompt is part of the version of every judge.
var kept = []string{"judges/prompt.go"}

// The text that users and maintainers read (documents, comments, messages) says things as an engineer would say them aloud.
// Tests may use any words.
func TestWordsArePlain(t *testing.T) {
	t.Parallel()
	var patterns []*regexp.Regexp
	for _, s := range stiff {
		p := regexp.MustCompile(`(?i)\b(?:` + s.pattern + `)\b`)
		require.Regexp(t, p, s.example)
		patterns = append(patterns, p)
	}
	files := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (name == "testdata" || strings.HasPrefix(name, ".")):
			return filepath.SkipDir
		case d.IsDir(), strings.HasSuffix(name, "_test.go"), slices.Contains(kept, filepath.ToSlash(path)):
			return nil
		}
		var texts []text
		switch filepath.Ext(name) {
		case ".go":
			texts = goTexts(t, path)
		case ".md":
			texts = markdownTexts(t, path)
		default:
			return nil
		}
		files++
		for _, x := range texts {
			flat := strings.ReplaceAll(x.words, "\n", " ")
			for i, p := range patterns {
				for _, at := range p.FindAllStringIndex(flat, -1) {
					line := x.line + strings.Count(x.words[:at[0]], "\n")
					t.Errorf("%s:%d: %q: %s", path, line, flat[at[0]:at[1]], stiff[i].instead)
				}
			}
		}
		return nil
	}))
	require.Greater(t, files, 300) // the walk saw the repository
}

// text is prose with the line on which it begins.
type text struct {
	line  int
	words string
}

// goTexts returns the comments of a file and its string literals of three words or more, which are messages.
func goTexts(t *testing.T, path string) (texts []text) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, group := range file.Comments {
		texts = append(texts, text{set.Position(group.Pos()).Line, group.Text()})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			words, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			if len(strings.Fields(words)) >= 3 {
				texts = append(texts, text{set.Position(lit.Pos()).Line, words})
			}
		}
		return true
	})
	return texts
}

var (
	fence  = regexp.MustCompile("(?ms)^```.*?^```")
	inline = regexp.MustCompile("`[^`\n]*`")
)

// markdownTexts returns the prose of a document, without its code.
func markdownTexts(t *testing.T, path string) []text {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	prose := fence.ReplaceAllStringFunc(string(data), func(code string) string { return strings.Repeat("\n", strings.Count(code, "\n")) })
	return []text{{1, inline.ReplaceAllString(prose, "code")}}
}
