package examples_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	// What snippets use: go test must not take the result of an earlier run for this one when they have changed.
	_ "github.com/verdict-dev/verdict"
	_ "github.com/verdict-dev/verdict/history"
	_ "github.com/verdict-dev/verdict/judges/agreement"
	_ "github.com/verdict-dev/verdict/judges/openai"
	_ "github.com/verdict-dev/verdict/judges/schema"
	_ "github.com/verdict-dev/verdict/store/sqlite"
	_ "github.com/verdict-dev/verdict/storeworker"
	_ "github.com/verdict-dev/verdict/verdicttest"
	_ "github.com/verdict-dev/verdict/webhooks"
)

// known are the packages that a snippet may use without importing them, by the name that it uses.
var known = map[string]string{
	"agreement":   "github.com/verdict-dev/verdict/judges/agreement",
	"client":      "go.temporal.io/sdk/client",
	"context":     "context",
	"errors":      "errors",
	"experiments": "github.com/verdict-dev/verdict/experiments",
	"history":     "github.com/verdict-dev/verdict/history",
	"http":        "net/http",
	"json":        "encoding/json",
	"judges":      "github.com/verdict-dev/verdict/judges",
	"log":         "log",
	"openai":      "github.com/verdict-dev/verdict/judges/openai",
	"os":          "os",
	"schema":      "github.com/verdict-dev/verdict/judges/schema",
	"scoring":     "github.com/verdict-dev/verdict/scoring",
	"sql":         "database/sql",
	"sqlite":      "github.com/verdict-dev/verdict/store/sqlite",
	"strconv":     "strconv",
	"strings":     "strings",
	"temporal":    "go.temporal.io/sdk/temporal",
	"testing":     "testing",
	"time":        "time",
	"verdict":     "github.com/verdict-dev/verdict",
	"verdicttest": "github.com/verdict-dev/verdict/verdicttest",
	"webhooks":    "github.com/verdict-dev/verdict/webhooks",
	"store":       "github.com/verdict-dev/verdict/store",
	"storeworker": "github.com/verdict-dev/verdict/storeworker",
	"converter":   "go.temporal.io/sdk/converter",
	"worker":      "go.temporal.io/sdk/worker",
	"workflow":    "go.temporal.io/sdk/workflow",
}

// assumed are the declarations of the reader's own that a document speaks of without showing them.
var assumed = map[string]string{
	"README.md": "type PullRequest struct{ Key string }",
}

// Every Go snippet of the documentation compiles. A snippet is a file, the
// declarations of a file, or the statements of a function that has a ctx workflow.Context and returns an error. The
// snippets of one document are one package, so that a later one may use what an earlier one declares; a whole file is a
// package of its own.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()
	var documents []string
	for _, pattern := range []string{"../README.md", "../docs/*.md", "*.md", "*/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		documents = append(documents, found...)
	}
	packages := map[string][]string{}
	for i, document := range documents {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		document = strings.TrimPrefix(document, "../")
		if given := assumed[document]; given != "" {
			packages[fmt.Sprintf("document%d", i)] = []string{"package snippets\n" + given}
		}
		for j, s := range snippets(string(text)) {
			name := fmt.Sprintf("document%d", i)
			if s.isFile() {
				name = fmt.Sprintf("document%d_%d", i, j)
			}
			packages[name] = append(packages[name], s.source(t, document))
		}
	}
	require.NotEmpty(t, packages)
	out, err := compile(t, packages)
	require.NoError(t, err, out)
}

// A snippet that does not compile is found, and where it is.
func TestBrokenSnippetIsFound(t *testing.T) {
	t.Parallel()
	text := "# Title\n\n```go\nreturn verdict.Scores(ctx, \"quality\", 0.93)\n```\n"
	found := snippets(text)
	require.Len(t, found, 1)
	out, err := compile(t, map[string][]string{"broken": {found[0].source(t, "docs/broken.md")}})
	require.Error(t, err)
	require.Contains(t, out, "docs/broken.md:4")
	require.Contains(t, out, "undefined: verdict.Scores")
}

// snippet is a block of Go in a document.
type snippet struct {
	line int // of its first line
	text string
}

func snippets(document string) []snippet {
	var all []snippet
	inside := false
	for i, line := range strings.SplitAfter(document, "\n") {
		switch fence := strings.TrimSpace(line); {
		case !inside && fence == "```go":
			inside = true
			all = append(all, snippet{line: i + 2})
		case inside && fence == "```":
			inside = false
		case inside:
			all[len(all)-1].text += line
		}
	}
	return all
}

func (s snippet) isFile() bool {
	return strings.HasPrefix(s.text, "package ") || strings.Contains(s.text, "\npackage ")
}

// source returns the snippet as a file. The compiler's errors have the document's lines.
func (s snippet) source(t *testing.T, document string) string {
	t.Helper()
	position := fmt.Sprintf("//line %s:%d\n", document, s.line)
	if s.isFile() {
		return position + s.text
	}
	body := position + s.text
	file, err := parser.ParseFile(token.NewFileSet(), "", "package snippets\n"+body, 0)
	if err != nil {
		body = "func _(ctx workflow.Context) error {\n" + position + s.text + "\nreturn nil\n}\n"
		file, err = parser.ParseFile(token.NewFileSet(), "", "package snippets\n"+body, 0)
		require.NoError(t, err, "%s:%d", document, s.line)
		body = strings.TrimSuffix(body, "return nil\n}\n") + uses(file) + "return nil\n}\n"
	}
	if len(file.Imports) > 0 {
		return "package snippets\n" + body
	}
	return "package snippets\n" + imports(file) + body
}

// uses returns statements that use the variables of a file's last function: a snippet need not.
func uses(file *ast.File) string {
	var b strings.Builder
	for _, statement := range file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body.List {
		if define, ok := statement.(*ast.AssignStmt); ok && define.Tok == token.DEFINE {
			for _, name := range define.Lhs {
				if ident := name.(*ast.Ident); ident.Name != "_" {
					fmt.Fprintf(&b, "_ = %s\n", ident.Name)
				}
			}
		}
	}
	return b.String()
}

// imports returns the imports of the known packages that a file uses.
func imports(file *ast.File) string {
	used := map[string]bool{}
	unresolved := map[*ast.Ident]bool{}
	for _, ident := range file.Unresolved {
		unresolved[ident] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && unresolved[x] && known[x.Name] != "" {
				used[known[x.Name]] = true
			}
		}
		return true
	})
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&b, "import %q\n", path)
	}
	return b.String()
}

// compile compiles packages that exist in an overlay of the module only.
func compile(t *testing.T, packages map[string][]string) (output string, err error) {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	kept := t.TempDir()
	// Unlike go build it links nothing, and unlike go vet it needs no directories.
	args := []string{"list", "-export", "-f", "", "-overlay", filepath.Join(kept, "overlay.json")}
	for name, files := range packages {
		for i, source := range files {
			file := filepath.Join(kept, fmt.Sprintf("%s_%d.go", name, i))
			require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
			overlay.Replace[filepath.Join(root, "examples", "snippets", name, fmt.Sprintf("snippet%d.go", i))] = file
		}
		args = append(args, "./examples/snippets/"+name)
	}
	data, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(kept, "overlay.json"), data, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}
