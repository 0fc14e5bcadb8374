package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// stores open a new store of each kind, until the test ends.
var stores = map[string]func(*testing.T) store.Store{
	"SQLite": func(t *testing.T) store.Store {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	},
	"Postgres": func(t *testing.T) store.Store {
		dsn := pgtest.Start(t)
		require.NoError(t, postgres.Migrate(t.Context(), dsn))
		s, err := postgres.Open(t.Context(), dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	},
}

// eachStore runs a test on a bench with a store of each kind. wrap may be nil.
func eachStore(t *testing.T, wrap func(store.Store) store.Store, test func(*testing.T, *harness.Bench)) {
	for kind, open := range stores {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, harness.New(t, func(store.Store) store.Store {
				s := open(t)
				if wrap != nil {
					s = wrap(s)
				}
				return s
			}))
		})
	}
}
