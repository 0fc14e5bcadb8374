package sqlite_test

import (
	"fmt"
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
	if testing.Short() {
		t.Skip("the race detector takes a second to make each store, and the same code is in TestConformanceInAFile")
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, sqlite.Memory) })
}

func TestConformanceInAFile(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "a file?.db")) })
}

func TestCorrelation(t *testing.T) {
	t.Parallel()
	const stores = 4 // each has one writer
	seeds := 10_000
	if testing.Short() {
		seeds = 1000
	}
	for i := range stores {
		first, last := i*seeds/stores+1, (i+1)*seeds/stores
		t.Run(fmt.Sprintf("seeds %d to %d", first, last), func(t *testing.T) {
			t.Parallel()
			s := open(t, sqlite.Memory)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			storetest.Correlation(t, s, first, last)
		})
	}
}
