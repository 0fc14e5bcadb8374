package experiments_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/verdict-dev/verdict/internal/deptest"
)

func TestDependencies(t *testing.T) {
	t.Parallel()
	forbidden := append([]string{"go.temporal.io/", "database/sql", "github.com/stretchr/", "testing"}, deptest.Heavy...)
	for _, pkg := range []string{"experiments", "experiments/bucketing", "experiments/rollout"} {
		deptest.Forbid(t, "github.com/verdict-dev/verdict/"+pkg, forbidden...)
	}
	// The analysis alone computes statistics.
	forbidden = slices.DeleteFunc(forbidden, func(path string) bool {
		return strings.HasPrefix(path, "gonum.org/") || strings.Contains(path, "sketches-go")
	})
	deptest.Forbid(t, "github.com/verdict-dev/verdict/experiments/analysis", forbidden...)
}
