package releases

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/copier"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// What a release has left is copied to the other kind of store and back, and says the same there.
func TestStoresAreCopied(t *testing.T) {
	t.Parallel()
	recordings(t, func(t *testing.T, l left) {
		database := l.database(t)
		first := l.open(t, database)
		stores := map[string]store.Store{l.kind: first}
		from := database
		for _, kind := range []string{"sqlite", "postgres", "sqlite", "postgres"} {
			if kind == l.kind && from == database {
				continue // that is what there is
			}
			to := filepath.Join(t.TempDir(), "copy.db")
			if kind == "postgres" {
				to = pgtest.Start(t)
			}
			require.NoError(t, copier.Copy(t.Context(), from, to, nil))
			other := left{release: l.release, kind: kind}
			stores[to] = other.open(t, to)
			if from = to; kind == l.kind {
				break
			}
		}
		require.Len(t, stores, 3)
		wantJSON, wantText := reported(t, first, l.facts)
		want := read(t, first)
		for name, s := range stores {
			asJSON, asText := reported(t, s, l.facts)
			require.JSONEq(t, string(wantJSON), string(asJSON), name)
			require.Equal(t, string(wantText), string(asText), name)
			require.Equal(t, want, read(t, s), name)
		}
	})
}

// read returns all that a reader gets of a store.
func read(t *testing.T, s store.Store) []any {
	t.Helper()
	ctx := t.Context()
	scores, err := s.Scores(ctx, store.Filter{History: true, Retracted: true, Superseded: true})
	require.NoError(t, err)
	require.NotEmpty(t, scores)
	runs, err := s.Runs(ctx, store.RunFilter{Superseded: true})
	require.NoError(t, err)
	ledger, err := s.Ledger(ctx, store.LedgerFilter{})
	require.NoError(t, err)
	waiting, err := s.Waiting(ctx, always)
	require.NoError(t, err)
	require.NotEmpty(t, waiting)
	keys, err := s.Experiments(ctx)
	require.NoError(t, err)
	all := []any{scores, runs, ledger, waiting, keys}
	for _, key := range keys {
		assignments, err := s.Assignments(ctx, key.Experiment, key.Version)
		require.NoError(t, err)
		all = append(all, assignments)
	}
	return all
}
