// Package deptest checks that a package never imports certain others, directly or indirectly.
package deptest

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// Heavy are the import paths that no public package may bring in: SQL drivers, LLM clients, the Temporal server,
// statistics, and test dependencies.
var Heavy = []string{
	"modernc.org/", "github.com/jackc/pgx", "github.com/sashabaranov/go-openai",
	"go.temporal.io/server", "gonum.org/", "github.com/DataDog/sketches-go", "go.uber.org/goleak", "pgregory.net/rapid",
}

// Forbid fails the test if pkg depends on a package whose path has one of the prefixes.
func Forbid(tb testing.TB, pkg string, prefixes ...string) {
	tb.Helper()
	for _, dep := range Deps(tb, pkg) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(dep, prefix) {
				tb.Errorf("%s depends on %s", pkg, dep)
			}
		}
	}
}

// Deps returns the import paths of everything that pkg depends on, itself included.
func Deps(tb testing.TB, pkg string) []string {
	tb.Helper()
	cmd := exec.Command("go", "list", "-deps", pkg)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("go list -deps %s: %v\n%s", pkg, err, stderr.String())
	}
	deps := strings.Fields(string(out))
	if len(deps) == 0 {
		tb.Fatalf("go list -deps %s: no packages", pkg)
	}
	return deps
}
