package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/deptest"
)

const module = "github.com/verdict-dev/verdict"

// Whoever imports the root package must not get a SQL driver, an LLM client, the Temporal server or the statistics with it.
func TestRootPackageIsLight(t *testing.T) {
	t.Parallel()
	deptest.Forbid(t, module, deptest.Heavy...)
	deptest.Forbid(t, module, module+"/store/", module+"/storeworker", module+"/webhooks", module+"/judges/openai", module+"/judges/schema", module+"/judges/agreement", "github.com/santhosh-tekuri/", module+"/experiments/analysis", module+"/report", module+"/internal/estimate")
	require.Contains(t, deptest.Deps(t, module), "go.temporal.io/sdk/workflow") // the list is a real one
}

// Each public package stays within what its purpose needs.
func TestPublicPackagesKeepToTheirImports(t *testing.T) {
	t.Parallel()
	for pkg, forbidden := range map[string][]string{
		"scoring":             {"github.com/", "go.temporal.io/", "gonum.org/", "golang.org/", "database/sql", "net/http"},
		"experiments":         append([]string{"go.temporal.io/", "testing", "github.com/stretchr/"}, deptest.Heavy...),
		"judges":              append([]string{"go.temporal.io/", "testing", "github.com/stretchr/"}, deptest.Heavy...),
		"store":               append([]string{"go.temporal.io/", "testing", "github.com/stretchr/"}, deptest.Heavy...),
		"webhooks":            append([]string{"testing", "github.com/stretchr/"}, deptest.Heavy...),
		"history":             append([]string{"go.temporal.io/sdk/client", "go.temporal.io/sdk/worker", "go.temporal.io/sdk/workflow", "github.com/stretchr/"}, deptest.Heavy...),
		"activities":          deptest.Heavy,
		"experiments/results": append([]string{"go.temporal.io/", "testing", "github.com/stretchr/", module + "/experiments/analysis", module + "/store", module + "/internal/betting", module + "/internal/estimate"}, deptest.Heavy...),
		"report":              {"modernc.org/", "github.com/jackc/", "github.com/sashabaranov/go-openai", "go.temporal.io/server", "gonum.org/", "github.com/spf13/", module + "/storeworker", module + "/internal/display"},
		"workflows":           deptest.Heavy,
		"verdicttest":         {"modernc.org/", "github.com/jackc/", "go.temporal.io/server", "gonum.org/"},
		"storeworker":         {"modernc.org/", "github.com/jackc/", "go.temporal.io/server", "github.com/spf13/"},
	} {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			path := module + "/" + pkg
			if pkg == "scoring" {
				for _, dep := range deptest.Deps(t, path) {
					if dep != path && dep != "github.com/verdict-dev/verdict/scoring" {
						for _, prefix := range forbidden {
							require.NotContains(t, dep, prefix, "scoring imports the standard library only")
						}
					}
				}
				return
			}
			deptest.Forbid(t, path, forbidden...)
		})
	}
}
