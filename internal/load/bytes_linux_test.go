package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/load"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// Nothing that is asked of a SQLite file reads a number of pages that grows with the scores: the kernel counts what the process reads.
// It is not parallel, since it is about all that the process reads. In a large store:
//
//	go test ./internal/load -run TestReadingsReadFewBytes -v -scores 10000000 -timeout 2h
func TestReadingsReadFewBytes(t *testing.T) { //nolint:paralleltest // see above
	all := load.Reading{Name: "all scores", Do: func(ctx context.Context, s store.Store) error {
		_, err := s.Scores(ctx, store.Filter{Name: "quality"})
		return err
	}}
	readings := append(load.Readings(), all)
	small, large := bytesOf(t, loaded()/10, readings), bytesOf(t, loaded(), readings)
	const slack = 64 << 10 // a deeper tree for each of some lookups
	for _, r := range readings {
		t.Logf("%-28s %8d and %8d bytes", r.Name, small[r.Name], large[r.Name])
		most := small[r.Name]*3/2 + slack
		if r.Name == all.Name {
			require.Greater(t, large[r.Name], most, "it is seen when one reads all")
			continue
		}
		require.LessOrEqual(t, large[r.Name], most, r.Name)
	}
}

// bytesOf fills a file and returns what each reading reads of it with caches that are empty but for what opening leaves in them.
func bytesOf(t *testing.T, scores int, readings []load.Reading) map[string]int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "load.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, load.SQLite(t.Context(), path, load.Shape{Scores: scores, Days: 30, End: end}, nil))
	_, err = s.FoldCounts(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close()) // which ends the write-ahead log
	read := map[string]int64{}
	for _, r := range readings {
		s, err := sqlite.Open(t.Context(), path)
		require.NoError(t, err)
		before := bytesRead(t)
		require.NoError(t, r.Do(t.Context(), s), r.Name)
		read[r.Name] = bytesRead(t) - before
		require.NoError(t, s.Close())
	}
	return read
}

// bytesRead returns how many bytes the process has read of files so far, from the disk or the kernel's cache.
func bytesRead(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	_, err = fmt.Sscanf(string(b), "rchar: %d", &n)
	require.NoError(t, err)
	return n
}

// loaded is how many scores the larger file gets.
func loaded() int {
	if testing.Short() {
		return min(*scores, 20_000)
	}
	return *scores
}
