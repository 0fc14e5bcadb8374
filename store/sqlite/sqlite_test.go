package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/store/storetest"
)

func open(t *testing.T, dsn string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dsn)
	require.NoError(t, err)
	return s
}

func TestConformanceInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, sqlite.Memory) })
}

func TestConformanceInAFile(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "a file?.db")) })
}

func TestCorrelation(t *testing.T) {
	t.Parallel()
	s := open(t, sqlite.Memory)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	seeds := 10_000
	if testing.Short() {
		seeds = 1000
	}
	storetest.Correlation(t, s, seeds)
}
