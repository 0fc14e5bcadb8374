package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// No migration holds up the store or breaks the release before.
func TestMigrationsAreOnline(t *testing.T) {
	t.Parallel()
	require.NoError(t, Migrations.Lint())
}
