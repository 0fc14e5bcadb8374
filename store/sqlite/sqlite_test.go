package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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

// empty is an empty store in a file. Under the race detector it takes half a second to make one.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "verdict")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "verdict.db")
	s, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil { // which leaves no log beside the file
		return nil, err
	}
	return os.ReadFile(path)
})

func TestConformanceInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, sqlite.Memory) })
}

func TestConformanceInAFile(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		file, err := empty()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "a file?.db")
		require.NoError(t, os.WriteFile(path, file, 0o600))
		return open(t, path)
	})
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
