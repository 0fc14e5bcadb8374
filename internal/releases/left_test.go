package releases

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// left is one recording of a release.
type left struct {
	release, kind string
	dir           string
	facts         facts
}

// recordings runs a test for what each release has left behind, by kind of store.
func recordings(t *testing.T, test func(t *testing.T, l left)) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(fixtures, "*", "*", factsFile))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, file := range dirs {
		dir := filepath.Dir(file)
		l := left{release: filepath.Base(filepath.Dir(dir)), kind: filepath.Base(dir), dir: dir}
		require.NoError(t, json.Unmarshal(readFile(t, file), &l.facts))
		t.Run(l.release+"/"+l.kind, func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// database returns the store as it was left: a path of a SQLite file, or the url of a Postgres.
func (l left) database(t *testing.T) string {
	t.Helper()
	if l.kind == "postgres" {
		return restore(t, readFile(t, filepath.Join(l.dir, dumpFile)))
	}
	file := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(file, readFile(t, filepath.Join(l.dir, storeFile)), 0o600))
	return file
}

// open brings a store up to date and opens it, until the test ends.
func (l left) open(t *testing.T, database string) (db store.Store) {
	t.Helper()
	var err error
	if l.kind == "postgres" {
		require.NoError(t, postgres.Migrate(t.Context(), database))
		db, err = postgres.Open(t.Context(), database)
	} else {
		db, err = sqlite.Open(t.Context(), database)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// histories returns all that were recorded.
func (l left) histories(t *testing.T) (all []recorded) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(readFile(t, filepath.Join(l.dir, historiesFile))))
	for d.More() {
		var r recorded
		require.NoError(t, d.Decode(&r))
		all = append(all, r)
	}
	require.NotEmpty(t, all)
	return all
}

// events returns the events of a recorded history.
func (r recorded) events(t testing.TB) *historypb.History {
	t.Helper()
	h := &historypb.History{}
	require.NoError(t, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(r.History, h))
	return h
}
