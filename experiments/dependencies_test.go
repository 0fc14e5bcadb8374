package experiments_test

import (
	"testing"

	"github.com/verdict-dev/verdict/internal/deptest"
)

func TestDependencies(t *testing.T) {
	t.Parallel()
	forbidden := append([]string{"go.temporal.io/", "database/sql", "github.com/stretchr/", "testing"}, deptest.Heavy...)
	for _, pkg := range []string{"experiments", "experiments/bucketing"} {
		deptest.Forbid(t, "github.com/verdict-dev/verdict/"+pkg, forbidden...)
	}
}
