package app

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/deploying.md has every setting of the worker, with its default.
func TestDeployingHasEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/deploying.md")
	require.NoError(t, err)
	for _, s := range (&workerConfig{}).settings() {
		row := fmt.Sprintf("\n| `%s` | ", s.env)
		if !s.secret {
			row += fmt.Sprintf("`--%s` | ", s.flag)
		}
		if s.fallback != "" {
			row += fmt.Sprintf("`%s` | ", s.fallback)
		}
		require.Contains(t, string(text), row)
	}
}
